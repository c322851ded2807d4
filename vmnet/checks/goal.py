"""What is wanted, for a host whose setup nobody recorded: from the facts, or from what the admin asks for. And what
asks for what this host has."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_address

from vmnet.facts import Facts, Link, Profile
from vmnet.lines import number_of
from vmnet.names import Mac
from vmnet.plan.host.build import resolved
from vmnet.plan.host.layer3 import IN_A_SPEC, Layer3, carried_settings, plain, wanted_layer3
from vmnet.plan.host.nics import NO_MANAGEMENT, check_named, with_names
from vmnet.plan.risks.safety import check_spec
from vmnet.plan.steps import Goals
from vmnet.spec import AddressSpec, BondMode, BondSpec, BridgeSpec, HostSpec, IpAddress, NoAddress, Options, VlanSpec
from vmnet.spec.options import BOND_OPTIONS, BRIDGE_OPTIONS, REFUSED, known_options

BRIDGE, BOND, NETWORK = "br0", "bond0", "host-bridge"
"""The names that host-setup gives when none are asked for."""


def layers_of(goal: BridgeSpec) -> dict[str, str]:
    """Return NICs, bond, VLAN and bridge by name, from the cable up, each with its layer in the report."""
    return {**dict.fromkeys(goal.nics, "NIC"), **dict.fromkeys(reversed(goal.below), "bond"), goal.ifname: "bridge"}


def goals_of(goals: Goals, facts: Facts) -> tuple[BridgeSpec, ...]:
    """Return the goals, at least one: where none is given, what the host seems meant to be."""
    if isinstance(goals, BridgeSpec):
        return (goals,)
    return goals or (deduce_goal(facts),)


def deduce_goal(facts: Facts, *, bridge: str | None = None, network: str | None = None) -> BridgeSpec:
    """Derive what is wanted of a host from its profiles, for a host without a recorded run.

    Args:
        facts: the host as it is now.
        bridge: name of the bridge. None: br0.
        network: name of the libvirt network. None: host-bridge.
    """
    name = bridge or BRIDGE
    vlan = next((port for port in facts.uplinks(name) if port.vlan_id is not None and port.parent), None)
    bond = facts.link(vlan.parent) if vlan else _bond(name, facts)
    bond = bond if bond is not None and bond.kind == "bond" else None
    ports = facts.ports(bond.ifname) if bond else () if vlan else facts.uplinks(name)
    nics = tuple(port.ifname for port in ports) or ((vlan.parent or "",) if vlan else ())
    below = (*((vlan.ifname,) if vlan else ()), *((bond.ifname,) if bond else ()))
    profiles = tuple(_profiles((name, *below, *(port.ifname for port in ports)), facts))
    profile = facts.profile(dict(profiles).get(name))
    return BridgeSpec(
        ifname=name,
        nics=nics,
        bond=_bond_spec(bond, facts.profile(dict(profiles).get(bond.ifname))) if bond else None,
        vlan=VlanSpec(ifname=vlan.ifname, id=vlan.vlan_id or 0) if vlan else None,
        address=_address(profile, name, facts),
        options=_bridge_options(profile),
        network=network or NETWORK,
        mac=_mac(facts.link(name), ports),
        management=_management(name, nics, facts),
        # One that is left on a port hears nothing, or what of its traffic comes in there.
        vlans=_left_vlans(name, nics, facts) if vlan is None else (),
        profiles=profiles,
    )


def _left_vlans(bridge: str, nics: tuple[str, ...], facts: Facts) -> tuple[str, ...]:
    return tuple(link.ifname for link in facts.links if link.kind == "vlan" and link.parent in (bridge, *nics))


def _address(profile: Profile | None, bridge: str, facts: Facts) -> AddressSpec | NoAddress:
    addresses = profile.addresses if profile else facts.addresses_of(bridge)
    gateways = tuple(route.gateway for route in facts.default_routes(bridge) if route.gateway)
    return AddressSpec(
        dhcp=profile is not None and profile.get("ipv4.method") == "auto",
        addresses=addresses,
        gateways=_addresses(profile, "gateway") or gateways,
        dns=_addresses(profile, "dns"),
    )


def wanted_goals(spec: HostSpec, facts: Facts) -> tuple[BridgeSpec, ...]:
    """Return what `spec` wants of this host, for `verify`. What it leaves open is derived by `deduce_goal`.

    Raises:
        SpecError, Refused: the request contradicts itself, or does not fit this host.
    """
    spec = with_names(spec, facts)
    check_spec(spec)
    return tuple(_wanted(bridge, spec, facts) for bridge in spec.bridges)


def _wanted(asked: BridgeSpec, spec: HostSpec, facts: Facts) -> BridgeSpec:
    check_named(asked)
    told = deduce_goal(facts, bridge=asked.ifname, network=asked.network)
    nics = asked.nics or told.nics
    management = told.management if spec.management is None else spec.management
    names = (asked.ifname, *asked.below, *(() if asked.on_nic else nics))
    ports = tuple(link for name in nics if (link := facts.link(name)))
    return resolved(
        asked,
        _layer3(asked, told, facts),
        nics=nics,
        mac=_mac(facts.link(asked.ifname), ports),
        management=None if management in (NO_MANAGEMENT, *nics) else management,
        vlans=told.vlans,
        profiles=tuple(_profiles(names, facts)),
    )


def _layer3(asked: BridgeSpec, told: BridgeSpec, facts: Facts) -> Layer3:
    if asked.address is not None:
        return wanted_layer3(asked.address, asked.mtu, None, facts)
    found = told.requested
    return Layer3(
        settings=(),
        holder=None,
        mtu=asked.mtu,
        dhcp=found.dhcp,
        addresses=found.addresses,
        gateways=found.gateways,
        dns=found.dns,
    )


def _bond(bridge: str, facts: Facts) -> Link | None:
    bonds = [port for port in facts.uplinks(bridge) if port.kind == "bond"]
    stray = facts.link(BOND)
    # A bond that fell out of its bridge is missed, not forgotten.
    if not bonds and stray is not None and stray.kind == "bond" and stray.controller is None:
        return stray
    return bonds[0] if bonds else None


def _mac(bridge: Link | None, ports: tuple[Link, ...]) -> Mac:
    macs = [port.permanent_mac or port.mac for port in ports]
    if bridge is not None and bridge.mac in macs:
        return bridge.mac
    return macs[0] if macs else Mac("")


def _profiles(names: tuple[str, ...], facts: Facts) -> Iterator[tuple[str, str]]:
    for name in names:
        active = facts.active_profile(name)
        stored = next((profile for profile in facts.profiles if profile.ifname == name and profile.autoconnect), None)
        profile = active or stored
        if profile is not None:
            yield name, profile.uuid


def _bond_spec(bond: Link, profile: Profile | None) -> BondSpec:
    """Return the bond as its profile wants it; without one, as it is."""
    values = profile.bond_options if profile else {}
    mode = values.pop("mode", bond.bond.mode if bond.bond else "")
    known = BondMode(mode) if mode in tuple(BondMode) else BondMode.LACP
    # ARP monitoring stays, to be refused.
    arp = tuple((name, value) for name, value in values.items() if name == REFUSED)
    options = tuple((n, v) for n, v in known_options(values, BOND_OPTIONS) if BOND_OPTIONS[n].works_in(known))
    return BondSpec(ifname=bond.ifname, mode=known, options=(*options, *arp))


def _bridge_options(profile: Profile | None) -> Options:
    """Return what the bridge's profile sets besides the defaults."""
    if profile is None:
        return ()
    values = {option.name: plain(profile.get(option.setting)) for option in BRIDGE_OPTIONS.values()}
    return tuple((name, v) for name, v in known_options(values, BRIDGE_OPTIONS) if v != BRIDGE_OPTIONS[name].default)


