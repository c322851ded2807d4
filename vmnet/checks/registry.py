"""The checks of all rules. Each registers itself where it is written, with its rules and the plan that repairs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from vmnet.checks.findings import Finding
from vmnet.checks.rule_texts import read_rules
from vmnet.facts import Facts
from vmnet.plan.steps import Plan
from vmnet.spec import BridgeSpec

Look = Callable[[BridgeSpec, Facts], Iterator[Finding]]
Fix = Callable[[tuple[Finding, ...], BridgeSpec, Facts], Plan]
"""Plans what puts the findings of a rule right, or raises Refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A registered check.

    Args:
        rules: ids of the rules whose findings it yields.
        look: yields a finding for each thing that it looks at. It may leave out the rule, if there is only one, and
            the layer, if it is the rule's.
    """

    rules: tuple[str, ...]
    look: Look

    def __call__(self, goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
        """Yield the findings, each with its rule and layer."""
        for finding in self.look(goal, facts):
            rule = finding.rule or self.rules[0]
            yield replace(finding, rule=rule, layer=finding.layer or read_rules()[rule].layer)


VERIFIED: list[Check] = []
"""What verify looks at, and doctor where the bridge exists."""
DIAGNOSED: list[Check] = []
"""What only doctor looks at, on any host: it needs no bridge."""
FIXES: dict[str, Fix] = {}
"""How doctor --fix repairs what a rule finds. Each has a case in tests/checks/test_fix.py that shows it."""


def verified(*rules: str, fix: Fix | None = None) -> Callable[[Look], Check]:
    """Register a check of verify, which compares the goal with the facts.

    Args:
        rules: as in `Check`.
        fix: the plan that repairs what they find.
    """
    return _register(VERIFIED, rules, fix)


def diagnosed(*rules: str, fix: Fix | None = None) -> Callable[[Look], Check]:
    """Register a check of doctor alone; otherwise as `verified`."""
    return _register(DIAGNOSED, rules, fix)


def _register(checks: list[Check], rules: tuple[str, ...], fix: Fix | None) -> Callable[[Look], Check]:
    def register(look: Look) -> Check:
        checks.append(Check(rules=rules, look=look))
        FIXES.update(dict.fromkeys(rules, fix) if fix else {})
        return checks[-1]

    return register
