"""host-setup: bond and bridge built beside the running configuration, the address moved last.

This order loses no packet if the switch allows it. Everything is added in memory. The bridge gets the address while the
old NIC still has it. The idle NICs join the bond and agree LACP with the switch, the bridge's routes win, and then the
old NIC joins. The profiles are saved only when all of that is proven; until then a reboot boots the old configuration.
docs/benchmarks.md has measurements.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.facts.proof import proof_of, record_of
from vmnet.plan import steps
from vmnet.plan.host.address import (
    DHCP_S,
    ask_gateways,
    asks_before_move,
    ipv6_warnings,
    let_ipv6_in,
    move_address,
    prepare,
)
from vmnet.plan.host.answers import check_probes, probe_words, prove_answers
from vmnet.plan.host.build import Build, bridge_mac, goal_of, routes_back, winning_metric
from vmnet.plan.host.displace import disable_autoconnect, find_displaced, fix_management
from vmnet.plan.host.existing_links import mend_stack, missing_of
from vmnet.plan.host.layer3 import controllers_of, find_holder, find_live, plain, wanted_layer3
from vmnet.plan.host.network import plan_network
from vmnet.plan.host.new_profiles import add_profiles, clear_stale, save_profile, save_profiles
from vmnet.plan.host.nics import choose_nics
from vmnet.plan.host.profiles import competes, wanted_profiles
from vmnet.plan.host.upper_links import in_zone, move_vlans, save_vlans, vlan_warnings, wanted_vlans, zone_warnings
from vmnet.plan.risks.safety import check_build, check_host, check_spec, warnings
from vmnet.plan.steps import Plan, Planned

if TYPE_CHECKING:
    from vmnet.facts import Facts
    from vmnet.names import Mac
    from vmnet.plan.host.nics import Chosen
    from vmnet.plan.steps import HostGoal
    from vmnet.spec import HostSpec

CARRIER_S = 20
LACP_S = 40
"""A partner at the slow rate sends every 30 s (IEEE 802.1AX 6.4.4); the kernel's aggregator timer adds up to 9 s."""
PORTS_S = 30
SETTLE_S = 2
"""The switch forgets a port at the fast rate 3 s after its last frame, and frames come every second (802.1AX 6.4.4)."""


def plan_host_setup(spec: HostSpec, facts: Facts) -> Plan:
    """Plan the bond, the bridge with the host's address, and the libvirt network on it.

    Raises:
        SpecError: the request is wrong, or wrong for this host.
        Refused: the host is not in a state in which the change is safe.
        Conflict: another change of the network is in progress.
    """
    check_spec(spec)
    check_probes(spec, facts)
    chosen = choose_nics(spec, facts)
    check_host(spec, chosen.nics, facts)
    build, mac = _layout(spec, chosen, facts)
    accepted = check_build(build)
    host, kept = _host_part(build)
    network, network_kept = _network_part(build)
    return Plan(
        command="host-setup",
        planned=_in_order(build, host, network),
        kept=(*kept, *network_kept),
        warnings=(*_warnings(build), *accepted),
        choices=(*chosen.reasons, *probe_words(facts)),
        goal=_goal(build, mac),
    )


def _network_part(build: Build) -> tuple[list[Planned], list[str]]:
    if build.spec.network is None:
        return [], []
    nics = [nic.ifname for nic in build.nics]
    return plan_network(build.spec.network, build.bridge.ifname, build.facts, nics=nics)


def _layout(spec: HostSpec, chosen: Chosen, facts: Facts) -> tuple[Build, Mac]:
    """Return what to build on the chosen NICs, and the bridge's MAC."""
    holder = find_holder(chosen.nics, spec.bridge.ifname, facts)
    layer3 = wanted_layer3(spec.address, spec.mtu, holder, facts)
    layer3 = in_zone(winning_metric(layer3, spec, facts), spec.bridge.ifname, facts)
    mac = bridge_mac(spec, chosen.nics, holder, facts)
    wanted = wanted_profiles(spec, chosen.nics, mac, layer3, facts, created=())
    missing = missing_of(wanted, holder, facts)
    if missing != ():
        # What exists now is kept until the new one is proven.
        created = [profile.ifname for profile in wanted] if missing is None else missing
        wanted = wanted_profiles(spec, chosen.nics, mac, layer3, facts, created=created)
    live = find_live(holder, chosen.nics, {profile.ifname for profile in wanted}, facts)
    build = Build(
        spec=spec,
        facts=facts,
        nics=chosen.nics,
        management=chosen.management,
        layer3=layer3,
        wanted=wanted,
        live=live,
        missing=missing,
    )
    return build, mac


