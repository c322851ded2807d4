"""The pains of docs/pains.md, from the files that hold the rules."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from vmnet.checks.rule_texts import read_texts
from vmnet.fields import decode


@dataclass(frozen=True, slots=True, kw_only=True)
class Pain:
    """Something that goes wrong for people who do this job, and what vmnet has against it besides rules.

    Args:
        number: stable.
        title: what they see.
        prevented_by: the command that keeps it from happening, and how.
        test: the test that shows it, "tests/plan/test_nics.py::test_wifi_is_refused".
        reason: why neither a command nor a rule can answer it.
    """

    number: int
    title: str
    prevented_by: str = ""
    test: str = ""
    reason: str = ""


@cache
def read_pains() -> dict[int, Pain]:
    """Return all pains by their numbers, in rising order."""
    found = {
        int(key): decode(Pain, {"number": int(key), **body}, f"pain {key}")
        for text in read_texts()
        for key, body in text.get("pain", {}).items()
    }
    return dict(sorted(found.items()))
