"""Rules about links as the kernel has them: NICs, bond, bridge."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks.commands import activate_profile, show_link
from vmnet.checks.findings import NETLINK, SYSFS, Finding
from vmnet.checks.fixes import by_host_setup
from vmnet.checks.goal import layers_of
from vmnet.checks.registry import verified
from vmnet.checks.rules.bond import set_option, show_option
from vmnet.checks.rules.bridge import set_stp
from vmnet.facts import Facts, Link
from vmnet.shell_words import NO_COMMAND, Command, command, root
from vmnet.spec import BridgeSpec

MISSING = "missing"
_SET_UP_AGAIN = "sudo vmnet host-setup repairs it"


def _existing(goal: BridgeSpec, facts: Facts) -> Iterator[tuple[str, Link]]:
    """Yield the goal's links that exist, each with the beginning of its rules' ids."""
    return ((layer.lower(), link) for name, layer in layers_of(goal).items() if (link := facts.link(name)) is not None)


@verified("nic.link", "bond.link", "bridge.link")
def links_up(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each of them is up and has carrier."""
    for name, layer in layers_of(goal).items():
        link = facts.link(name)
        speed = f", {link.speed_mbit} Mbit/s" if link and link.carrier and link.hardware and link.speed_mbit else ""
        yield Finding(
            rule=f"{layer.lower()}.link", subject=name, wanted="up, carrier",
            seen=link.state + speed if link else MISSING, source=NETLINK, shown_by=show_link(name),
            hint="check the cable and the switch port" if layer == "NIC" else _SET_UP_AGAIN,
            fix=(root("ip", "link", "set", "dev", name, "up"),) if link and not link.admin_up else (),
        ).judged(link is not None and link.admin_up and link.carrier)  # fmt: skip


