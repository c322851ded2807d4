"""What each rule is about, in words: read from the files in texts/, which `vmnet explain` and docs/rules.md print.

A check yields findings and names its rule; how bad that is, why it matters and what helps stands here, once a rule.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

from vmnet.fields import decode


class Severity(StrEnum):
    """How bad it is. ERROR: somebody has no network, or loses part of it, now. WARNING: all works, and will not after a
    reboot, a pulled cable, a domain's next start. INFO: nothing need be done."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A rule in words.

    Args:
        id: stable: "bond.mode".
        layer: where in the report it stands: one of `findings.LAYERS`.
        severity: how bad it is where the rule does not hold.
        title: what holds where all is well, without a full stop.
        why: why it matters, two sentences.
        fix: what helps, in general; the commands for the case at hand are the finding's.
        pains: numbers of docs/pains.md that it answers.
    """

    id: str
    layer: str
    severity: Severity
    title: str
    why: str
    fix: str
    pains: tuple[int, ...] = ()


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
def read_rules() -> dict[str, Rule]:
    """Return all rules by their ids, in the order of the files."""
    return {
        key: decode(Rule, {"id": key, **body}, f"rule {key}") for text in _texts() for key, body in text["rule"].items()
    }


@cache
def read_pains() -> dict[int, Pain]:
    """Return all pains by their numbers, in rising order."""
    found = {
        int(key): decode(Pain, {"number": int(key), **body}, f"pain {key}")
        for text in _texts()
        for key, body in text.get("pain", {}).items()
    }
    return dict(sorted(found.items()))


@cache
def _texts() -> tuple[dict[str, dict[str, dict[str, object]]], ...]:
    folder = resources.files("vmnet.checks").joinpath("texts")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(tomllib.loads(file.read_text("utf-8")) for file in files)
