"""Risks that the admin may accept by name: a refusal without that name, a warning with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """A reason against a change, and what to do instead.

    `flag` is the option that accepts it, "" where nothing can; `accepted` whether it was given.
    """

    message: str
    hint: str
    flag: str = ""
    accepted: bool = False


def settle(risks: Iterable[Risk]) -> tuple[str, ...]:
    """Return a warning for each risk, all of them accepted.

    Raises:
        Refused: one is not.
    """
    warnings = []
    for risk in risks:
        if not risk.accepted:
            raise Refused(risk.message, f"{risk.hint}; {risk.flag} accepts this risk" if risk.flag else risk.hint)
        warnings.append(f"{risk.message} (accepted with {risk.flag})")
    return tuple(warnings)


def listed(items: Iterable[str], most: int = 3) -> str:
    """Return the first few of `items`, and how many more there are."""
    found = tuple(dict.fromkeys(items))
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
