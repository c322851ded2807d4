"""The plan of host-setup as a fix, and what plans of doctor --fix share."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from vmnet.checks.findings import Finding
from vmnet.checks.rule_texts import read_rules
from vmnet.errors import Refused
from vmnet.facts import CONNECTED, Facts
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import Plan, Planned
from vmnet.spec import BridgeSpec, HostSpec, NoAddress

COMMAND = "doctor"


def plan_of(planned: Iterable[Planned], kept: Iterable[str] = ()) -> Plan:
    """Return the steps as a plan of doctor's."""
    return Plan(command=COMMAND, planned=tuple(planned), kept=tuple(kept))


def by_hand(found: tuple[Finding, ...]) -> str:
    """Return what helps besides a plan: the commands and hints of the findings, or the text of their rule."""
    lines = [line for finding in found for line in (finding.fix or (finding.hint,)) if line]
    return "\n".join(dict.fromkeys(lines)) or read_rules()[found[0].rule].fix


def by_host_setup(found: tuple[Finding, ...], goal: BridgeSpec, facts: Facts) -> Plan:
    """Plan host-setup for what exists: it changes only what differs.

    Raises:
        Refused: the bridge is not connected, so that nobody can tell which address it should keep.
    """
    device = facts.device(goal.ifname)
    if device is None or device.state != CONNECTED:
        raise Refused(f"{goal.ifname} is not connected: vmnet cannot tell which settings to keep", by_hand(found))
    asked = replace(goal.asked(), address=goal.address if isinstance(goal.address, NoAddress) else None)
    return plan_host_setup(HostSpec(bridges=(asked,), management=goal.management), facts)
