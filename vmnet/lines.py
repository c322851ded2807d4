"""Text from outside, line by line."""

from __future__ import annotations


def lines_of(text: str) -> list[str]:
    r"""Return the lines of `text` without their ends; the last one may have none.

    Only "\n" ends a line. str.splitlines() also takes U+2028, U+0085, a form feed and others for line ends, and all of
    these may stand in a name that somebody else gave.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines
