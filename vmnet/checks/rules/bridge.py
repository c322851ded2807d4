"""Rules about the bridge as a switch: spanning tree, MTU, MAC, multicast, loops."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv6Address

from vmnet.checks.commands import modify_profile, show_link
from vmnet.checks.findings import NETLINK, SYSFS, Finding, subject_of
from vmnet.checks.registry import diagnosed
from vmnet.facts import Domain, Fabric, Facts, Interface, Link
from vmnet.shell_words import Command, command, pipe, root
from vmnet.spec import BridgeSpec

KERNEL_LOG = "kernel log"
BRIDGE_TOOL = "bridge(8)"
_LEAST_DELAY_CS = 200
"""The least that the kernel allows with STP (BR_MIN_FORWARD_DELAY): who has set it knows about the wait."""
_SECOND_WAY = (
    "look for a NIC plugged in twice, a guest that bridges two interfaces, a switch without the channel group, "
    "another machine with this MAC. After sudo dmesg --clear doctor sees only new lines"
)
_SOLICITED = int(IPv6Address("ff02::1:ff00:0"))


@diagnosed("bridge.stp-delays-guests")
def stp_delays_guests(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No guest waits for spanning tree. If none is wanted on the goal's bridge, bridge.stp says that it is on."""
    for link in guest_bridges(goal, facts):
        state = link.bridge
        said_already = link.ifname == goal.ifname and not goal.stp
        if state is None or not state.stp or said_already or state.forward_delay_cs <= _LEAST_DELAY_CS:
            continue
        yield Finding(
            subject=link.ifname, wanted="STP off, or a forward delay of 2 s",
            seen=f"STP on, a new port is blocked for {2 * state.forward_delay_cs // 100} s", source=SYSFS,
            shown_by=show_link(link.ifname), fix=set_stp(link.ifname, facts, on=False),
        )  # fmt: skip


