"""Which bridges guests use, and what of facts goes with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks.ways import modify_profile
from vmnet.shell_words import root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Domain, Facts, Interface, Link
    from vmnet.plan.steps import HostGoal
    from vmnet.shell_words import Command

_TAP = "tun"


def guest_bridges(goal: HostGoal, facts: Facts) -> tuple[Link, ...]:
    """Return the bridges of this host that join guests to the LAN: the goal's, those that libvirt's networks hand out
    as they are, those that documents name, those with taps. The bridges of libvirt's own networks (NAT, routed) are
    left out: what goes over those is libvirt's to let through."""
    of_networks = {network.bridge for network in facts.networks if network.forward_mode != "bridge"}
    handed_out = {network.bridge for network in facts.networks if network.forward_mode == "bridge"}
    named = {interface.source.bridge for _, interface in all_interfaces(facts)}
    with_taps = {link.controller for link in facts.links if link.kind == _TAP}
    used = {goal.bridge, *handed_out, *named, *with_taps} - (of_networks - {goal.bridge})
    return tuple(link for link in facts.links if link.bridge is not None and link.ifname in used)


def all_interfaces(facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    """Yield every interface of every document of the domains on this host."""
    for domain in () if facts.hypervisor_elsewhere else facts.domains:
        for interface in (*domain.running, *domain.persistent):
            yield domain, interface


def running_taps(facts: Facts) -> Iterator[tuple[Domain, Interface, Link]]:
    """Yield the running interfaces whose taps are ports of a bridge, with the taps."""
    for domain in () if facts.hypervisor_elsewhere else facts.domains:
        for interface in domain.running:
            tap = facts.link(interface.target)
            if tap is not None and tap.controller is not None:
                yield domain, interface, tap


def modify(ifname: str, facts: Facts, key: str, value: str) -> tuple[Command, ...]:
    """Return the command that writes a setting into the profile that is active on the link.

    None where there is none, or one that NetworkManager made up for what others have set up.
    """
    profile = facts.active_profile(ifname)
    if profile is None or profile.volatile:
        return ()
    return (modify_profile(profile.uuid, key, value),)


def set_stp(bridge: str, facts: Facts, *, on: bool) -> tuple[Command, ...]:
    """Return the commands that turn STP on or off, now and for good; no tap leaves the bridge."""
    state = "1" if on else "0"
    now = root("ip", "link", "set", "dev", bridge, "type", "bridge", "stp_state", state)
    return (*modify(bridge, facts, "bridge.stp", "yes" if on else "no"), now)
