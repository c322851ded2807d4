"""What must hold before the first step: refusals with the reason and what to do, and warnings."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from vmnet.errors import Conflict, Refused, SpecError
from vmnet.lines import number_of
from vmnet.names import check_ifname
from vmnet.plan.host.existing_links import check_contents, content_warnings
from vmnet.plan.host.layer3 import controllers_of, find_holder
from vmnet.plan.host.upper_links import check_children
from vmnet.plan.risks.accept import settle
from vmnet.plan.risks.claims import claim_risks
from vmnet.plan.risks.duplicates import duplicate_risks
from vmnet.plan.risks.firewall import firewall_risks, firewall_warnings
from vmnet.plan.risks.lost_addresses import lost_address_risks, lost_address_warnings
from vmnet.plan.risks.owners import check_owners, owner_warnings
from vmnet.plan.risks.ssh_session import ssh_risks, ssh_warnings
from vmnet.plan.risks.storage import storage_risks, storage_warnings
from vmnet.plan.risks.switches import switch_risks
from vmnet.shell_words import command, last
from vmnet.spec import BondMode
from vmnet.spec.options import check_bond_options, check_bridge_options

if TYPE_CHECKING:
    from vmnet.facts import Facts, Link, Profile
    from vmnet.plan.host.build import Build
    from vmnet.spec import BondSpec, BridgeSpec, HostSpec

LOWEST_NM = (1, 42)
"""Debian 12's NetworkManager, the oldest that the lab runs."""

OVS_DATAPATH = "ovs-system"
"""The kernel's name for the controller of all ports of Open vSwitch."""

_UNFIT_MODES = {
    BondMode.BALANCE_RR: "it sends the frames of one connection over several NICs, out of order",
    BondMode.BROADCAST: "it sends every frame over every NIC, and guests get duplicates",
    BondMode.BALANCE_TLB: "it changes source MACs, so the switch learns guests' MACs on the wrong port",
    BondMode.BALANCE_ALB: "it rewrites ARP answers, so guests on the bridge cannot reach their neighbours",
}


def check_spec(spec: HostSpec) -> None:
    """Raise SpecError for a request that is wrong on any host, Refused for a bond mode that harms guests."""
    if not spec.bridges:
        raise SpecError("no bridge is wanted", "name one: vmnet host-setup em1 p4p1 --bridge br0")
    for asked in spec.bridges:
        check_bridge(asked)
    _check_together(spec)
    if spec.timeout_s is not None and not 10 <= spec.timeout_s <= 3600:
        raise SpecError(f"a timeout of {spec.timeout_s} s is out of range", "use 10 to 3600 seconds")


def check_bridge(asked: BridgeSpec) -> None:
    """Raise SpecError for a bridge that is wrong on any host, Refused for a bond mode that harms guests."""
    names = [check_ifname(asked.ifname, what="bridge name"), *dict.fromkeys(asked.nics)]
    if asked.vlan is not None:
        names += [check_ifname(name, what="VLAN name") for name in (asked.vlan.ifname,) if name]
        if not 1 <= asked.vlan.id <= 4094:
            raise SpecError(f"VLAN {asked.vlan.id} is out of range", "a VLAN has a tag from 1 to 4094")
    if asked.bond is not None:
        names.append(check_ifname(asked.bond.ifname, what="bond name"))
        _check_bond(asked.bond, asked.nics)
    check_bridge_options(asked)
    if len(set(names)) != len(names):
        raise SpecError("the bridge, the bond and the NICs need different names", "change --bridge or --bond")
    for mtu in (asked.mtu, asked.bond.mtu if asked.bond else None):
        if mtu is not None and not 576 <= mtu <= 65535:
            raise SpecError(f"an MTU of {mtu} is out of range", "use 1500, or 9000 if the switch allows it")


