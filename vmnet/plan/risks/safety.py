"""What must hold before the first step: refusals with the reason and what to do, and warnings."""

from __future__ import annotations

import re
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

if TYPE_CHECKING:
    from vmnet.facts import Facts, Link, Profile
    from vmnet.plan.host.build import Build
    from vmnet.spec import HostSpec

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
    check_ifname(spec.bridge.ifname, what="bridge name")
    names = [spec.bridge.ifname, *spec.nics]
    if spec.bond is not None:
        check_ifname(spec.bond.ifname, what="bond name")
        names.append(spec.bond.ifname)
        _check_bond_mode(spec)
    if len(set(names)) != len({*spec.nics}) + 1 + (spec.bond is not None):
        raise SpecError("the bridge, the bond and the NICs need different names", "change --bridge or --bond")
    if spec.mtu is not None and not 576 <= spec.mtu <= 65535:
        raise SpecError(f"an MTU of {spec.mtu} is out of range", "use 1500, or 9000 if the switch allows it")
    if spec.timeout_s is not None and not 10 <= spec.timeout_s <= 3600:
        raise SpecError(f"a timeout of {spec.timeout_s} s is out of range", "use 10 to 3600 seconds")


def _check_bond_mode(spec: HostSpec) -> None:
    assert spec.bond is not None
    reason = _UNFIT_MODES.get(spec.bond.mode)
    if reason:
        raise Refused(
            f"vmnet refuses bond mode {spec.bond.mode.value} on a bridge with guests: {reason}",
            "use 802.3ad if the switch supports LACP, otherwise active-backup",
        )
    if spec.bond.arp_interval_ms is not None:
        raise Refused(
            "vmnet refuses ARP monitoring on a bond under a bridge: the bond has no address of its own and does not "
            "see the answers, so it takes good ports down",
            "leave --arp-interval out: --miimon monitors the links, and LACP monitors the switch",
        )
    if not 10 <= spec.bond.miimon_ms <= 10000:
        raise SpecError(
            f"miimon {spec.bond.miimon_ms} ms is out of range", "use 10 to 10000 milliseconds; 100 is usual"
        )
    if spec.bond.lacp_rate and spec.bond.mode is not BondMode.LACP:
        raise SpecError("an LACP rate needs bond mode 802.3ad", "leave --lacp-rate out")


def check_host(spec: HostSpec, nics: tuple[Link, ...], facts: Facts) -> None:
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
    if spec.network is not None and facts.libvirt_version is None:
        raise Refused(
            f"libvirt does not answer: {facts.libvirt_problem}",
            "start it (systemctl start libvirtd), or leave libvirt unchanged with --no-network",
        )
    wanted = {spec.bridge.ifname, *((spec.bond.ifname,) if spec.bond else ())}
    for nic in nics:
        check_owners(nic, facts)
        if nic.controller is not None and nic.controller not in {*wanted, *_left_last(nic, nics, spec, facts)}:
            raise _busy(nic, nic.controller)
        check_children(nic, spec, facts)
    _check_name(spec.bridge.ifname, "bridge", facts)
    if spec.bond is not None:
        _check_name(spec.bond.ifname, "bond", facts)


def _version(text: str) -> tuple[int, ...]:
    return tuple(number_of(number) or 0 for number in re.findall(r"\d+", text)[:2])


def _left_last(nic: Link, nics: tuple[Link, ...], spec: HostSpec, facts: Facts) -> list[str]:
    """Return the controllers that the NIC may leave: the address moves from there, and NetworkManager made them."""
    chain = controllers_of(nic, facts)
    devices = [facts.device(name) for name in chain]
    ours = all(device is not None and device.managed and not device.external for device in devices)
    return chain if ours and find_holder(nics, spec.bridge.ifname, facts) in chain else []


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


def warnings(spec: HostSpec, nics: tuple[Link, ...], management: str | None, facts: Facts) -> tuple[str, ...]:
    """Return what the admin should know before saying yes."""
    found = []
    speeds = {nic.speed_mbit for nic in nics if nic.speed_mbit}
    if len(speeds) > 1:
        found.append(f"the NICs run at different speeds ({sorted(speeds)} Mbit/s): LACP uses those of one speed only")
    found += [
        f"{nic.ifname} has no carrier now: check its cable and the switch"
        for nic in nics
        if nic.admin_up and not nic.carrier
    ]
    if spec.bond is not None and len(nics) == 1:
        found.append(f"the bond has only one port ({nics[0].ifname}): if that fails, the bridge has no uplink")
    if spec.bridge.stp:
        found.append("STP is on: each guest has no network for 30 s after its start")
    found += owner_warnings(nics, facts)
    if management is not None:
        found += _management_warnings(management, spec.fix_management, facts)
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
