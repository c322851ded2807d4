"""What is to be built for each bridge: on which links, with which profiles, and what of it exists already."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.plan.host.build import Build, bridge_mac, winning_metric
from vmnet.plan.host.existing_links import missing_of
from vmnet.plan.host.layer3 import find_holder, find_live, wanted_layer3
from vmnet.plan.host.nics import Chosen, choose_nics, find_management, with_vlan_name
from vmnet.plan.host.profiles import bond_profile, wanted_profiles
from vmnet.plan.host.upper_links import in_zone
from vmnet.plan.risks.safety import check_host

if TYPE_CHECKING:
    from vmnet.facts import Facts, Link
    from vmnet.names import Mac
    from vmnet.spec import BridgeSpec, HostSpec


def lay_out(spec: HostSpec, facts: Facts) -> tuple[tuple[Build, ...], tuple[str, ...]]:
    """Return what to build for each bridge, bottom up, and why each NIC is used or not.

    A bond is made with the first bridge on it: the one without a VLAN, if there is one. Bridges on VLANs of a bond that
    exists, or is made with another bridge, only add to it.

    Raises:
        SpecError: the request does not fit this host.
        Refused: the host is not in a state in which the change is safe.
    """
    builds: list[Build] = []
    reasons: dict[str, None] = {}
    for asked in sorted(spec.bridges, key=lambda bridge: bridge.vlan is not None):
        made = next((build for build in builds if asked.bond and build.asked.bond_name == asked.bond_name), None)
        if asked.vlan is not None and (made is not None or asked.bond is None or facts.ports(asked.bond.ifname)):
            builds.append(_on_vlan(asked, made, spec, facts))
        else:
            chosen = choose_nics(asked, spec, facts)
            reasons |= dict.fromkeys(chosen.reasons)
            check_host(asked, chosen.nics, spec, facts)
            nics = tuple(nic.ifname for nic in chosen.nics)
            asked_there = _with_bond_mtu(replace(asked, nics=nics), spec)
            builds.append(_on_nics(asked_there, chosen, spec, facts))
    return tuple(builds), tuple(reasons)


def _with_bond_mtu(asked: BridgeSpec, spec: HostSpec) -> BridgeSpec:
    """Return the request with the MTU of its bond, if other bridges on it want a larger one than this."""
    if asked.bond is None or asked.bond.mtu is not None:
        return asked
    others = [b.mtu for b in spec.bridges if b.bond_name == asked.bond_name and b.ifname != asked.ifname and b.mtu]
    largest = max(others, default=None)
    if largest is None or largest <= (asked.mtu or 1500):
        return asked
    return replace(asked, bond=replace(asked.bond, mtu=largest))


def _on_nics(asked: BridgeSpec, chosen: Chosen, spec: HostSpec, facts: Facts) -> Build:
    holder = find_holder(chosen.nics, asked, facts)
    mac = bridge_mac(asked, chosen.nics, holder, facts)
    return _build(asked, chosen.nics, holder, mac, chosen.management, spec, facts)


def _on_vlan(asked: BridgeSpec, made: Build | None, spec: HostSpec, facts: Facts) -> Build:
    """Return what adds a bridge on a VLAN to a bond that exists or is made, or to a NIC that stays as it is."""
    management = find_management(spec, facts)
    if asked.bond is None:
        nics = tuple(nic.ifname for nic in choose_nics(asked, spec, facts).nics)
        asked = with_vlan_name(replace(asked, nics=nics))
    elif made is not None:
        asked = replace(asked, nics=made.asked.nics, bond=made.asked.bond)
    else:
        asked = replace(asked, nics=_ports(asked, facts))
    parent = asked.bond_name or asked.nics[0]
    check_host(asked, (), spec, facts)
    asked = _with_vlan_of(asked, parent, facts)
    links = tuple(link for name in asked.nics if (link := facts.link(name)))
    holder = find_holder(links, asked, facts)
    if holder not in (None, asked.ifname, *asked.below[:1]):
        raise Refused(
            f"{holder} has the address of VLAN {asked.vlan.id if asked.vlan else ''}, and is not on {parent}",
            f"remove it first, or set {asked.ifname} up before the bond's other bridges",
        )
    link = facts.link(parent)
    mac = made.mac if made is not None else link.mac if link else bridge_mac(asked, links, holder, facts)
    build = _build(asked, (), holder, mac, management, spec, facts)
    if asked.bond is None or made is not None:
        return build
    return replace(build, below=(bond_profile(asked.bond, facts),))


def _ports(asked: BridgeSpec, facts: Facts) -> tuple[str, ...]:
    bond = asked.below[-1]
    ports = tuple(link.ifname for link in facts.ports(bond))
    if asked.nics and set(asked.nics) != set(ports):
        raise Refused(
            f"{bond} exists with the ports {', '.join(ports)}, and {', '.join(asked.nics)} are wanted",
            f"name these ports, or add the others by the bridge on {bond} itself",
        )
    return ports


def _with_vlan_of(asked: BridgeSpec, parent: str, facts: Facts) -> BridgeSpec:
    """Return the request with the name that the VLAN's link has already: the kernel takes one link for each tag."""
    vlan = asked.vlan
    if vlan is None:
        raise SpecError(f"{asked.ifname} has no VLAN", "give its tag with --vlan")
    existing = (link.ifname for link in facts.links if link.parent == parent and link.vlan_id == vlan.id)
    return replace(asked, vlan=replace(vlan, ifname=next(existing, vlan.ifname)))


def _build(
    asked: BridgeSpec,
    nics: tuple[Link, ...],
    holder: str | None,
    mac: Mac,
    management: str | None,
    spec: HostSpec,
    facts: Facts,
) -> Build:
    layer3 = wanted_layer3(asked.address, asked.mtu, holder, facts)
    layer3 = in_zone(winning_metric(layer3, asked.ifname, facts), asked.ifname, facts)
    wanted = wanted_profiles(asked, nics, mac, layer3, facts)
    ports = tuple(nic.ifname for nic in nics) or asked.uplinks
    missing = missing_of(wanted, ports, holder, facts)
    if missing != ():
        # What exists now is kept until the new one is proven.
        created = [profile.ifname for profile in wanted] if missing is None else missing
        wanted = wanted_profiles(asked, nics, mac, layer3, facts, created=created)
    live = find_live(holder, nics, {profile.ifname for profile in wanted}, facts) if nics else None
    if not nics and holder in ports:
        live = holder
    return Build(
        spec=spec,
        asked=asked,
        facts=facts,
        nics=nics,
        management=management,
        layer3=layer3,
        wanted=wanted,
        live=live,
        missing=missing,
    )