def _check_together(spec: HostSpec) -> None:
    """Raise SpecError where bridges exclude each other: two untagged ones on the same NICs, or one name twice."""
    names = Counter(bridge.ifname for bridge in spec.bridges)
    names.update(bridge.vlan.ifname for bridge in spec.bridges if bridge.vlan and bridge.vlan.ifname)
    names.update({bridge.bond.ifname for bridge in spec.bridges if bridge.bond})
    if twice := [name for name, number in names.items() if number > 1]:
        raise SpecError(f"{twice[0]} is wanted twice", "give each link a name of its own")
    if twice := [name for name, number in Counter(spec.networks).items() if number > 1]:
        raise SpecError(f"network {twice[0]} would lead to two bridges", "give each bridge's network a name of its own")
    users: dict[str, BridgeSpec] = {}
    for bridge in spec.bridges:
        for nic in bridge.nics:
            other = users.setdefault(nic, bridge)
            if other is not bridge and (bridge.bond != other.bond or not (bridge.vlan or other.vlan)):
                raise SpecError(
                    f"{other.ifname} and {bridge.ifname} both want {nic}",
                    "bridges share NICs by VLANs of one bond only; give each its own NICs, or a VLAN",
                )
    if len(spec.bridges) > 1 and any(not bridge.nics and not bridge.vlan for bridge in spec.bridges):
        raise SpecError("with several bridges, vmnet proposes no NICs", "name the NICs of each bridge")


def _check_bond(bond: BondSpec, nics: tuple[str, ...]) -> None:
    reason = _UNFIT_MODES.get(bond.mode)
    if reason:
        raise Refused(
            f"vmnet refuses bond mode {bond.mode.value} on a bridge with guests: {reason}",
            "use 802.3ad if the switch supports LACP, otherwise active-backup",
        )
    if bond.option("arp_interval") is not None:
        raise Refused(
            "vmnet refuses ARP monitoring on a bond under a bridge: the bond has no address of its own and does not "
            "see the answers, so it takes good ports down",
            "leave --arp-interval out: --miimon monitors the links, and LACP monitors the switch",
        )
    if bond.option("miimon") is None:
        raise SpecError("the bond has no miimon", "use 10 to 10000 milliseconds; 100 is usual")
    check_bond_options(bond, nics)


def check_host(asked: BridgeSpec, nics: tuple[Link, ...], spec: HostSpec, facts: Facts) -> None:
    """Raise Refused or Conflict where the host is not in a state in which the change is safe."""
    if facts.nm_version is None:
        raise Refused(
            f"NetworkManager does not answer: {facts.nm_problem}",
            "start it: systemctl start NetworkManager",
        )
    if _version(facts.nm_version) < LOWEST_NM:
        lowest = ".".join(map(str, LOWEST_NM))
        raise Refused(
            f"NetworkManager {facts.nm_version} is too old: vmnet needs {lowest} or newer for its checkpoints "
            "and for `nmcli device reapply`",
            f"upgrade the host to a release that has {lowest} (Debian 12, RHEL 9.2, Ubuntu 23.04, or newer)",
        )
    if facts.checkpoints:
        raise Conflict(
            "NetworkManager has an open checkpoint: another tool is changing the network",
            "finish that change in nmcli, Cockpit, nmstate or vmnet, or wait until it is committed or rolled back",
        )
    if asked.network is not None and facts.libvirt_version is None:
        raise Refused(
            f"libvirt does not answer: {facts.libvirt_problem}",
            "start it (systemctl start libvirtd), or leave libvirt unchanged with --no-network",
        )
    wanted = {asked.ifname, *asked.below}
    for nic in nics:
        check_owners(nic, facts)
        if nic.controller is not None and nic.controller not in {*wanted, *_left_last(nic, nics, asked, facts)}:
            raise _busy(nic, nic.controller)
        check_children(nic, asked, spec, facts)
    _check_name(asked.ifname, "bridge", facts)
    if asked.vlan is not None:
        _check_name(asked.vlan.ifname, "vlan", facts)
    if asked.bond is not None:
        _check_name(asked.bond.ifname, "bond", facts)


def _version(text: str) -> tuple[int, ...]:
    return tuple(number_of(number) or 0 for number in re.findall(r"\d+", text)[:2])


