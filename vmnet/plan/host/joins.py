"""NICs become ports: the idle ones first, the one with the host's address last. Each wait has its deadline."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.plan import steps
from vmnet.plan.host.address import ask_gateways, asks_before_move, let_ipv6_in
from vmnet.plan.host.build import routes_back
from vmnet.plan.host.layer3 import controllers_of, dhcp_leased, plain
from vmnet.plan.host.profiles import competes
from vmnet.plan.host.saved_profiles import add_profiles, clear_stale, save_profile
from vmnet.plan.steps import Planned

if TYPE_CHECKING:
    from vmnet.facts import Facts
    from vmnet.plan.host.build import Build

CARRIER_S = 20
LACP_S = 40
"""A partner at the slow rate sends every 30 s (IEEE 802.1AX 6.4.4); the kernel's aggregator timer adds up to 9 s."""
PORTS_S = 30
SETTLE_S = 2
"""The switch forgets a port at the fast rate 3 s after its last frame, and frames come every second (802.1AX 6.4.4)."""


def _activate_port(build: Build, nic: str, why: str, *, wait: bool = True) -> Planned:
    profile = build.port(nic)
    before = build.facts.active_profile(nic)
    device = build.facts.device(nic)
    undo: tuple[steps.Step, ...] = ()
    if before is not None and device is not None and not device.external:
        # While the bridge exists, a DHCP server's answers may go there.
        at_once = not any(dhcp_leased(name, build.facts) for name in (nic, *_over(nic, build.facts)))
        undo = (
            steps.ActivateProfile(uuid=before.uuid, name=before.name, ifname=nic, wait=at_once),
            *_vlan_back(nic, build),
        )
    elif device is not None and device.disconnected and _would_start(nic, build):
        undo = (steps.DisconnectDevice(ifname=nic),)
    step = steps.ActivateProfile(uuid=profile.uuid, name=nic, ifname=nic, wait=wait)
    return Planned(step=step, why=why, undo=undo)


def _vlan_back(nic: str, build: Build) -> tuple[steps.ActivateProfile, ...]:
    """Return the step that brings the VLAN back up that has the address now, when its NIC is back."""
    holder = build.facts.link(build.layer3.holder)
    profile = build.facts.active_profile(holder.ifname) if holder and holder.parent == nic else None
    if holder is None or profile is None:
        return ()
    return (steps.ActivateProfile(uuid=profile.uuid, name=profile.name, ifname=holder.ifname),)


def _over(nic: str, facts: Facts) -> list[str]:
    link = facts.link(nic)
    return controllers_of(link, facts) if link else []


def _would_start(nic: str, build: Build) -> bool:
    """Return whether only `nmcli device disconnect` keeps a profile from starting on the NIC."""
    links = tuple(link for link in build.nics if link.ifname == nic)
    return any(profile.autoconnect and competes(profile, links, ()) for profile in build.facts.profiles)


def _agree_with_switch(build: Build, ports: tuple[str, ...], *, this_end: bool = False) -> list[Planned]:
    bond = build.asked.bond
    if bond is None or not build.lacp:
        return []
    wait = steps.WaitLacp(bond=bond.ifname, ports=ports, timeout_s=LACP_S, this_end=this_end)
    return [Planned(step=wait, why="the switch must answer LACP")]


def join_first(build: Build) -> list[Planned]:
    """Let the idle NICs join; with none idle, the live one."""
    first = build.idle or build.ports
    bond = build.asked.bond.ifname if build.asked.bond and build.lacp else None
    joining = [_activate_port(build, nic, f"{nic} becomes a port", wait=bond is None) for nic in first]
    if bond is None:
        wait = steps.WaitCarrier(ifname=build.bridge.ifname, timeout_s=CARRIER_S)
        return [*joining, Planned(step=wait, why="the bridge needs carrier")]
    joined = steps.WaitPorts(controller=bond, ports=tuple(sorted(first)), timeout_s=PORTS_S)
    silent = f"{bond} must not send LACP before its port joins: a strict switch would drop the live NIC"
    # From here on, time matters. Up before its port, the bond would take 9 s (802.3ad selection timer).
    speaking = f"{bond} starts LACP and chooses its aggregator at once"
    return [
        Planned(step=steps.SetLink(ifname=bond, up=False), why=silent),
        *joining,
        Planned(step=joined, why="the ports must be in the bond"),
        Planned(step=steps.SetLink(ifname=bond, up=True), why=speaking),
        *_agree_with_switch(build, first, this_end=asks_before_move(build)),
    ]


def join_existing(build: Build, missing: tuple[str, ...]) -> list[Planned]:
    """Let NICs join the existing bond or bridge, which works without them meanwhile."""
    if not missing:
        return []
    new = [build.port(nic) for nic in missing]
    over = build.controller
    names = tuple(sorted(build.ports))
    wait = steps.WaitPorts(controller=over, ports=names, timeout_s=PORTS_S)
    return [
        *clear_stale(new, build),
        *add_profiles(new, build),
        *(_activate_port(build, nic, f"{nic} becomes a port of {over}") for nic in missing),
        Planned(step=wait, why="every NIC must be a port"),
        *_agree_with_switch(build, names),
        *(save_profile(profile, profile.boot, "is saved with autoconnect") for profile in new),
    ]


def join_last(build: Build) -> list[Planned]:
    if build.live is None or not build.idle:
        return let_ipv6_in(build)
    why = f"{build.live} changes from its old profile to the port profile in one step"
    joining = _activate_port(build, build.live, why)
    if joining.undo:
        # In a rollback it must leave first, or else last. Otherwise a strict switch may keep another port than its.
        settle = (steps.LetSettle(seconds=SETTLE_S),) if build.lacp else ()
        routes = routes_back(build)
        win = (steps.AddRoutes(routes=routes),) if routes else ()
        undo = (*_leave_last(build, build.live), *joining.undo, *settle, *win)
        joining = replace(joining, undo=undo, back_first=build.lacp)
    return [joining, *let_ipv6_in(build), *_agree_with_switch(build, build.ports)]


def _leave_last(build: Build, live: str) -> tuple[steps.LeaveLast, ...]:
    """Return the undo step before the live NIC leaves the bond; none if its old profile is a port of another bond."""
    bond = build.asked.bond
    before = build.facts.active_profile(live)
    if bond is None or not build.lacp or before is None or plain(before.get("connection.master")):
        return ()
    others = tuple((nic, build.port(nic).uuid) for nic in build.idle)
    return (steps.LeaveLast(bond=bond.ifname, ifname=live, others=others, seconds=SETTLE_S),)


def prove(build: Build) -> list[Planned]:
    planned = []
    if build.makes_bond:
        ports = steps.WaitPorts(controller=build.controller, ports=tuple(sorted(build.ports)), timeout_s=PORTS_S)
        planned.append(Planned(step=ports, why="every NIC must be in the bond"))
    ports = steps.WaitPorts(controller=build.bridge.ifname, ports=build.uplinks, timeout_s=PORTS_S)
    planned.append(Planned(step=ports, why="the bridge must forward frames"))
    return [*planned, *ask_gateways(build, "the gateway must answer through the bridge")]