def _addresses(profile: Profile | None, name: str) -> tuple[IpAddress, ...]:
    # Newer NetworkManager takes names and URIs among DNS servers; those are no addresses to compare.
    return tuple(ip_address(text) for text in (profile.listed(name) if profile else ()) if _is_address(text))


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _management(bridge: str, nics: tuple[str, ...], facts: Facts) -> str | None:
    """An address without the default route, on a NIC that is not ours, is what a management link looks like."""
    for link in facts.links:
        apart = link.hardware and link.controller is None and link.ifname not in (bridge, *nics)
        if apart and facts.addresses_of(link.ifname) and not facts.default_routes(link.ifname):
            return link.ifname
    return None


def export(facts: Facts) -> tuple[HostSpec, tuple[str, ...]]:
    """Return what asks for the bridges of this host as they are, and a line for each thing that no spec can say."""
    bridges: list[BridgeSpec] = []
    left: list[str] = []
    for link in sorted((link for link in facts.links if link.kind == "bridge"), key=lambda link: link.ifname):
        profile = facts.active_profile(link.ifname)
        reason = _left_out(link, profile, facts)
        if reason or profile is None:
            left.append(f"bridge {link.ifname} is left out: {reason}")
            continue
        bridge = _exported(link, profile, facts)
        left += [f"{bridge.ifname}: profile {profile.name!r} also has {text}" for text in _not_said(profile)]
        bridges.append(bridge)
    management = next((bridge.management for bridge in bridges if bridge.management), None)
    return HostSpec(bridges=tuple(bridge.asked() for bridge in bridges), management=management), tuple(left)