@diagnosed("bridge.bpdu-guard")
def bpdu_guard(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Where STP is on, the switch has not taken the carrier from every NIC below the bridge."""
    for bridge in guest_bridges(goal, facts):
        nics = [link for link in facts.carriers(bridge.ifname) if link.hardware]
        dead = [link.ifname for link in nics if link.admin_up and not link.carrier and link.carrier_changes > 1]
        if bridge.bridge is None or not bridge.bridge.stp or not dead or len(dead) < len(nics):
            continue
        yield Finding(
            subject=bridge.ifname, wanted=f"carrier on {', '.join(dead)}, or STP off",
            seen=f"STP on, and {', '.join(dead)} lost the carrier", source=SYSFS, shown_by=show_link(bridge.ifname),
            hint="then turn the ports on again on the switch; its log says whether BPDU guard turned them off",
            fix=set_stp(bridge.ifname, facts, on=False),
        )  # fmt: skip


@diagnosed("bridge.mtu-differs")
def mtus_differ(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bridge and its other ports have the MTU of its uplink, and no port of a bond below it has less.

    Where the goal has an MTU of its own, nic.mtu, bond.mtu and bridge.mtu compare with that.
    """
    for bridge in guest_bridges(goal, facts):
        ups = [link for link in facts.uplinks(bridge.ifname) if link.kind != "vlan"] or facts.uplinks(bridge.ifname)
        if not ups:
            continue
        wanted = min(link.mtu for link in ups)
        judged = goal.mtu is not None and bridge.ifname == goal.ifname
        others = [port for port in facts.ports(bridge.ifname) if port not in ups]
        bonds = [link.ifname for link in ups if link.kind == "bond"]
        small = [port for bond in bonds for port in facts.ports(bond) if port.mtu < wanted]
        for link in (*(() if judged else (bridge, *small)), *others):
            if link.mtu != wanted:
                yield _mtu(link, wanted, ups[0], facts)


def _mtu(link: Link, wanted: int, uplink: Link, facts: Facts) -> Finding:
    now = root("ip", "link", "set", "dev", link.ifname, "mtu", str(wanted))
    stays = modify(link.ifname, facts, "802-3-ethernet.mtu", str(wanted)) if link.bridge else ()
    return Finding(
        rule="bridge.mtu-differs", subject=link.ifname, wanted=f"MTU {wanted}, as on the uplink {uplink.ifname}",
        seen=f"MTU {link.mtu}", source=NETLINK, shown_by=show_link(link.ifname),
        hint="a guest uses the new MTU from its next start on" if link.kind == "tun" else "", fix=(*stays, now),
    )  # fmt: skip


@diagnosed("bridge.mac-not-pinned")
def mac_not_pinned(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bridge keeps its MAC, whichever ports come and go."""
    for bridge in guest_bridges(goal, facts):
        if bridge.ifname not in (facts.fabric or Fabric()).unpinned:
            continue
        now = root("ip", "link", "set", "dev", bridge.ifname, "address", bridge.mac)
        yield Finding(
            subject=bridge.ifname, wanted="a MAC of its own", seen=f"MAC {bridge.mac}, the lowest of its ports",
            source=SYSFS, shown_by=command("cat", f"/sys/class/net/{bridge.ifname}/addr_assign_type"),
            hint="addr_assign_type 3 means that the MAC is set and stays",
            fix=(*modify(bridge.ifname, facts, "802-3-ethernet.cloned-mac-address", bridge.mac), now),
        )  # fmt: skip


@diagnosed("bridge.snooping-cuts-ipv6")
def snooping_cuts_ipv6(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """If multicast snooping is in effect, each guest's IPv6 addresses have the groups by which neighbours find them."""
    fabric = facts.fabric or Fabric()
    bridges = {bridge.ifname for bridge in guest_bridges(goal, facts)}
    for domain, interface, tap in running_taps(facts):
        snooped = next((entry for entry in fabric.multicast if entry.bridge == tap.controller), None)
        if snooped is None or tap.controller not in bridges or fabric.has_flag(tap.ifname, "router"):
            continue
        asked = {group for port, group in snooped.groups if port == tap.ifname}
        known = [a.interface.ip for a in facts.guest_addresses if a.mac == interface.mac]
        missing = [ip for ip in known if isinstance(ip, IPv6Address) and _group(ip) not in asked]
        if missing:
            yield Finding(
                subject=subject_of(domain, interface), wanted=f"the group {_group(missing[0])} on {tap.ifname}",
                seen=f"a querier behind {snooped.querier}, but no membership of {missing[0]} on {tap.ifname}",
                source=BRIDGE_TOOL, shown_by=command("bridge", "mdb", "show", "dev", snooped.bridge),
                hint="or allow MLD queries (ICMPv6 type 130) in the guest's own firewall",
                fix=_no_snooping(snooped.bridge, facts),
            )  # fmt: skip


def _group(address: IPv6Address) -> str:
    """Return the solicited-node multicast address (RFC 4291, 2.7.1)."""
    return str(IPv6Address(_SOLICITED | (int(address) & 0xFFFFFF)))


def _no_snooping(bridge: str, facts: Facts) -> tuple[Command, ...]:
    now = root("ip", "link", "set", "dev", bridge, "type", "bridge", "mcast_snooping", "0")
    return (*modify(bridge, facts, "bridge.multicast-snooping", "no"), now)


@diagnosed("bridge.loop")
def own_address_comes_back(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """What the host sends does not come back to it."""
    lines = (facts.fabric or Fabric()).log
    for bridge in guest_bridges(goal, facts):
        inside = {link.ifname for link in facts.carriers(bridge.ifname)}
        about = [line for line in lines if not inside.isdisjoint(line.text.split())]
        if about:
            last = about[-1]
            times = f" ({len(about)} times in ten minutes)" if len(about) > 1 else ""
            yield Finding(
                subject=bridge.ifname, wanted="no frame with its own MAC",
                seen=f"{last.age_s} s ago: {last.text}{times}", source=KERNEL_LOG,
                shown_by=pipe(root("dmesg"), command("grep", "own address as source")), hint=_SECOND_WAY,
            )  # fmt: skip


# Which bridges guests use, and what of facts goes with them.


def guest_bridges(goal: BridgeSpec, facts: Facts) -> tuple[Link, ...]:
    """Return the bridges of this host that join guests to the LAN: the goal's, those that libvirt's networks hand out
    as they are, those that documents name, those with taps. The bridges of libvirt's own networks (NAT, routed) are
    left out: what goes over those is libvirt's to let through."""
    of_networks = {network.bridge for network in facts.networks if network.forward_mode != "bridge"}
    handed_out = {network.bridge for network in facts.networks if network.forward_mode == "bridge"}
    named = {interface.source.bridge for _, interface in all_interfaces(facts)}
    with_taps = {link.controller for link in facts.links if link.kind == "tun"}
    used = {goal.ifname, *handed_out, *named, *with_taps} - (of_networks - {goal.ifname})
    return tuple(link for link in facts.links if link.bridge is not None and link.ifname in used)


def all_interfaces(facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    """Yield every interface of every document of the domains on this host."""
    for domain in () if facts.hypervisor_elsewhere else facts.domains:
        yield from ((domain, interface) for interface in domain.interfaces)


def running_taps(facts: Facts) -> Iterator[tuple[Domain, Interface, Link]]:
    """Yield the running interfaces whose taps are ports of a bridge, with the taps."""
    for domain, interface in () if facts.hypervisor_elsewhere else facts.running_interfaces():
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
    """Return the commands that turn STP on or off, now and after a reboot; no tap leaves the bridge."""
    state = "1" if on else "0"
    now = root("ip", "link", "set", "dev", bridge, "type", "bridge", "stp_state", state)
    return (*modify(bridge, facts, "bridge.stp", "yes" if on else "no"), now)
