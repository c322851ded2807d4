"""Rules about what stands on the bridge and below it: VLANs, isolation, MACs on the LAN, virtual functions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from vmnet.checks.commands import show_link
from vmnet.checks.findings import LIBVIRT, NETLINK, SYSFS, Finding, subject_of
from vmnet.checks.registry import diagnosed
from vmnet.checks.rules.bridge import BRIDGE_TOOL, all_interfaces, guest_bridges, modify, running_taps
from vmnet.documents.ports import PortWish, parse_port
from vmnet.facts import Domain, Fabric, Facts, Interface, Link, PortVlans
from vmnet.names import Mac
from vmnet.shell_words import Command, both, command, last, pipe, root
from vmnet.spec import BridgeSpec

_DIRECT = "direct"


@diagnosed("nic.vlan-on-port")
def vlan_on_bond_port(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No VLAN stands on a port of a bond; those that the goal knows, bridge.vlan speaks of."""
    for link in facts.links:
        port = facts.link(link.parent) if link.kind == "vlan" else None
        bond = facts.link(port.controller) if port else None
        if port is None or bond is None or bond.bond is None or link.ifname in goal.vlans:
            continue
        parent = bond.controller or bond.ifname
        stored = modify(link.ifname, facts, "vlan.parent", parent)
        yield Finding(
            subject=link.ifname, wanted=f"on {parent}", seen=f"on {port.ifname}, a port of {bond.ifname}",
            source=NETLINK, shown_by=show_link(link.ifname),
            hint="" if stored else f"create it again on {parent}, with the tool that made it",
            fix=(*stored, *(_up_again(link.ifname, facts) if stored else ())),
        )  # fmt: skip


def _up_again(ifname: str, facts: Facts) -> Iterator[Command]:
    """NetworkManager makes a VLAN on another parent only once the old one is gone."""
    profile = facts.active_profile(ifname)
    if profile is not None:
        yield both(*(root("nmcli", "connection", verb, "uuid", profile.uuid) for verb in ("down", "up")))