@verified("nic.controller", fix=by_host_setup)
def nic_controller(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each NIC is a port of the bond, or of the bridge where there is no bond."""
    for name, over in goal.controllers.items():
        if name in goal.nics:
            yield from _port(name, over, goal, facts)


@verified("bond.controller")
def bond_controller(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bond, or the VLAN on it, is a port of the bridge."""
    for name in goal.uplinks if goal.below else ():
        yield from _port(name, goal.ifname, goal, facts)


def _port(name: str, controller: str, goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    link = facts.link(name)
    if link is not None:
        yield Finding(
            subject=name, wanted=f"port of {controller}", seen=f"port of {link.controller or 'nothing'}",
            source=NETLINK, shown_by=show_link(name), hint=_SET_UP_AGAIN, fix=_join(name, controller, goal),
        ).judged(link.controller == controller)  # fmt: skip


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
        yield Finding(
            subject=name, wanted=f"on {goal.ifname}", seen=f"on {link.parent or 'nothing'}" if link else MISSING,
            source=NETLINK, hint="set vlan.parent in its profile: sudo vmnet host-setup --move-vlans does this",
        ).judged(link is not None and link.parent == goal.ifname)  # fmt: skip


@verified("nic.mac", "bond.mac", "bridge.mac")
def link_macs(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """All of them have the MAC of the NIC that held the address."""
    free = () if goal.bond is None or goal.bond.pinned else (*goal.nics, goal.bond_name)
    for kind, link in _existing(goal, facts) if goal.mac else ():
        if link.ifname in free:
            continue
        # Another MAC costs the DHCP lease and trips port security; a bond with a foreign one gets no LACP.
        yield Finding(
            rule=f"{kind}.mac", subject=link.ifname, wanted=f"MAC {goal.mac}", seen=f"MAC {link.mac}", source=NETLINK,
            hint=f"its profile must set the MAC (cloned-mac-address): {_SET_UP_AGAIN}",
        ).judged(link.mac == goal.mac)  # fmt: skip


@verified("nic.address", "bond.address")
def link_addresses(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Only the bridge has addresses; link-local ones do not count."""
    for kind, link in _existing(goal, facts):
        name, addresses = link.ifname, facts.addresses_of(link.ifname)
        if kind != "bridge" and not (goal.on_nic and kind == "nic"):
            yield Finding(
                rule=f"{kind}.address", subject=name, wanted="no address of its own",
                seen=", ".join(map(str, addresses)) or "no address of its own", source=NETLINK,
                shown_by=command("ip", "address", "show", "dev", name),
                hint=f"an old profile is still active on it: {command('nmcli', 'device', 'show', name)}",
                fix=tuple(root("ip", "address", "delete", str(a), "dev", name) for a in addresses),
            ).judged(not addresses)  # fmt: skip


@verified("nic.mtu", "bond.mtu", "bridge.mtu", fix=by_host_setup)
def link_mtus(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """All have the wanted MTU, where one is wanted."""
    for kind, link in _existing(goal, facts):
        own = link.ifname == goal.ifname or (goal.vlan is not None and link.ifname in goal.uplinks)
        larger = goal.bond.mtu if goal.bond and not own else None
        # Below a VLAN another bridge may want a larger one.
        wanted = larger or (goal.mtu if own or goal.vlan is None else None)
        if wanted is None:
            continue
        # A tap with a smaller MTU pulls an unpinned bridge down with it.
        yield Finding(
            rule=f"{kind}.mtu", subject=link.ifname, wanted=f"MTU {wanted}", seen=f"MTU {link.mtu}", source=NETLINK,
            hint="a port with another MTU changes the bridge's MTU: check the domains' <mtu size=…/>",
        ).judged(link.mtu == wanted)  # fmt: skip


@verified("bond.mode")
def bond_mode(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The kernel runs the wanted mode."""
    link = facts.link(goal.bond_name)
    if link is not None and goal.bond is not None:
        seen = link.bond.mode if link.bond else "not a bond"
        yield Finding(
            subject=link.ifname, wanted=f"mode {goal.bond.mode}", seen=f"mode {seen}", source=NETLINK,
            hint=_SET_UP_AGAIN,
        ).judged(seen == goal.bond.mode)  # fmt: skip


@verified("bond.miimon", fix=by_host_setup)
def bond_miimon(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bond checks its links. Without that, traffic into a pulled cable is lost."""
    link = facts.link(goal.bond_name)
    if link is None or link.bond is None:
        return
    seen = link.bond.miimon_ms
    miimon = goal.bond.option("miimon") if goal.bond else None
    profile = dict(goal.profiles).get(link.ifname)
    yield Finding(
        subject=link.ifname, wanted=f"links monitored every {miimon} ms" if miimon else "links monitored",
        seen=f"every {seen} ms" if seen else "never", source=NETLINK, shown_by=show_option(link.ifname, "miimon"),
        hint=_SET_UP_AGAIN, fix=set_option(link.ifname, profile, "miimon", miimon or "100"),
    ).judged(str(seen) == miimon if miimon else seen > 0)  # fmt: skip


@verified("bond.ports", fix=by_host_setup)
def bond_ports(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The NICs are the bond's ports, and nothing else is."""
    if goal.bond_name is not None and facts.link(goal.bond_name) is not None:
        seen, wanted = [port.ifname for port in facts.ports(goal.bond_name)], sorted(goal.nics)
        yield Finding(
            subject=goal.bond_name, wanted=f"ports {', '.join(wanted)}",
            seen=f"ports {', '.join(seen)}" if seen else "no port", source=NETLINK, hint=_SET_UP_AGAIN,
        ).judged(seen == wanted)  # fmt: skip


@verified("bridge.stp", fix=by_host_setup)
def bridge_stp(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Spanning tree as wanted; with it each guest's start waits 30 s for the network."""
    link = facts.link(goal.ifname)
    if link is not None:
        stp = link.bridge.stp if link.bridge else None
        yield Finding(
            subject=goal.ifname, wanted=f"STP {_on(goal.stp)}",
            seen=f"STP {'not a bridge' if stp is None else _on(stp)}", source=SYSFS,
            shown_by=NO_COMMAND if stp is goal.stp else show_link(link.ifname), hint=_SET_UP_AGAIN,
            fix=set_stp(goal.ifname, facts, on=goal.stp),
        ).judged(stp is goal.stp)  # fmt: skip


def _on(value: bool) -> str:
    return "on" if value else "off"


@verified("bridge.uplinks", fix=by_host_setup)
def bridge_uplinks(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Besides taps the bridge has the wanted ports only, and they forward."""
    if facts.link(goal.ifname) is None:
        return
    ports, wanted = facts.uplinks(goal.ifname), sorted(goal.uplinks)
    names = [port.ifname for port in ports]
    seen = ", ".join(f"{port.ifname} ({port.bridge_port_state or 'state unknown'})" for port in ports)
    strange = [name for name in names if name not in wanted]
    yield Finding(
        subject=goal.ifname, wanted=f"uplink {', '.join(f'{name} (forwarding)' for name in wanted)}",
        seen=f"uplink {seen}" if seen else "no uplink", source=SYSFS, shown_by=command("bridge", "link", "show"),
        hint="" if strange else _SET_UP_AGAIN,
        fix=tuple(root("ip", "link", "set", "dev", name, "nomaster") for name in strange),
    ).judged(names == wanted and all(port.bridge_port_state == "forwarding" for port in ports))  # fmt: skip