def _left_out(link: Link, profile: Profile | None, facts: Facts) -> str:
    device = facts.device(link.ifname)
    if profile is None or profile.type != "bridge" or device is None or device.external:
        return "NetworkManager did not create it"
    uplinks = facts.uplinks(link.ifname)
    if len(uplinks) != 1:
        return "it has no uplink" if not uplinks else f"it has {len(uplinks)} uplinks"
    if not (uplinks[0].hardware or uplinks[0].kind == "bond" or uplinks[0].vlan_id is not None):
        return f"its uplink {uplinks[0].ifname} is a {uplinks[0].kind}"
    return ""


def _exported(link: Link, profile: Profile, facts: Facts) -> BridgeSpec:
    networks = (n.name for n in facts.networks if n.bridge == link.ifname and n.forward_mode == "bridge")
    goal = deduce_goal(facts, bridge=link.ifname)
    return replace(
        goal,
        address=_told_address(goal, profile),
        mtu=number_of(profile.get("802-3-ethernet.mtu")) or None,
        network=next(networks, None),
        vlans=(),
    )


def _told_address(goal: BridgeSpec, profile: Profile) -> AddressSpec | NoAddress | None:
    v4, v6 = profile.get("ipv4.method"), profile.get("ipv6.method")
    found = goal.requested
    if v4 in ("", "disabled") and v6 in ("", "disabled", "ignore"):
        return NoAddress()
    if not found.dhcp and not found.addresses:
        return None
    static6 = any(address.version == 6 for address in found.addresses)
    return replace(
        found,
        gateways=_addresses(profile, "gateway"),
        dns_search=_listed(profile, "dns-search"),
        routes=_listed(profile, "routes"),
        ipv6=None if static6 or v6 in ("", "auto") else v6,
    )


def _listed(profile: Profile, key: str) -> tuple[str, ...]:
    texts = ",".join(profile.get(f"{family}.{key}") for family in ("ipv4", "ipv6")).replace(";", ",").split(",")
    return tuple(text.strip() for text in texts if text.strip())


def _not_said(profile: Profile) -> list[str]:
    return [f"{key} = {value}" for key, value in carried_settings(profile) if key not in IN_A_SPEC]