@diagnosed("bridge.tap-vlans")
def tap_vlans(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """On a bridge that filters VLANs, each tap has those of its document, and one that leads out."""
    bridges = {link.ifname for link in guest_bridges(goal, facts) if link.bridge and link.bridge.vlan_filtering}
    for domain, interface, tap in running_taps(facts):
        seen = (facts.fabric or Fabric()).vlans_of(tap.ifname)
        if tap.controller not in bridges or seen is None:
            continue
        wish = _wish(interface, facts)
        if wish.vlans and (seen.vlans != wish.vlans or seen.untagged != wish.untagged):
            yield _wrong_vlans(domain, interface, tap, seen, wish)
        elif not wish.vlans and (outside := _out(tap.controller, facts)) and outside.isdisjoint(seen.vlans):
            yield Finding(
                subject=subject_of(domain, interface),
                wanted=f"a VLAN of the uplink on {tap.ifname}: {_list(outside)}", seen=_say(seen), source=BRIDGE_TOOL,
                shown_by=_show_vlans(tap.ifname),
                hint=f"until the next start: {_set_vlan('add', tap.ifname, 'NUMBER', 'pvid', 'untagged')}",
            )  # fmt: skip


def _wish(interface: Interface, facts: Facts) -> PortWish:
    network = facts.network(interface.source.network) if interface.source.network else None
    return parse_port(interface.document, network.document if network else None)


def _out(bridge: str | None, facts: Facts) -> set[int]:
    ports = facts.uplinks(bridge) if bridge else ()
    vlans = ((facts.fabric or Fabric()).vlans_of(port.ifname) for port in ports)
    return {number for entry in vlans if entry for number in entry.vlans}


def _list(vlans: set[int] | tuple[int, ...]) -> str:
    return ", ".join(str(number) for number in sorted(vlans)) or "none"


def _say(vlans: PortVlans | PortWish) -> str:
    return f"VLANs {_list(vlans.vlans)}, untagged {vlans.untagged or 'none'}"


def _show_vlans(port: str) -> Command:
    return command("bridge", "vlan", "show", "dev", port)


def _set_vlan(verb: str, port: str, number: int | str, *flags: str) -> Command:
    return root("bridge", "vlan", verb, "dev", port, "vid", str(number), *flags)


def _wrong_vlans(domain: Domain, interface: Interface, tap: Link, seen: PortVlans, wish: PortWish) -> Finding:
    port = tap.ifname
    gone = [_set_vlan("del", port, number) for number in seen.vlans if number not in wish.vlans]
    new = [_set_vlan("add", port, n, *(("pvid", "untagged") if n == wish.untagged else ())) for n in wish.vlans]
    return Finding(
        rule="bridge.tap-vlans", subject=subject_of(domain, interface), wanted=_say(wish), seen=_say(seen),
        source=BRIDGE_TOOL, shown_by=_show_vlans(port),
        hint="from version 11 on, libvirt sets the document's VLANs at each start; a tap that left its bridge and came "
        "back has lost them",
        fix=(*gone, *new),
    )  # fmt: skip


@diagnosed("bridge.port-isolation")
def port_isolation(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A tap is cut off from the other isolated ports if its document says so, and only then."""
    if facts.fabric is None:
        return
    bridges = [link.ifname for link in guest_bridges(goal, facts)]
    for domain, interface, tap in running_taps(facts):
        wanted = _wish(interface, facts).isolated
        if tap.controller in bridges and facts.fabric.has_flag(tap.ifname, "isolated") != wanted:
            yield _isolation(subject_of(domain, interface), tap.ifname, wanted=wanted)
    for port in (port for bridge in bridges for port in facts.uplinks(bridge)):
        if facts.fabric.has_flag(port.ifname, "isolated"):
            yield _isolation(port.ifname, port.ifname, wanted=False)


def _isolation(subject: str, port: str, *, wanted: bool) -> Finding:
    state = "on" if wanted else "off"
    return Finding(
        rule="bridge.port-isolation", subject=subject, wanted=f"{port} {'isolated' if wanted else 'not isolated'}",
        seen=f"{port} {'not isolated' if wanted else 'isolated'}", source=SYSFS, shown_by=_show_port(port),
        fix=(root("bridge", "link", "set", "dev", port, "isolated", state),),
    )  # fmt: skip


def _show_port(port: str) -> Command:
    return command("bridge", "-d", "link", "show", "dev", port)


@diagnosed("bridge.hairpin-uplink")
def hairpin_uplink(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The uplink sends nothing back to where it came from."""
    for bridge in guest_bridges(goal, facts):
        for port in facts.uplinks(bridge.ifname):
            if (facts.fabric or Fabric()).has_flag(port.ifname, "hairpin"):
                yield Finding(
                    subject=port.ifname, wanted="hairpin off", seen="hairpin on", source=SYSFS,
                    shown_by=_show_port(port.ifname),
                    fix=(root("bridge", "link", "set", "dev", port.ifname, "hairpin", "off"),),
                )  # fmt: skip


@diagnosed("domain.mac-on-lan")
def mac_on_lan(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No running domain's MAC is heard from the LAN."""
    out = {port.ifname for bridge in guest_bridges(goal, facts) for port in facts.uplinks(bridge.ifname)}
    heard = {entry.mac: entry.port for entry in (facts.fabric or Fabric()).heard if not entry.own}
    for domain, interface, tap in running_taps(facts):
        port = heard.get(interface.mac) if interface.mac else None
        if port in out and tap.ifname != port:
            yield Finding(
                subject=subject_of(domain, interface), wanted=f"{interface.mac} behind {tap.ifname} only",
                seen=f"{interface.mac} came in over {port}", source=BRIDGE_TOOL, shown_by=pipe(
                    command("bridge", "fdb", "show", "br", tap.controller or ""), command("grep", interface.mac or "")
                ),
                hint="another machine has this MAC (a clone, or the same domain on another host), or a loop brings its "
                "frames back. The switch's address table shows the port. Give one of the two a new MAC",
            )  # fmt: skip


@diagnosed("domain.mac-twice")
def mac_twice(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No two domains have one MAC; unless two of them run on one bridge, it is a note."""
    users: dict[Mac, dict[str, None]] = defaultdict(dict)
    for domain, interface in all_interfaces(facts):
        if interface.mac:
            users[interface.mac][domain.name] = None
    taps = [(interface.mac, tap.controller) for _, interface, tap in running_taps(facts)]
    for mac, domains in users.items():
        if len(domains) < 2:
            continue
        bridges = [bridge for tap_mac, bridge in taps if tap_mac == mac]
        clash = next((bridge for bridge in bridges if bridges.count(bridge) > 1), None)
        yield Finding(
            subject=str(mac), wanted="one domain with this MAC",
            seen=f"{', '.join(domains)} have this MAC{f', and run on {clash}' if clash else ''}", source=LIBVIRT,
            ok=clash is None, shown_by=command("virsh", "domiflist", *last(next(iter(domains)))),
            hint="power one of them off and remove its <mac> element with virsh edit: libvirt makes a new MAC",
        )  # fmt: skip


@diagnosed("domain.direct")
def direct_domains(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Which running domains the host itself cannot reach, for information."""
    names = dict.fromkeys(
        domain.name for domain, interface in all_interfaces(facts) if interface.actual_type == _DIRECT
    )
    if names:
        yield Finding(
            subject="all", wanted="host and domain reach each other",
            seen=f"on a NIC directly (macvtap): {', '.join(names)}", source=LIBVIRT, ok=True,
            hint="host and domain cannot reach each other; vmnet attach-domain --mac moves a domain to the bridge",
        )  # fmt: skip


@diagnosed("nic.one-mac")
def virtual_host(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Whether what is above the host lets more than one MAC through, for information."""
    kind = (facts.fabric or Fabric()).virtualisation
    bridges = [bridge for bridge in guest_bridges(goal, facts) if facts.uplinks(bridge.ifname)]
    if kind and bridges:
        yield Finding(
            subject=", ".join(bridge.ifname for bridge in bridges), wanted="every guest's MAC is allowed",
            seen=f"this host is a virtual machine ({kind})", source="systemd-detect-virt", ok=True,
            shown_by=command("systemd-detect-virt"),
            hint="if guests get no answer, allow other MACs above this host. ESXi: promiscuous mode, forged transmits. "
            "Hyper-V: MAC spoofing. libvirt: trustGuestRxFilters, or no filterref. Clouds often allow none",
        )  # fmt: skip


@diagnosed("nic.sriov-uplink")
def virtual_functions(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """An uplink with virtual functions in use knows the MACs behind the bridge: else these do not reach each other."""
    fabric = facts.fabric or Fabric()
    functions = dict(fabric.virtual_functions)
    for bridge in guest_bridges(goal, facts):
        guests = sorted({i.mac for _, i, tap in running_taps(facts) if tap.controller == bridge.ifname and i.mac})
        for nic in facts.carriers(bridge.ifname):
            passed = set(functions.get(nic.ifname, ()))
            users = [d.name for d in facts.domains if d.active and not passed.isdisjoint(d.host_devices)]
            known = {entry.mac for entry in fabric.heard if entry.own and entry.port == nic.ifname}
            missing = [mac for mac in (*guests, bridge.mac) if mac not in known and mac != nic.mac]
            if users and missing:
                yield _unknown_to_nic(nic.ifname, bridge.ifname, users, missing)


def _unknown_to_nic(nic: str, bridge: str, users: list[str], missing: list[Mac]) -> Finding:
    return Finding(
        rule="nic.sriov-uplink", subject=nic, wanted=f"its own switch knows the MACs behind {bridge}",
        seen=f"virtual functions in use by {', '.join(users)}; not known: {', '.join(missing)}", source=BRIDGE_TOOL,
        shown_by=command("bridge", "fdb", "show", "dev", nic),
        hint="the entries last until the NIC is reset or the host reboots; switchdev mode does not need them",
        fix=tuple(root("bridge", "fdb", "add", mac, "dev", nic, "self") for mac in missing),
    )  # fmt: skip
