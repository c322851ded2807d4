r"""Text that nmcli prints with `-t` -> fields. Pure; seen with nmcli 1.42 and 1.52.

With `-t`, nmcli prints a table in one of two forms, and neither escapes a newline inside a value:

- **rows** (`-m tabular`, and lists): fields joined by ":". A ":" or "\" inside a value has a backslash before it, so
  the fields can always be told apart, although a newline need not be the end of a row.
- **pairs** (`-m multiline`): "NAME:VALUE" on a line, nothing escaped. A value with a newline may look like other pairs.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmnet.errors import ToolError
from vmnet.lines import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FIELD = re.compile(r"[^:\\]*(?:\\.?[^:\\]*)*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_PAIR = re.compile(r"([A-Za-z0-9-]+\.[A-Za-z0-9_-]+(?:\[\d+\])?):(.*)", re.DOTALL)


class Unclear(ToolError):
    """nmcli's text reads in more than one way, or in none."""


def split_rows(text: str, columns: int) -> list[tuple[str, ...]]:
    """Return the rows of a table, unescaped.

    Args:
        columns: how many fields a row has, two at least. No value of the first column may hold a newline.

    Raises:
        Unclear: the text is no such table.
    """
    fields = _fields(text)
    if fields == [""]:
        return []
    rows, odd = divmod(len(fields) - 1, columns - 1)
    if odd or not rows:
        raise Unclear(f"nmcli printed a table that is not understood: {text[:80]!r}")
    found = []
    first = fields[0]
    for last in range(columns - 1, len(fields), columns - 1):
        # The last field of a row and the first one of the next row are joined by a newline.
        end, _, following = fields[last].rpartition("\n")
        found.append(tuple(map(_unescape, (first, *fields[last - columns + 2 : last], end))))
        first = following
    if first:
        raise Unclear(f"nmcli printed a table that ends within a row: {text[-80:]!r}")
    return found


def split_sections(text: str, names_of: Callable[[str, Mapping[str, str]], tuple[str, ...]]) -> list[dict[str, str]]:
    """Return the profiles of `nmcli -t -m tabular -f profile connection show`, each as its properties and their values.

    A row of the text is a section of a profile. Newlines at the end of a row's last value are left out: they are not
    told from those between rows.

    Args:
        names_of: returns the names of a section's settings in nmcli's order. It is given the section's name, and what
            the sections before it say of the same profile.

    Raises:
        Unclear: the text is no such table.
    """
    fields = _fields(text)
    profiles: list[dict[str, str]] = []
    section, place = fields[0], 0
    while section:
        if section == fields[0]:
            profiles.append({})
        names = names_of(section, profiles[-1])
        first, place = place + 1, place + len(names)
        if not names or place >= len(fields):
            raise Unclear(f"nmcli's section {section!r} is not understood")
        end, _, following = fields[place].rpartition("\n")
        values = map(_unescape, (*fields[first:place], end.rstrip("\n")))
        profiles[-1].update((f"{section}.{name}", value) for name, value in zip(names, values, strict=True))
        section = following
    if place != len(fields) - 1:
        raise Unclear(f"nmcli printed sections that are not understood: {text[:80]!r}")
    return profiles


def _fields(text: str) -> list[str]:
    """Return what stands between colons that no backslash escapes."""
    found, place = [], 0
    while place <= len(text):
        field = _FIELD.match(text, place)
        end = field.end() if field else len(text)
        found.append(text[place:end])
        place = end + 1
    return found


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def read_pairs(text: str, *opening: str) -> list[dict[str, str]]:
    """Return the things that are shown as pairs, each as its names and values; a blank line stands between two.

    As with sections, newlines at the end of a thing are left out.

    Args:
        opening: the first names of each thing, in their order.

    Raises:
        Unclear: a value may hold a newline: a line is no pair, a name comes twice, or a thing begins otherwise.
    """
    things: list[dict[str, str]] = []
    blank = True
    for line in lines_of(text):
        if not line:
            blank = True
            continue
        pair = _PAIR.fullmatch(line)
        if pair is None or blank != (pair[1] == opening[0]):
            raise Unclear(f"nmcli printed a line that belongs to no pair: {line[:80]!r}")
        if blank:
            things.append({})
        elif pair[1] in things[-1]:
            raise Unclear(f"nmcli printed {pair[1]} twice")
        things[-1][pair[1]] = pair[2]
        blank = False
    for thing in things:
        if tuple(thing)[: len(opening)] != opening:
            raise Unclear(f"nmcli printed {', '.join(tuple(thing)[: len(opening)])} in an order that is not known")
    return things
