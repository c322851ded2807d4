"""The checks of all rules. Each registers itself where it is written, by the decorator of the command that runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmnet.checks.findings import Finding
    from vmnet.facts import Facts
    from vmnet.spec import BridgeSpec

    Check = Callable[[BridgeSpec, Facts], Iterator[Finding]]

VERIFIED: list[Check] = []
"""What verify looks at, and doctor where the bridge exists."""
DIAGNOSED: list[Check] = []
"""What only doctor looks at, on any host: it needs no bridge."""


def verified(check: Check) -> Check:
    """Register a check of verify: it compares the goal with the facts, and yields a finding for each thing it sees."""
    VERIFIED.append(check)
    return check


def diagnosed(check: Check) -> Check:
    """Register a check of doctor alone."""
    DIAGNOSED.append(check)
    return check
