"""Text from outside: its lines, its numbers."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"[0-9]{1,18}")


def lines_of(text: str) -> list[str]:
    r"""Return the lines of `text` without their ends; the last one may have none.

    Only "\n" ends a line. str.splitlines() also takes U+2028, U+0085, a form feed and others for line ends, and all of
    these may stand in a name that somebody else gave.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def number_of(text: str) -> int | None:
    """Return a decimal number; None for other text, and for more than 18 digits, which nothing here counts to."""
    return int(text) if _NUMBER.fullmatch(text) else None
