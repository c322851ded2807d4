"""verify and doctor: wanted is a subset of seen, layer by layer, and whatever else is wrong or odd on this host.

Each check is a function that yields one finding for each thing it looks at. It says nothing about what is not there:
the layer's own `.link` or `.state` rule has said so. `checks.rules` registers them all.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.checks.findings import Finding, in_order
from vmnet.checks.goal import goals_of
from vmnet.checks.registry import DIAGNOSED, VERIFIED
from vmnet.checks.rule_texts import Rule, Severity, read_rules
from vmnet.checks.rules import moves
from vmnet.facts import Facts
from vmnet.plan.steps import Goals, Plan

_WORST_FIRST = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """A finding that differs from what is wanted, or a note, with the text of its rule."""

    severity: Severity
    rule: Rule
    finding: Finding


def diagnose(goals: Goals, facts: Facts) -> tuple[Trouble, ...]:
    """Return what is wrong on this host, the worst first, then from the cable up, each with the text of its rule.

    Args:
        goals: from `last_goals`. None or empty: derived by `deduce_goal`. Then a host
            without a bridge misses nothing.
        facts: from `read_facts` with `closely`.
    """
    wanted = goals_of(goals, facts)
    exists = goals or facts.link(wanted[0].ifname) is not None
    found = dict.fromkeys(check_host(wanted, facts) if exists else ())
    found |= dict.fromkeys(finding for check in DIAGNOSED for goal in wanted for finding in check(goal, facts))
    troubles = [_trouble(finding) for finding in in_order(found) if finding.hint or not finding.ok]
    return tuple(sorted(troubles, key=lambda trouble: _WORST_FIRST.index(trouble.severity)))


def _trouble(finding: Finding) -> Trouble:
    rule = read_rules()[finding.rule]
    return Trouble(severity=Severity.INFO if finding.ok else rule.severity, rule=rule, finding=finding)


def check_host(goals: Goals, facts: Facts, plan: Plan | None = None) -> tuple[Finding, ...]:
    """Compare what is wanted with what nmcli, the kernel and libvirt show. Findings about the host are listed once.

    Args:
        goals: from `last_goals`, `wanted_goals` or a plan. None or empty: derived by `deduce_goal`.
        facts: the facts, read after the change.
        plan: a domain plan that was carried out. verify checks what it moved, too.

    Returns:
        The findings. `ok` is False if something differs.
    """
    wanted = goals_of(goals, facts)
    findings = dict.fromkeys(finding for check in VERIFIED for goal in wanted for finding in check(goal, facts))
    if plan is not None:
        looks = (moves.interfaces_moved, moves.interfaces_added, moves.saved_states_rewritten)
        findings |= dict.fromkeys(finding for look in looks for finding in look(plan, facts))
    return in_order(findings)
