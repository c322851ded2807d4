"""Text from outside: its lines, its numbers, its addresses, its patterns."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, ip_address

_NUMBER = re.compile(r"[0-9]{1,18}")


def lines_of(text: str) -> list[str]:
    r"""Return the lines of `text` without their ends; the last one may have none.

    Only "\n" ends a line. str.splitlines() also takes U+2028, U+0085, a form feed and others for line ends, and all of
    these may be in a name that somebody else gave.
    """
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return lines


def number_of(text: str) -> int | None:
    """Return a decimal number; None for other text, and for more than 18 digits, which nothing here counts to."""
    return int(text) if _NUMBER.fullmatch(text) else None


def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """Return an IP address; None for other text."""
    try:
        return ip_address(text.strip())
    except ValueError:
        return None


LONGEST_PATTERN = 255
"""No part of a path may be longer (NAME_MAX), and no name of a link or a key of sysctl is."""


def fits_pattern(name: str, pattern: str) -> bool:
    """Return whether a shell pattern fits a name, upper and lower case told apart; one that is too long fits none.

    The standard library takes quadratic time for a pattern of many "[": for 64 KiB of them, hours.
    """
    return len(pattern) <= LONGEST_PATTERN and fnmatchcase(name, pattern)
