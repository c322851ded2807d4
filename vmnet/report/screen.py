"""Blocks -> a terminal or a file, through rich."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from vmnet.report.blocks import Block, Grid, Line, Style
from vmnet.report.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

FILE_WIDTH = 120
"""Columns of a table that goes to a file or a pipe, unless the caller says otherwise."""

_LOOKS = {
    Style.PLAIN: "",
    Style.HEADING: "bold",
    Style.COMMAND: "cyan",
    Style.ADDED: "green",
    Style.REMOVED: "red",
    Style.WARNING: "yellow",
    Style.QUIET: "dim",
    Style.GOOD: "green",
    Style.BAD: "bold red",
}


class Screen:
    """Prints blocks to a text stream.

    Args:
        stream: where to.
        colour: whether to send colour and other control codes at all.
        width: columns to fit tables into; None: as wide as the terminal.
    """

    def __init__(self, stream: IO[str], *, colour: bool = False, width: int | None = FILE_WIDTH) -> None:
        from rich.console import Console

        self._console = Console(
            file=stream,
            force_terminal=colour,
            color_system="auto" if colour else None,
            width=width,
            highlight=False,
            markup=False,
            emoji=False,
            legacy_windows=False,
        )

    def show(self, blocks: Iterable[Block]) -> None:
        """Print the blocks in order."""
        for block in blocks:
            if isinstance(block, Line):
                # Wrapping or cropping would break a command that somebody pastes.
                self._console.print(printable(block.text), style=_LOOKS[block.style] or None, soft_wrap=True)
            else:
                self._console.print(_table(block))


def _table(grid: Grid) -> Table:
    from rich.box import ASCII2
    from rich.table import Table
    from rich.text import Text

    table = Table(box=ASCII2, show_edge=False, pad_edge=False, header_style="bold")
    for column in grid.columns:
        table.add_column(Text(column), overflow="fold")
    for row, style in zip(grid.rows, grid.styles, strict=True):
        table.add_row(*(Text(printable(cell)) for cell in row), style=_LOOKS[style] or None)
    return table
