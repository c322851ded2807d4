r"""Text that nmcli prints with `-t` -> fields. Pure; seen with nmcli 1.42 and 1.52.

With `-t`, nmcli prints a table in one of two forms, and neither escapes a newline inside a value:

- **rows** (`-m tabular`, and lists): fields joined by ":". A ":" or "\" inside a value has a backslash before it, so
  the fields can always be told apart, although a newline need not be the end of a row.
- **pairs** (`-m multiline`): "NAME:VALUE" on a line, nothing escaped. A value with a newline may look like other pairs.
"""

from __future__ import annotations

import re

from vmnet.errors import ToolError
from vmnet.lines import lines_of

_FIELD = re.compile(r"[^:\\]*(?:\\.?[^:\\]*)*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NAME = re.compile(r"([A-Za-z0-9-]+)\.[A-Za-z0-9_-]+:")
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
        raise Unclear(f"vmnet cannot read a table that nmcli printed: {text[:80]!r}")
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


def join_forms(pairs: str, rows: str) -> list[dict[str, str]]:
    """Return the profiles that nmcli has printed in both forms, each as its properties and their values.

    In rows the values can be told apart, and have no names; in pairs they have names. So the next value of the rows
    says where in the pairs the next name begins.

    Args:
        pairs: `nmcli -t -f profile connection show uuid U ...`.
        rows: the same with `-m tabular`: a row for each section, beginning with its name.

    Raises:
        Unclear: the two are not the same profiles.
    """
    section, *values = _fields(rows)
    first, at = section, 0
    profiles: list[dict[str, str]] = [{}] if values else []
    for raw in values:
        name = _NAME.match(pairs, at)
        if name is None or name[1] != section:
            raise _differ(pairs, at)
        value, following = _split_last(_unescape(raw), pairs, name.end(), first)
        profiles[-1][name[0][:-1]] = value
        at = name.end() + len(value) + 1
        section = section if following is None else following
        if following == first:
            # A blank line separates profiles.
            at += 1
            profiles.append({})
    if at != len(pairs) or (values and section):
        raise _differ(pairs, at)
    return profiles


def _split_last(value: str, pairs: str, at: int, first: str) -> tuple[str, str | None]:
    """Return a value, and the section that follows it: None where its row goes on, "" at the end.

    The last value of a row is joined by a newline with the name of the next section.

    Args:
        value: a field of the rows, unescaped.
        at: where in the pairs the value begins.
        first: the section with which each profile begins.
    """
    if pairs.startswith(f"{value}\n", at):
        return value, None
    value, _, following = value.rpartition("\n")
    value = value.removesuffix("\n") if following == first else value
    if not pairs.startswith(f"{value}\n", at):
        raise _differ(pairs, at)
    return value, following


def _differ(pairs: str, at: int) -> Unclear:
    return Unclear(f"nmcli printed other profiles in rows than in pairs, which begin: {pairs[at : at + 80]!r}")


def _fields(text: str) -> list[str]:
    """Return what is between colons that no backslash escapes."""
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
    """Return the things that are shown as pairs, each as its names and values; a blank line separates two.

    Newlines at the end of a thing are left out: they are not told from those between things.

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
            raise Unclear(f"nmcli printed {', '.join(tuple(thing)[: len(opening)])} in an unknown order")
    return things
