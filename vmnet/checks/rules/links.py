"""Rules about links as the kernel has them: NICs, bond, LACP, bridge."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks.commands import activate_profile, show_link
from vmnet.checks.findings import NETLINK, SYSFS, Finding
from vmnet.checks.fixes import by_host_setup
from vmnet.checks.registry import verified
from vmnet.checks.rules.bond import set_option, show_option
from vmnet.checks.rules.bridge import set_stp
from vmnet.facts import Facts, Link
from vmnet.shell_words import NO_COMMAND, Command, command, root
from vmnet.spec import BridgeSpec

MISSING = "missing"
_SET_UP_AGAIN = "sudo vmnet host-setup repairs it"


@verified("nic.link")
def nic_link(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each NIC is up and has carrier."""
    for name in goal.nics:
        yield _up("nic.link", "NIC", name, facts, "check the cable and the switch port")


@verified("bond.link")
def bond_link(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bond is up and has carrier."""
    if goal.bond_name:
        yield _up("bond.link", "bond", goal.bond_name, facts, _SET_UP_AGAIN)


@verified("bridge.link")
def bridge_link(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bridge is up and has carrier."""
    yield _up("bridge.link", "bridge", goal.ifname, facts, _SET_UP_AGAIN)


def _up(rule: str, layer: str, name: str, facts: Facts, hint: str) -> Finding:
    link = facts.link(name)
    ok = link is not None and link.admin_up and link.carrier
    return Finding(
        rule=rule, layer=layer, subject=name, wanted="up, carrier", seen=_state(link), source=NETLINK, ok=ok,
        shown_by=show_link(name), hint="" if ok else hint,
        fix=(root("ip", "link", "set", "dev", name, "up"),) if link and not link.admin_up else (),
    )  # fmt: skip


def _state(link: Link | None) -> str:
    if link is None:
        return MISSING
    carrier = "carrier" if link.carrier else "no carrier"
    speed = f", {link.speed_mbit} Mbit/s" if link.carrier and link.hardware and link.speed_mbit else ""
    return f"{'up' if link.admin_up else 'down'}, {carrier}{speed}"


@verified("nic.controller", fix=by_host_setup)
def nic_controller(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each NIC is a port of the bond, or of the bridge where there is no bond."""
    for name in () if goal.on_nic else goal.nics:
        yield from _port("nic.controller", "NIC", name, goal.bond_name or goal.ifname, goal, facts)


@verified("bond.controller")
def bond_controller(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bond is a port of the bridge."""
    for name in goal.uplinks if goal.below else ():
        yield from _port("bond.controller", "bond", name, goal.ifname, goal, facts)


def _port(rule: str, layer: str, name: str, controller: str, goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    link = facts.link(name)
    if link is None:
        return
    ok = link.controller == controller
    yield Finding(
        rule=rule, layer=layer, subject=name, wanted=f"port of {controller}",
        seen=f"port of {link.controller}" if link.controller else "port of nothing", source=NETLINK,
        shown_by=show_link(name), hint=_SET_UP_AGAIN, fix=_join(name, controller, goal),
    ).judged(ok)  # fmt: skip


def _join(name: str, controller: str, goal: BridgeSpec) -> tuple[Command, ...]:
    """A NIC comes back by its own profile; a bond that is activated again would lose its ports for that time."""
    uuid = dict(goal.profiles).get(name)
    if name not in goal.nics:
        return (root("ip", "link", "set", "dev", name, "master", controller),)
    return (activate_profile(uuid),) if uuid else ()


@verified("bridge.vlan")
def bridge_vlans(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each VLAN of the NICs stands on the bridge; on a port it hears nothing, or a part of it all."""
    for name in goal.vlans:
        link = facts.link(name)
        parent = link.parent if link else None
        ok = parent == goal.ifname
        seen = MISSING if link is None else f"on {parent}" if parent else "on nothing"
        yield Finding(
            subject=name, wanted=f"on {goal.ifname}", seen=seen, source=NETLINK,
            hint="set vlan.parent in its profile: sudo vmnet host-setup --move-vlans does this",
        ).judged(ok)  # fmt: skip


@verified("nic.mac", "bond.mac", "bridge.mac")
def link_macs(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """All of them have the MAC of the NIC that held the address."""
    layers = {goal.ifname: "bridge", goal.bond_name: "bond"}
    for name in (*goal.nics, *filter(None, (goal.bond_name,)), goal.ifname):
        link = facts.link(name)
        if link is None or not goal.mac:
            continue
        layer = layers.get(name, "NIC")
        ok = link.mac == goal.mac
        # Another MAC costs the DHCP lease and trips port security; a bond with a foreign one gets no LACP.
        hint = "" if ok else "its profile must set the MAC (cloned-mac-address): " + _SET_UP_AGAIN
        yield Finding(
            rule=f"{layer.lower()}.mac", layer=layer, subject=name, wanted=f"MAC {goal.mac}", seen=f"MAC {link.mac}",
            source=NETLINK, ok=ok, hint=hint,
        )  # fmt: skip


@verified("nic.address", "bond.address")
def link_addresses(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Only the bridge has addresses; link-local ones do not count."""
    for name in (*goal.nics, *filter(None, (goal.bond_name,))):
        if facts.link(name) is None:
            continue
        layer = "bond" if name == goal.bond_name else "NIC"
        addresses = ", ".join(str(address) for address in facts.addresses_of(name))
        show = command("nmcli", "device", "show", name)
        yield Finding(
            rule=f"{layer.lower()}.address", layer=layer, subject=name, wanted="no address of its own",
            seen=addresses or "no address of its own", source=NETLINK, ok=not addresses,
            shown_by=command("ip", "address", "show", "dev", name),
            hint=f"an old profile is still active on it: {show}" if addresses else "",
            fix=tuple(root("ip", "address", "delete", str(a), "dev", name) for a in facts.addresses_of(name)),
        )  # fmt: skip


@verified("nic.mtu", "bond.mtu", "bridge.mtu", fix=by_host_setup)
def link_mtus(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """All have the wanted MTU, where one is wanted."""
    layers = {goal.ifname: "bridge", goal.bond_name: "bond"}
    for name in (*goal.nics, *filter(None, (goal.bond_name,)), goal.ifname):
        link = facts.link(name)
        if link is None or goal.mtu is None:
            continue
        layer = layers.get(name, "NIC")
        ok = link.mtu == goal.mtu
        # A tap with a smaller MTU pulls an unpinned bridge down with it.
        hint = "" if ok else "a port with another MTU changes the bridge's MTU: check the domains' <mtu size=…/>"
        yield Finding(
            rule=f"{layer.lower()}.mtu", layer=layer, subject=name, wanted=f"MTU {goal.mtu}", seen=f"MTU {link.mtu}",
            source=NETLINK, ok=ok, hint=hint,
        )  # fmt: skip


@verified("bond.mode")
def bond_mode(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The kernel runs the wanted mode."""
    link = facts.link(goal.bond_name)
    if link is None or goal.bond is None:
        return
    seen = link.bond.mode if link.bond else "not a bond"
    ok = seen == goal.bond.mode
    yield Finding(
        subject=link.ifname, wanted=f"mode {goal.bond.mode}", seen=f"mode {seen}", source=NETLINK, hint=_SET_UP_AGAIN
    ).judged(ok)


@verified("bond.miimon")
def bond_miimon(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The links are watched; without, traffic into a pulled cable is lost for good."""
    link = facts.link(goal.bond_name)
    if link is None or link.bond is None:
        return
    seen = link.bond.miimon_ms
    miimon = goal.bond.option("miimon") if goal.bond else None
    profile = dict(goal.profiles).get(link.ifname)
    ok = str(seen) == miimon if miimon else seen > 0
    wanted = f"links monitored every {miimon} ms" if miimon else "links monitored"
    yield Finding(
        subject=link.ifname, wanted=wanted, seen=f"every {seen} ms" if seen else "never", source=NETLINK,
        shown_by=show_option(link.ifname, "miimon"), hint=_SET_UP_AGAIN,
        fix=set_option(link.ifname, profile, "miimon", miimon or "100"),
    ).judged(ok)  # fmt: skip


@verified("bond.ports", fix=by_host_setup)
def bond_ports(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The NICs are the bond's ports, and nothing else is."""
    if facts.link(goal.bond_name) is None or goal.bond_name is None:
        return
    seen = [port.ifname for port in facts.ports(goal.bond_name)]
    ok = seen == sorted(goal.nics)
    yield Finding(
        subject=goal.bond_name, wanted=f"ports {', '.join(sorted(goal.nics))}",
        seen=f"ports {', '.join(seen)}" if seen else "no port", source=NETLINK, hint=_SET_UP_AGAIN,
    ).judged(ok)  # fmt: skip


@verified("bridge.stp", fix=by_host_setup)
def bridge_stp(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Spanning tree as wanted; with it each guest's start waits 30 s for the network."""
    link = facts.link(goal.ifname)
    if link is None:
        return
    stp = link.bridge.stp if link.bridge else None
    ok = stp is goal.stp
    seen = "not a bridge" if stp is None else _on(stp)
    yield Finding(
        subject=goal.ifname, wanted=f"STP {_on(goal.stp)}", seen=f"STP {seen}", source=SYSFS,
        shown_by=NO_COMMAND if ok else show_link(link.ifname), hint=_SET_UP_AGAIN,
        fix=set_stp(goal.ifname, facts, on=goal.stp),
    ).judged(ok)  # fmt: skip


def _on(value: bool) -> str:
    return "on" if value else "off"


@verified("bridge.uplinks", fix=by_host_setup)
def bridge_uplinks(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Besides taps the bridge has the wanted ports only, and they forward."""
    if facts.link(goal.ifname) is None:
        return
    ports = facts.uplinks(goal.ifname)
    names = [port.ifname for port in ports]
    ok = names == sorted(goal.uplinks) and all(port.bridge_port_state == "forwarding" for port in ports)
    seen = ", ".join(f"{port.ifname} ({port.bridge_port_state or 'state unknown'})" for port in ports)
    wanted = ", ".join(f"{name} (forwarding)" for name in sorted(goal.uplinks))
    strange = [name for name in names if name not in goal.uplinks]
    yield Finding(
        subject=goal.ifname, wanted=f"uplink {wanted}", seen=f"uplink {seen}" if seen else "no uplink", source=SYSFS,
        ok=ok, shown_by=command("bridge", "link", "show"), hint="" if ok or strange else _SET_UP_AGAIN,
        fix=tuple(root("ip", "link", "set", "dev", name, "nomaster") for name in strange),
    )  # fmt: skip
