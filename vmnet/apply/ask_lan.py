"""Ask the LAN, before running domains go there: does it answer DHCP, does it let other MACs than the host's through?"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.host.lan_probe import ask_lan as ask
from vmnet.plan.steps import MoveInterface

if TYPE_CHECKING:
    from vmnet.facts import Facts
    from vmnet.plan.steps import Plan


def ask_lan(plan: Plan, facts: Facts) -> Facts:
    """Return the facts with what the LAN said; unchanged where no running domain moves, without root, or where the
    hypervisor is on another machine."""
    bridge = next((b for planned in plan.planned if (b := _bridge(planned.step))), None)
    link = facts.link(bridge)
    if link is None or link.kind != "bridge" or not facts.root or facts.hypervisor_elsewhere:
        return facts
    gateways = [route.gateway for route in facts.default_routes(link.ifname) if route.gateway is not None]
    return replace(facts, lan=ask(link.ifname, gateways[0] if gateways else None))


def _bridge(step: object) -> str | None:
    return step.wanted_bridge if isinstance(step, MoveInterface) and step.scope == "running" else None
