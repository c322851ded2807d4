"""Blocks -> a terminal or a file, through rich."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import IO, TYPE_CHECKING

from vmnet.report.blocks import Block, Grid, Line, Style
from vmnet.report.words import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.table import Table

FILE_WIDTH = 120
"""Columns of a table that goes to a file or a pipe, unless the caller says otherwise."""

_BETWEEN = len(" | ")
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

        self._stream = stream
        # Not straight to the stream: rich would end the process when its reader goes away.
        self._buffer = io.StringIO()
        self._console = Console(
            file=self._buffer,
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
        self._render(blocks)
        self._stream.write(self._buffer.getvalue())
        self._buffer.seek(0)
        self._buffer.truncate()

    def _render(self, blocks: Iterable[Block]) -> None:
        from rich.text import Text

        for block in blocks:
            if isinstance(block, Line):
                # Wrapping or cropping would break a command that somebody pastes.
                self._console.print(Text(printable(block.text), style=_LOOKS[block.style]), soft_wrap=True)
            else:
                self._render_grid(_printable(block))

    def _render_grid(self, grid: Grid) -> None:
        narrow = grid
        for column in (None, *grid.spare):
            narrow = narrow.without(column) if column else narrow
            widths = fit(narrow, self._console.width)
            if widths is not None:
                self._console.print(_table(narrow, widths))
                return
        self._render(_stanzas(grid))


def _printable(grid: Grid) -> Grid:
    return replace(grid, rows=tuple(tuple(printable(cell) for cell in row) for row in grid.rows))


def fit(grid: Grid, width: int) -> tuple[int, ...] | None:
    """Return the widths of columns that fit into `width` without breaking a word; None where they cannot."""
    columns = list(zip(grid.columns, *grid.rows, strict=True))
    widths = [max(len(cell) for cell in column) for column in columns]
    least = [max((len(word) for cell in column for word in cell.split()), default=1) for column in columns]
    available = width - _BETWEEN * (len(columns) - 1)
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
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    # Padding of our own: rich's differs between versions at the edges.
    last = len(widths) - 1
    pads = [(0, int(i != last), 0, int(i != 0)) for i in range(len(widths))]
    table = Table(box=ASCII2, show_edge=False, padding=0, header_style="bold")
    for column, width, pad in zip(grid.columns, widths, pads, strict=True):
        table.add_column(Padding(column, pad), width=width + pad[1] + pad[3], overflow="fold")
    for row, style in zip(grid.rows, grid.styles, strict=True):
        cells = (Padding(Text(cell), pad) for cell, pad in zip(row, pads, strict=True))
        table.add_row(*cells, style=_LOOKS[style] or None)
    return table
