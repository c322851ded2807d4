"""verify: wanted is a subset of seen, layer by layer, from nmcli, the kernel and libvirt side by side.

Each check is a function that yields one finding for each thing it looks at. It says nothing about what is not there:
the layer's own `.link` or `.state` rule has said so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from vmnet.checks import bond, boot, lacp, layer3, libvirt, links, management, moves, owners, profiles
from vmnet.checks.findings import Finding, in_order
from vmnet.checks.goal import goals_of
from vmnet.facts import Facts
from vmnet.plan.steps import Goals, HostGoal, Plan

Check = Callable[[HostGoal, Facts], Iterator[Finding]]

CHECKS: tuple[Check, ...] = (
    profiles.network_manager,
    *boot.CHECKS,
    *owners.CHECKS,
    links.nic_link,
    links.nic_controller,
    links.bond_link,
    links.bond_controller,
    links.bond_mode,
    links.bond_miimon,
    links.bond_ports,
    bond.min_links,
    *lacp.CHECKS,
    links.bridge_link,
    links.bridge_stp,
    links.bridge_uplinks,
    links.bridge_vlans,
    links.link_macs,
    links.link_mtus,
    links.link_addresses,
    libvirt.bridge_listed,
    layer3.addresses,
    layer3.no_address,
    layer3.address_by_dhcp,
    layer3.address_only_here,
    layer3.default_route,
    layer3.gateway_in_profile,
    layer3.dns_servers,
    profiles.profile_active,
    profiles.profile_controller,
    profiles.profile_settings,
    profiles.profile_saved,
    profiles.profile_alone,
    layer3.management_link,
    layer3.management_address,
    layer3.management_profile,
    management.unchanged,
    libvirt.network_state,
    libvirt.network_bridge,
    libvirt.domain_taps,
    libvirt.domain_documents,
    libvirt.domain_saves,
    libvirt.domains_left,
)
"""All that verify looks at."""

MOVE_CHECKS: tuple[Callable[[Plan, Facts], Iterator[Finding]], ...] = (
    moves.interfaces_moved,
    moves.interfaces_added,
    moves.saved_states_rewritten,
)
"""What is looked at besides, right after a domain plan."""


def check_host(goals: Goals, facts: Facts, plan: Plan | None = None) -> tuple[Finding, ...]:
    """Compare what is wanted with what is seen.

    Args:
        goals: what is wanted. What the rules find about the host as a whole is listed once.
        facts: what is seen.
        plan: a domain plan that was carried out; what it moved is looked at, too.
    """
    wanted = goals_of(goals, facts)
    findings = dict.fromkeys(finding for check in CHECKS for goal in wanted for finding in check(goal, facts))
    if plan is not None:
        findings |= dict.fromkeys(finding for move_check in MOVE_CHECKS for finding in move_check(plan, facts))
    return in_order(findings)