def _goal(build: Build, mac: Mac) -> HostGoal:
    goal = goal_of(
        build.spec,
        nics=tuple(nic.ifname for nic in build.nics),
        mac=mac,
        layer3=build.layer3,
        management=build.management,
        vlans=tuple(child.ifname for child, _ in wanted_vlans(build)),
        profiles=tuple((profile.ifname, profile.uuid) for profile in build.wanted),
    )
    # verify must not report what --fix-management changes as a change by somebody else.
    compared = build.management is not None and not build.spec.fix_management
    return replace(goal, management_was=record_of(build.management or "", build.facts) if compared else ())


def _warnings(build: Build) -> tuple[str, ...]:
    general = warnings(build.spec, build.nics, build.management, build.facts)
    zones = zone_warnings(build.layer3.holder, build.bridge.ifname, build.facts)
    return (*general, *zones, *ipv6_warnings(build), *vlan_warnings(build))


def _host_part(build: Build) -> tuple[list[Planned], list[str]]:
    displaced = find_displaced(build)
    if build.missing is not None:
        existing = [profile for profile in build.wanted if profile.ifname not in build.missing]
        changes, kept = mend_stack(existing, build.layer3, build.facts)
        changes += _join_existing(build, build.missing)
        changes += [*move_vlans(build), *save_vlans(build)]
        changes += [*disable_autoconnect(build, displaced), *fix_management(build)]
        return [*changes, *(prove_answers(build) if changes else [])], kept
    return [
        *clear_stale(build.wanted, build),
        *add_profiles(build.wanted, build),
        *prepare(build),
        *_join_first(build),
        *move_address(build),
        *move_vlans(build),
        *_join_last(build),
        *_prove(build),
        *save_profiles(build),
        *save_vlans(build),
        *disable_autoconnect(build, displaced),
        *fix_management(build),
    ], []


def _in_order(build: Build, host: list[Planned], network: list[Planned]) -> tuple[Planned, ...]:
    """Put the libvirt network before the profiles are saved, and all of it between checkpoint and commit."""
    if not host:
        return tuple(network)
    saves = next((i for i, p in enumerate(host) if isinstance(p.step, steps.ModifyProfile) and p.step.save), len(host))
    opening = Planned(
        step=steps.OpenCheckpoint(timeout_s=_timeout(build), last_resort=build.missing is not None),
        why="NetworkManager rolls back to this state by itself if this run dies",
    )
    closing = Planned(step=steps.CommitCheckpoint(), why="all checks passed: the change is kept")
    untouched = [*_prove_management(build), *_prove_others(build)]
    return (opening, *host[:saves], *network, *host[saves:], *untouched, closing)


def _prove_others(build: Build) -> list[Planned]:
    """Prove untouched what is on other NICs: links that have an address, and bridges."""
    ours = {nic.ifname for nic in build.nics}.union(*(build.facts.nics_below(name) for name in build.touched))
    others = (
        link.ifname
        for link in sorted(build.facts.links, key=lambda link: link.ifname)
        if link.ifname != build.management and (link.kind == "bridge" or build.facts.addresses_of(link.ifname))
    )
    planned = []
    for name in others:
        below = build.facts.nics_below(name)
        if below and not below & ours:
            profile = build.facts.active_profile(name)
            proof = proof_of(name, build.facts)
            step = steps.ProveUntouched(ifname=name, proof=proof, profile=None if profile is None else profile.uuid)
            planned.append(Planned(step=step, why=f"{name} is not part of this change and must be unchanged"))
    return planned


def _prove_management(build: Build) -> list[Planned]:
    if build.management is None:
        return []
    profile = build.facts.active_profile(build.management)
    step = steps.ProveUntouched(
        ifname=build.management,
        proof=proof_of(build.management, build.facts),
        profile=None if profile is None or build.spec.fix_management else profile.uuid,
    )
    return [Planned(step=step, why="the management link must be unchanged, or the whole change is rolled back")]


def _timeout(build: Build) -> int:
    """Return how long the longest step may take without a sign of life, in seconds."""
    if build.spec.timeout_s is not None:
        return build.spec.timeout_s
    return 60 + (DHCP_S if build.layer3.dhcp else 0) + (30 if build.spec.bridge.stp else 0)


