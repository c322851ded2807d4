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
    """How bad it is. ERROR: the host or a domain has no network now, or only part of it. WARNING: all works now, but
    not after a reboot, a pulled cable or a domain's next start. INFO: a note, with nothing to do."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The text of a rule.

    Args:
        id: stable id, such as "bond.mode".
        layer: its place in the report: one of `findings.LAYERS`.
        severity: how bad it is if the rule does not hold.
        title: what the rule expects, without a full stop.
        why: why it matters, in two sentences.
        fix: what helps in general. The commands for this host are in the finding.
        pains: numbers in docs/pains.md that the rule answers.
    """

    id: str
    layer: str
    severity: Severity
    title: str
    why: str
    fix: str
    pains: tuple[int, ...] = ()


@cache
def read_rules() -> dict[str, Rule]:
    """Return all rules by id: what each expects, why that matters, and what helps."""
    return {
        key: decode(Rule, {"id": key, **body}, f"rule {key}")
        for text in read_texts()
        for key, body in text["rule"].items()
    }


@cache
def read_texts() -> tuple[dict[str, dict[str, dict[str, object]]], ...]:
    """Return the files in the order of their names. Beside rules they hold pains, which tests and docs/pains.md use."""
    folder = resources.files("vmnet.checks").joinpath("texts")
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".toml")), key=lambda file: file.name)
    return tuple(tomllib.loads(file.read_text("utf-8")) for file in files)
