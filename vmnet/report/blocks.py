"""What the renderers make: lines and tables, plain records that a screen then prints."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


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
