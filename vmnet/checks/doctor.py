"""doctor: all that is wrong or odd, worst first, each with what it is about, why it matters and what helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.checks import around, bond, domains, filters, guests, lan, layer2, leftovers, management, networks, ports
from vmnet.checks.findings import Finding, in_order
from vmnet.checks.goal import goals_of
from vmnet.checks.rules import Rule, Severity, read_rules
from vmnet.checks.verify import check_host

if TYPE_CHECKING:
    from vmnet.checks.verify import Check
    from vmnet.facts import Facts
    from vmnet.plan.steps import Goals

CHECKS: tuple[Check, ...] = (
    *networks.CHECKS,
    *domains.CHECKS,
    *guests.CHECKS,
    *around.CHECKS,
    *lan.CHECKS,
    *filters.CHECKS,
    *layer2.CHECKS,
    *ports.CHECKS,
    *leftovers.CHECKS,
    *bond.CHECKS,
    *management.CHECKS,
)
"""What only doctor looks at. Each needs no bridge to be there: it is asked on any host."""

_WORST_FIRST = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A finding that differs from what is wanted, or a note, with the text of its rule."""

    severity: Severity
    rule: Rule
    finding: Finding


def diagnose(goals: Goals, facts: Facts) -> tuple[Trouble, ...]:
    """Return what is wrong on this host, worst first, then from the cable up; the notes come last.

    Args:
        goals: what is wanted. If it is not given and there is no bridge yet, nothing is missed.
        facts: read with `closely`.
    """
    wanted = goals_of(goals, facts)
    exists = goals or facts.link(wanted[0].bridge) is not None
    found = dict.fromkeys(check_host(wanted, facts) if exists else ())
    found |= dict.fromkeys(finding for check in CHECKS for goal in wanted for finding in check(goal, facts))
    troubles = [_trouble(finding) for finding in in_order(found) if finding.hint or not finding.ok]
    return tuple(sorted(troubles, key=lambda trouble: _WORST_FIRST.index(trouble.severity)))


def _trouble(finding: Finding) -> Trouble:
    rule = read_rules()[finding.rule]
    return Trouble(severity=Severity.INFO if finding.ok else rule.severity, rule=rule, finding=finding)
