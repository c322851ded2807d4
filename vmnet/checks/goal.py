"""What is wanted, for a host whose setup nobody recorded: from the facts, or from what the admin asks for."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from vmnet.checks.rules.address import profile_addresses
from vmnet.lines import number_of
from vmnet.names import Mac
from vmnet.plan.host.build import goal_of
from vmnet.plan.host.layer3 import Layer3, wanted_layer3
from vmnet.plan.host.nics import NO_MANAGEMENT, check_named
from vmnet.plan.risks.safety import check_spec
from vmnet.plan.steps import Goals, HostGoal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts, Link, Profile
    from vmnet.spec import HostSpec, IpAddress

BRIDGE, BOND, NETWORK = "br0", "bond0", "host-bridge"
"""The names that host-setup gives when none are asked for."""


def goals_of(goals: Goals, facts: Facts) -> tuple[HostGoal, ...]:
    """Return the goals one by one, at least one."""
    if isinstance(goals, HostGoal):
        return (goals,)
    return goals or (deduce_goal(facts),)


def deduce_goal(facts: Facts, *, bridge: str | None = None, network: str | None = None) -> HostGoal:
    """Return what the host seems meant to be: the bridge's own profile says what is wanted of the kernel.

    Args:
        facts: the host as it is.
        bridge: the bridge's name; None: br0.
        network: the libvirt network's name; None: host-bridge.
    """
    name = bridge or BRIDGE
    bond = _bond(name, facts)
    ports = facts.ports(bond.ifname) if bond else facts.uplinks(name)
    nics = tuple(port.ifname for port in ports)
    profiles = tuple(_profiles((name, *((bond.ifname,) if bond else ()), *nics), facts))
    profile = facts.profile(dict(profiles).get(name))
    options = _bond_options(facts.profile(dict(profiles).get(bond.ifname)) if bond else None)
    state = bond.bond if bond else None
    return HostGoal(
        bridge=name,
        stp=profile is not None and profile.get("bridge.stp") == "yes",
        mac=_mac(facts.link(name), ports),
        nics=nics,
        bond=bond.ifname if bond else None,
        bond_mode=options.get("mode") or (state.mode if state else None),
        miimon_ms=number_of(options.get("miimon", "")),
        dhcp=profile is not None and profile.get("ipv4.method") == "auto",
        addresses=profile_addresses(profile) if profile else facts.addresses_of(name),
        gateways=_addresses(profile, "gateway") or tuple(r.gateway for r in facts.default_routes(name) if r.gateway),
        dns=_addresses(profile, "dns"),
        network=network or NETWORK,
        management=_management(name, nics, facts),
        # One that is left on a port hears nothing, or what of its traffic comes in there.
        vlans=tuple(link.ifname for link in facts.links if link.kind == "vlan" and link.parent in (name, *nics)),
        profiles=profiles,
    )


def wanted_goal(spec: HostSpec, facts: Facts) -> HostGoal:
    """Return what is wanted of a host where `spec` asks for it. What it leaves open (NICs, addresses, the management
    link) is as the host itself tells it.

    What is asked for may be missing: that is for verify to find.

    Raises:
        SpecError: what is asked for does not fit together.
        Refused: it asks for a bond that no bridge can use.
    """
    check_spec(spec)
    check_named(spec)
    told = deduce_goal(facts, bridge=spec.bridge.ifname, network=spec.network)
    nics = spec.nics or told.nics
    management = told.management if spec.management is None else spec.management
    names = (spec.bridge.ifname, *((spec.bond.ifname,) if spec.bond else ()), *nics)
    ports = tuple(link for name in nics if (link := facts.link(name)))
    return goal_of(
        spec,
        nics=nics,
        mac=_mac(facts.link(spec.bridge.ifname), ports),
        layer3=_layer3(spec, told, facts),
        management=None if management in (NO_MANAGEMENT, *nics) else management,
        vlans=told.vlans,
        profiles=tuple(_profiles(names, facts)),
    )


def _layer3(spec: HostSpec, told: HostGoal, facts: Facts) -> Layer3:
    if spec.address is not None:
        return wanted_layer3(spec.address, spec.mtu, None, facts)
    return Layer3(
        settings=(),
        holder=None,
        mtu=spec.mtu,
        dhcp=told.dhcp,
        addresses=told.addresses,
        gateways=told.gateways,
        dns=told.dns,
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


def _bond_options(profile: Profile | None) -> dict[str, str]:
    words = profile.get("bond.options").split(",") if profile else []
    return dict(word.split("=", 1) for word in words if "=" in word)


def _addresses(profile: Profile | None, key: str) -> tuple[IpAddress, ...]:
    if profile is None:
        return ()
    texts = ",".join(profile.get(f"{family}.{key}") for family in ("ipv4", "ipv6")).split(",")
    # Newer NetworkManager takes names and URIs among DNS servers; those are no addresses to compare.
    return tuple(ip_address(text.strip()) for text in texts if _is_address(text.strip()))


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
