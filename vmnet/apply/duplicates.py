"""Ask, before the first step, whether another host has an address that the bridge is to get."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.host.arp_probe import ask_links

if TYPE_CHECKING:
    from vmnet.facts import Facts, Link
    from vmnet.plan.steps import HostGoal, Plan
    from vmnet.spec import IpAddress


def find_duplicates(plan: Plan, facts: Facts) -> Facts:
    """Return the facts with who answered for the plan's new addresses; unchanged where none is new, or without root."""
    if plan.empty or plan.goal is None or not facts.root:
        return facts
    addresses, links = new_addresses(plan.goal, facts), ways_out(plan.goal, facts)
    if not addresses or not links:
        return facts
    own = {mac for link in facts.links for mac in (link.mac, link.permanent_mac) if mac}
    return replace(facts, duplicates=ask_links(links, addresses, own))


def new_addresses(goal: HostGoal, facts: Facts) -> tuple[IpAddress, ...]:
    """Return the static IPv4 addresses that this host does not have yet; IPv6 looks for duplicates by itself."""
    ours = {address.interface.ip for address in facts.addresses}
    return tuple(address.ip for address in goal.addresses if address.version == 4 and address.ip not in ours)


def ways_out(goal: HostGoal, facts: Facts) -> tuple[Link, ...]:
    """Return the links to ask on: the NICs that are nobody's port, or the bridge where they are."""
    nics = tuple(link for name in goal.nics if (link := facts.link(name)) and link.carrier and not link.controller)
    bridge = facts.link(goal.bridge)
    return nics or ((bridge,) if bridge and bridge.carrier else ())
