"""Blocks -> a terminal or a file, through rich."""

from __future__ import annotations

from dataclasses import replace
from typing import IO, TYPE_CHECKING

from vmnet.report.blocks import Block, Grid, Line, Style
from vmnet.report.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.table import Table

FILE_WIDTH = 120
"""Columns of a table that goes to a file or a pipe, unless the caller says otherwise."""

_BETWEEN, _EDGES = len(" | "), len("  ")
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
                continue
            grid = _printable(block)
            widths = fit(grid, self._console.width)
            if widths is None:
                self.show(_stanzas(grid))
            else:
                self._console.print(_table(grid, widths))


def _printable(grid: Grid) -> Grid:
    return replace(grid, rows=tuple(tuple(printable(cell) for cell in row) for row in grid.rows))


def fit(grid: Grid, width: int) -> tuple[int, ...] | None:
    """Return the widths of columns that fit into `width` without breaking a word; None where they cannot."""
    columns = list(zip(grid.columns, *grid.rows, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    least = [max((len(word) for cell in column for word in cell.split()), default=1) for column in columns]
    available = width - _EDGES - _BETWEEN * (len(columns) - 1)
    if sum(least) > available:
        return None
    while sum(widths) > available:
        roomy = max(range(len(widths)), key=lambda i: (widths[i] > least[i], widths[i]))
        widths[roomy] -= 1
    return tuple(max(one, 1) for one in widths)


def _stanzas(grid: Grid) -> Iterator[Line]:
    """The rows one below the other, for a screen too narrow for the table."""
    for row, style in zip(grid.rows, grid.styles, strict=True):
        for number, (column, cell) in enumerate(zip(grid.columns, row, strict=True)):
            if cell:
                yield Line(f"{'- ' if number == 0 else '  '}{column + ': ' if column else ''}{cell}", style)


def _table(grid: Grid, widths: tuple[int, ...]) -> Table:
    from rich.box import ASCII2
    from rich.table import Table
    from rich.text import Text

    table = Table(box=ASCII2, show_edge=False, pad_edge=False, header_style="bold")
    for column, width in zip(grid.columns, widths, strict=True):
        table.add_column(Text(column), width=width, overflow="fold")
    for row, style in zip(grid.rows, grid.styles, strict=True):
        table.add_row(*(Text(cell) for cell in row), style=_LOOKS[style] or None)
    return table