def _activate_port(build: Build, nic: str, why: str, *, wait: bool = True) -> Planned:
    profile = build.port(nic)
    before = build.facts.active_profile(nic)
    device = build.facts.device(nic)
    undo: tuple[steps.Step, ...] = ()
    if before is not None and device is not None and not device.external:
        # While the bridge exists, a DHCP server's answers may go there.
        at_once = not any(_leased(name, build.facts) for name in (nic, *_over(nic, build.facts)))
        undo = (steps.ActivateProfile(uuid=before.uuid, name=before.name, ifname=nic, wait=at_once),)
    elif device is not None and device.disconnected and _would_start(nic, build):
        undo = (steps.DisconnectDevice(ifname=nic),)
    step = steps.ActivateProfile(uuid=profile.uuid, name=nic, ifname=nic, wait=wait)
    return Planned(step=step, why=why, undo=undo)


def _leased(ifname: str, facts: Facts) -> bool:
    profile = facts.active_profile(ifname)
    return profile is not None and profile.get("ipv4.method") == "auto"


def _over(nic: str, facts: Facts) -> list[str]:
    link = facts.link(nic)
    return controllers_of(link, facts) if link else []


def _would_start(nic: str, build: Build) -> bool:
    """Return whether only `nmcli device disconnect` keeps a profile from starting on the NIC."""
    links = tuple(link for link in build.nics if link.ifname == nic)
    return any(profile.autoconnect and competes(profile, links, ()) for profile in build.facts.profiles)


def _agree_with_switch(build: Build, ports: tuple[str, ...], *, this_end: bool = False) -> list[Planned]:
    bond = build.spec.bond
    if bond is None or not build.lacp:
        return []
    wait = steps.WaitLacp(bond=bond.ifname, ports=ports, timeout_s=LACP_S, this_end=this_end)
    return [Planned(step=wait, why="the switch must answer LACP")]


def _join_first(build: Build) -> list[Planned]:
    """Let the idle NICs join; with none idle, the live one."""
    first = build.idle or tuple(nic.ifname for nic in build.nics)
    bond = build.spec.bond.ifname if build.spec.bond and build.lacp else None
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


def _join_existing(build: Build, missing: tuple[str, ...]) -> list[Planned]:
    """Let NICs join the existing bond or bridge, which works without them meanwhile."""
    if not missing:
        return []
    new = [build.port(nic) for nic in missing]
    over = build.spec.bond.ifname if build.spec.bond else build.bridge.ifname
    names = tuple(sorted(nic.ifname for nic in build.nics))
    wait = steps.WaitPorts(controller=over, ports=names, timeout_s=PORTS_S)
    return [
        *clear_stale(new, build),
        *add_profiles(new, build),
        *(_activate_port(build, nic, f"{nic} becomes a port of {over}") for nic in missing),
        Planned(step=wait, why="every NIC must be a port"),
        *_agree_with_switch(build, names),
        *(save_profile(profile, profile.boot, "is saved with autoconnect") for profile in new),
    ]


def _join_last(build: Build) -> list[Planned]:
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
    return [joining, *let_ipv6_in(build), *_agree_with_switch(build, tuple(n.ifname for n in build.nics))]


def _leave_last(build: Build, live: str) -> tuple[steps.LeaveLast, ...]:
    """Return the undo step before the live NIC leaves the bond; none if its old profile is a port of another bond."""
    bond = build.spec.bond
    before = build.facts.active_profile(live)
    if bond is None or not build.lacp or before is None or plain(before.get("connection.master")):
        return ()
    others = tuple((nic, build.port(nic).uuid) for nic in build.idle)
    return (steps.LeaveLast(bond=bond.ifname, ifname=live, others=others, seconds=SETTLE_S),)


def _prove(build: Build) -> list[Planned]:
    names = tuple(sorted(nic.ifname for nic in build.nics))
    planned = []
    if build.spec.bond is not None:
        ports = steps.WaitPorts(controller=build.spec.bond.ifname, ports=names, timeout_s=PORTS_S)
        planned.append(Planned(step=ports, why="every NIC must be in the bond"))
    ports = steps.WaitPorts(controller=build.bridge.ifname, ports=build.uplinks, timeout_s=PORTS_S)
    planned.append(Planned(step=ports, why="the bridge must forward frames"))
    answers = ask_gateways(build, "the gateway must answer through the bridge")
    return [*planned, *answers, *prove_answers(build)]
