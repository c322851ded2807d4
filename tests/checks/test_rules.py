"""Rules in words: every check's rule has its words, and every rule a check; every pain its answer."""

from __future__ import annotations

from pathlib import Path

import pytest

import vmnet.checks.rules  # noqa: F401  (registers them)
from tests.pains import read_pains
from vmnet.checks.findings import LAYERS
from vmnet.checks.registry import DIAGNOSED, FIXES, VERIFIED
from vmnet.checks.rule_texts import Rule, Severity, read_rules

ROOT = Path(__file__).parents[2]
RULES = read_rules()


OF_A_RUN = {"domain.moved", "domain.added", "domain.rewritten"}
"""What verify looks at after a domain plan: those checks need the plan, and are not registered."""


def test_every_rule_has_a_check_and_its_text() -> None:
    assert {rule for check in (*VERIFIED, *DIAGNOSED) for rule in check.rules} == set(RULES) - OF_A_RUN


def test_every_fix_is_one_of_a_rule() -> None:
    assert set(FIXES) <= set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_words_are_whole(rule: Rule) -> None:
    assert rule.layer in LAYERS
    assert not rule.title.endswith(".")
    assert rule.why.endswith(".")
    assert rule.why.count(". ") == 1, "two sentences"
    assert rule.fix.endswith((".", ")"))


def test_every_severity_is_there() -> None:
    assert {rule.severity for rule in RULES.values()} == set(Severity)


def test_pains_of_rules_are_known() -> None:
    assert {pain for rule in RULES.values() for pain in rule.pains} <= set(range(1, 87))


def test_all_pains_are_accounted_for() -> None:
    assert list(read_pains()) == list(range(1, 87))


@pytest.mark.parametrize("pain", read_pains().values(), ids=read_pains())
def test_a_pain_is_answered_or_the_reason_said(pain: object) -> None:
    number, prevented, test, reason = (getattr(pain, name) for name in ("number", "prevented_by", "test", "reason"))
    found_by = [rule.id for rule in RULES.values() if number in rule.pains]
    assert bool(found_by or prevented) != bool(reason)
    assert bool(prevented) == bool(test)
    if test:
        file, _, function = test.partition("::")
        assert f"def {function}(" in (ROOT / file).read_text("utf-8")
