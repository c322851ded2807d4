"""doctor --fix: the plan that puts a rule's troubles right, made of what the other commands do, so that it is shown,
applied, proven and undone like everything else. The rules name their fixes; where none is safe, commands are shown."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches

from vmnet.checks.diagnostics import diagnose
from vmnet.checks.findings import Finding
from vmnet.checks.fixes import COMMAND, by_hand, plan_of
from vmnet.checks.goal import goals_of
from vmnet.checks.registry import FIXES
from vmnet.checks.rule_texts import read_rules
from vmnet.errors import Refused, SpecError
from vmnet.facts import Facts
from vmnet.plan.steps import Goals, Plan


def plan_fix(rule: str, goals: Goals, facts: Facts) -> Plan:
    """Plan the repair of all that doctor finds by one rule. Change nothing.

    Args:
        rule: id of the rule.
        goals: from `last_goals`. None or empty: derived by `deduce_goal`. The first of them
            that the rule finds something about is repaired.
        facts: from `read_facts` with `closely`.

    Raises:
        SpecError: there is no such rule.
        Refused: vmnet has no plan for this repair; the hint says what helps.
        As `plan_host_setup` and `plan_attach_domain`.
    """
    known_rule(rule)
    found = _found(rule, goals, facts)
    if not found:
        return plan_of((), (f"{rule}: nothing is wrong",))
    if not fixable(rule):
        raise Refused(f"vmnet cannot repair {rule}", by_hand(found))
    wanted = goals_of(goals, facts)
    goal = next((one for one in wanted if goals and _found(rule, (one,), facts)), wanted[0])
    plan = FIXES[rule](found, goal, facts)
    if not plan.planned:
        raise Refused(f"vmnet has no plan that repairs this finding of {rule}", by_hand(found))
    return replace(plan, command=COMMAND)


def _found(rule: str, goals: Goals, facts: Facts) -> tuple[Finding, ...]:
    return tuple(t.finding for t in diagnose(goals, facts) if t.rule.id == rule and not t.finding.ok)


def known_rule(rule: str) -> None:
    """Raise SpecError unless there is such a rule."""
    if rule not in read_rules():
        near = get_close_matches(rule, read_rules(), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "vmnet explain lists all rules"
        raise SpecError(f"unknown rule {rule}", hint)


def fixable(rule: str) -> bool:
    """Return whether there is a plan for what the rule finds."""
    return rule in FIXES
