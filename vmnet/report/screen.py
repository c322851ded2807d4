"""What the renderers make: lines and tables, plain records that a screen then prints."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import zip_longest
from typing import IO

from vmnet.names import printable


class Style(StrEnum):
    """How a line is meant; the screen chooses the look."""

    PLAIN = "plain"
    HEADING = "heading"
    COMMAND = "command"
    ADDED = "added"
    REMOVED = "removed"
    WARNING = "warning"
    QUIET = "quiet"
    GOOD = "good"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is never wrapped: what is on it may be a command to paste."""

    text: str = ""
    style: Style = Style.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A table; the columns are fitted to the screen, no cell is ever cut. `styles` has one entry a row.

    `spare` are the columns that a narrow screen may leave out, the first one first.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    styles: tuple[Style, ...]
    spare: tuple[str, ...] = ()

    def without(self, column: str) -> Grid:
        """Return the table without one column."""
        place = self.columns.index(column)
        rows = tuple((*row[:place], *row[place + 1 :]) for row in self.rows)
        columns = (*self.columns[:place], *self.columns[place + 1 :])
        return Grid(columns=columns, rows=rows, styles=self.styles, spare=self.spare)


Block = Line | Grid


def packed(items: Iterable[str], width: int, between: str = ", ") -> Iterator[Line]:
    """Yield indented lines of as many items as fit into `width` columns; no item is broken."""
    line = ""
    for item in items:
        if line and len(line) + len(between) + len(item) > width:
            yield Line(f"    {line}{between.rstrip()}")
            line = ""
        line = f"{line}{between}{item}" if line else item
    yield Line(f"    {line}")


# Blocks -> a terminal or a file; rich knows the colours.

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
        colour: whether to send colour codes at all.
        width: columns to fit tables into.
    """

    def __init__(self, stream: IO[str], *, colour: bool = False, width: int = FILE_WIDTH) -> None:
        self._stream = stream
        self._width = width
        self._paint = _painter() if colour else _no_paint

    def show(self, blocks: Iterable[Block]) -> None:
        """Print the blocks in order."""
        self._stream.writelines(f"{line}\n" for line in self._lines(blocks))

    def _lines(self, blocks: Iterable[Block]) -> Iterator[str]:
        for block in blocks:
            if isinstance(block, Line):
                # Wrapping or cropping would break a command that somebody pastes.
                yield self._paint(printable(block.text), block.style)
            else:
                yield from self._grid(_printable(block))

    def _grid(self, grid: Grid) -> Iterator[str]:
        narrow = grid
        for column in (None, *grid.spare):
            narrow = narrow.without(column) if column else narrow
            widths = fit(narrow, self._width)
            if widths is not None:
                yield from self._table(narrow, widths)
                return
        yield from self._lines(_stanzas(grid))

    def _table(self, grid: Grid, widths: tuple[int, ...]) -> Iterator[str]:
        yield from (self._paint(line, Style.HEADING) for line in _row(grid.columns, widths))
        yield "-+-".join("-" * width for width in widths)
        for row, style in zip(grid.rows, grid.styles, strict=True):
            yield from (self._paint(line, style) for line in _row(row, widths))


def _no_paint(text: str, _: Style) -> str:
    return text


def _painter() -> Callable[[str, Style], str]:
    from rich.style import Style as Look

    looks = {style: Look.parse(look) for style, look in _LOOKS.items()}
    return lambda text, style: looks[style].render(text)


def _printable(grid: Grid) -> Grid:
    return replace(grid, rows=tuple(tuple(printable(cell) for cell in row) for row in grid.rows))


def fit(grid: Grid, width: int) -> tuple[int, ...] | None:
    """Return the widths of columns that fit into `width` without breaking a word; None where they cannot."""
    columns = [set(column) for column in zip(grid.columns, *grid.rows, strict=True)]
    widths = [max(map(_cells, column)) for column in columns]
    least = [max((_cells(word) for cell in column for word in cell.split()), default=1) for column in columns]
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


def _row(cells: tuple[str, ...], widths: tuple[int, ...]) -> Iterator[str]:
    """Yield the lines of a row: a cell that is wider than its column goes on in the next one."""
    wrapped = [
        [cell] if _cells(cell) <= width else textwrap.wrap(cell, width, break_on_hyphens=False)
        for cell, width in zip(cells, widths, strict=True)
    ]
    for lines in zip_longest(*wrapped, fillvalue=""):
        padded = (line + " " * (width - _cells(line)) for line, width in zip(lines, widths, strict=True))
        yield " | ".join(padded).rstrip(" ")


def _cells(text: str) -> int:
    """Return how many columns of a terminal the text takes: letters of some scripts take two."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)