def _left_last(nic: Link, nics: tuple[Link, ...], asked: BridgeSpec, facts: Facts) -> list[str]:
    """Return the controllers that the NIC may leave: the address moves from there, and NetworkManager made them."""
    chain = controllers_of(nic, facts)
    devices = [facts.device(name) for name in chain]
    ours = all(device is not None and device.managed and not device.external for device in devices)
    return chain if ours and find_holder(nics, asked, facts) in chain else []


def _busy(nic: Link, controller: str) -> Refused:
    if controller == OVS_DATAPATH:
        out = command("ovs-vsctl", "del-port", *last(nic.ifname))
        return Refused(
            f"{nic.ifname} is a port of Open vSwitch",
            f"remove it from there: {out} (ovs-vsctl show lists the bridges), or name other NICs",
        )
    return Refused(
        f"{nic.ifname} is a port of {controller}",
        f"remove it from {controller} first, or give {controller} as --bridge or --bond",
    )


def _check_name(ifname: str, kind: str, facts: Facts) -> None:
    link = facts.link(ifname)
    if link is None:
        return
    device = facts.device(ifname)
    if link.kind != kind:
        raise Refused(
            f"{ifname} exists already and is a {link.kind or 'NIC'}, not a {kind}",
            f"choose another name with --{kind}",
        )
    if device is None or not device.managed or device.external:
        raise Refused(
            f"{kind} {ifname} exists already and was not created by NetworkManager",
            f"remove it ({command('ip', 'link', 'delete', 'dev', ifname)}), or choose another name with --{kind}",
        )


def check_build(build: Build) -> tuple[str, ...]:
    """Return warnings about the accepted risks, and about what vmnet cannot tell.

    What exists already is changed in place, which drops no port: then only the address may be at risk.

    Raises:
        Refused: a risk was not accepted, or what exists already would be lost.
    """
    accepted = settle((*ssh_risks(build), *duplicate_risks(build), *firewall_risks(build), *lost_address_risks(build)))
    accepted += (*firewall_warnings(build), *lost_address_warnings(build))
    if build.missing == ():
        return (*accepted, *content_warnings(build))
    if build.missing is None:
        check_contents(build)
    else:
        accepted += tuple(content_warnings(build))
    accepted += settle((*claim_risks(build), *switch_risks(build), *storage_risks(build)))
    return (*accepted, *ssh_warnings(build), *storage_warnings(build.facts))


def warnings(build: Build) -> tuple[str, ...]:
    """Return what the admin should know before saying yes."""
    found = []
    nics, facts = build.nics, build.facts
    speeds = {nic.speed_mbit for nic in nics if nic.speed_mbit}
    if len(speeds) > 1:
        found.append(f"the NICs run at different speeds ({sorted(speeds)} Mbit/s): LACP uses those of one speed only")
    found += [
        f"{nic.ifname} has no carrier now: check its cable and the switch"
        for nic in nics
        if nic.admin_up and not nic.carrier
    ]
    if build.makes_bond and len(nics) == 1:
        found.append(f"the bond has only one port ({nics[0].ifname}): if that fails, the bridge has no uplink")
    if build.asked.stp:
        found.append("STP is on: each guest has no network for 30 s after its start")
    found += owner_warnings(nics, facts)
    if build.management is not None:
        found += _management_warnings(build.management, build.spec.fix_management, facts)
    found += [f"vmnet could not read {one.what} ({one.why}), and planned without it" for one in facts.unread]
    return tuple(found)


def _management_warnings(management: str, fix: bool, facts: Facts) -> list[str]:
    profile = facts.active_profile(management)
    if profile is None:
        return [
            f"management link {management} has no active profile: vmnet cannot tell whether it takes the default route"
        ]
    found = []
    if profile.get("ipv4.never-default") == "no":
        found.append((f"management profile {profile.name!r} may take the default route", "ipv4.never-default"))
    if profile.get("ipv4.may-fail") == "no":
        found.append((f"management profile {profile.name!r} delays the boot if it fails", "ipv4.may-fail"))
    return [f"{text} ({key} no){'' if fix else _mend(profile, key)}" for text, key in found]


def _mend(profile: Profile, key: str) -> str:
    change = command("nmcli", "connection", "modify", "uuid", profile.uuid, key, "yes")
    return f": to change that, use --fix-management, or {change}"
