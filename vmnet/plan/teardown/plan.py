"""teardown: the address goes from the bridge back to one NIC, and the bridge, its bond and its profiles go after it.

The order is that of the undo of host-setup. The profile that gets the address is in memory at first. Its NIC leaves the
bond and takes the address in one activation. Where the LACP switch needs it, the NIC is the last port that leaves. The
bridge is taken down, and what answered before must answer again. Until then no file was changed, and a reboot boots the
bridge. Then the profiles lose autoconnect, one file switches the boot over, and the bridge's profiles are deleted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.names import profile_uuid
from vmnet.plan import steps
from vmnet.plan.host.address import DHCP_S, comes_late, ipv6_off, ipv6_warnings
from vmnet.plan.host.answers import ADDRESS_S, ANSWER_S, FORGET_S, check_probes, probe_words
from vmnet.plan.host.build import Build, first_routes
from vmnet.plan.host.joins import SETTLE_S
from vmnet.plan.host.layer3 import plain, wanted_layer3
from vmnet.plan.host.nics import find_management
from vmnet.plan.host.profiles import MTU, STARTS, WantedProfile
from vmnet.plan.host.saved_profiles import clear_stale
from vmnet.plan.host.setup import prove_management, prove_others
from vmnet.plan.host.upper_links import in_zone
from vmnet.plan.risks.accept import settle
from vmnet.plan.risks.firewall import firewall_risks, firewall_warnings
from vmnet.plan.risks.owners import check_owners
from vmnet.plan.risks.safety import check_host
from vmnet.plan.steps import Plan, Planned
from vmnet.plan.teardown.stacks import Stack, find_stacks, old_profiles
from vmnet.plan.teardown.users import plan_users
from vmnet.spec import HostSpec

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vmnet.facts import Facts, Link, Profile, Route
    from vmnet.plan.steps import Step
    from vmnet.spec import BridgeSpec, TeardownSpec

_PRIORITY = "connection.autoconnect-priority"
_SAME = tuple(f"{family}.{key}" for family in ("ipv4", "ipv6") for key in ("method", "addresses", "gateway"))
"""Settings in which an old profile must be like the bridge's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """How the address gets to its NIC. `build` has the NIC's new profile in place of a bridge's. `old`: the profile
    that the NIC had before, which is used instead."""

    stack: Stack
    build: Build
    target: Link
    old: Profile | None

    @property
    def uuid(self) -> str:
        return self.old.uuid if self.old else self.build.bridge.uuid

    @property
    def name(self) -> str:
        return self.old.name if self.old else self.build.bridge.ifname


def plan_teardown(
    spec: TeardownSpec, facts: Facts, goals: Sequence[BridgeSpec], *, disabled: Collection[str] = ()
) -> Plan:
    """Plan to remove the bridges, and to leave plain NICs.

    Args:
        goals: the bridges as they are, in the order of `stacks.find_bridges`.
        disabled: UUIDs of profiles whose autoconnect a run has disabled.

    Raises:
        SpecError: the request does not fit this host.
        Refused: something uses the bridges, or the host is not in a state in which the change is safe.
        Conflict: another change of the network is in progress.
    """
    if not goals:
        return Plan(command="teardown", kept=("no bridge is on a NIC",))
    host = HostSpec(management=spec.management, confirm_s=spec.confirm_s, allow_firewall=spec.allow_firewall)
    check_probes(host, facts)
    stacks = find_stacks(goals, spec, facts)
    for stack in stacks:
        check_host(stack.goal, (), host, facts)
        for nic in stack.nics:
            check_owners(nic, facts)
    users = plan_users(tuple(stack.bridge.ifname for stack in stacks), spec, facts)
    management = find_management(host, facts)
    move = next((_move(stack, host, management, facts, disabled) for stack in stacks if stack.target), None)
    accepted = () if move is None else (*settle(firewall_risks(move.build)), *firewall_warnings(move.build))
    return Plan(
        command="teardown",
        planned=(*users.moves, *users.networks, *_host_steps(stacks, move, host, management, facts, disabled)),
        kept=users.kept,
        warnings=(*users.warnings, *(_warnings(move, facts) if move else ()), *accepted),
        choices=(*(_choices(move, facts) if move else ()), *probe_words(facts)),
        rows=users.rows,
        removed=tuple(stack.goal for stack in stacks),
    )


def _host_steps(
    stacks: Sequence[Stack],
    move: Move | None,
    host: HostSpec,
    management: str | None,
    facts: Facts,
    disabled: Collection[str],
) -> list[Planned]:
    seconds = 60 + (DHCP_S if move and move.build.layer3.dhcp else 0)
    opening = steps.OpenCheckpoint(timeout_s=seconds)
    ours = {name for stack in stacks for name in stack.links}
    return [
        Planned(step=opening, why="NetworkManager rolls back to this state by itself if this run dies"),
        *(_give(move, facts) if move else []),
        *_take_down(stacks, move, facts),
        *(_settled(move) if move else []),
        *_answers(stacks, host, facts),
        *_save(stacks, move, facts),
        *_enable(stacks, move, facts, disabled),
        *prove_management(management, facts),
        *prove_others(ours, management, facts),
        Planned(step=steps.CommitCheckpoint(), why="all checks passed: the change is kept"),
    ]


def _move(stack: Stack, host: HostSpec, management: str | None, facts: Facts, disabled: Collection[str]) -> Move:
    target = stack.target
    assert target is not None
    layer3 = in_zone(wanted_layer3(None, None, stack.bridge.ifname, facts), target.ifname, facts)
    shape = ((MTU, str(layer3.mtu)),) if layer3.mtu else ()
    if target.vlan_id is not None:
        shape = (("vlan.parent", target.parent or ""), ("vlan.id", str(target.vlan_id)), *shape)
    wanted = WantedProfile(
        uuid=profile_uuid(facts.machine_id, f"plain {target.ifname}"),
        ifname=target.ifname,
        type="ethernet" if target.vlan_id is None else "vlan",
        shape=shape,
        layer3=layer3.settings,
        boot=STARTS,
    )
    build = Build(
        spec=host,
        asked=stack.goal,
        facts=facts,
        nics=stack.nics,
        management=management,
        layer3=layer3,
        wanted=(wanted,),
        live=None,
        missing=None,
    )
    found = sorted(old_profiles((target.ifname,), facts), key=lambda profile: profile.uuid not in disabled)
    same = (profile for profile in found if _is_same(profile, wanted))
    return Move(stack=stack, build=build, target=target, old=next(same, None))


def _is_same(profile: Profile, wanted: WantedProfile) -> bool:
    """Return whether the profile has the addresses that its NIC is to get."""
    settings = dict(wanted.layer3)
    return all(_words(profile.get(key)) == _words(settings.get(key, "")) for key in _SAME)


def _words(value: str) -> list[str]:
    return plain(value).replace(",", " ").split()


def _warnings(move: Move, facts: Facts) -> tuple[str, ...]:
    bridge, mac = move.stack.bridge, move.target.permanent_mac or move.target.mac
    other = mac != bridge.mac
    moved = f"the host's MAC changes from {bridge.mac} to {mac}, that of {move.target.ifname}"
    lacking = [f"vmnet could not read {one.what} ({one.why}), and planned without it" for one in facts.unread]
    return (*([moved] if other else []), *ipv6_warnings(move.build), *lacking)


def _choices(move: Move, facts: Facts) -> tuple[str, ...]:
    bridge, target = move.stack.bridge.ifname, move.target.ifname
    if move.old:
        return (f"{target}: gets the address of {bridge} by its old profile {move.old.name!r}",)
    others = (profile.name for profile in old_profiles((target,), facts) if profile.uuid != move.uuid)
    left = (f"{target}: its old profile {name!r} has other addresses, and is left as it is" for name in others)
    return (f"{target}: gets the address of {bridge} by a new profile", *left)


# The address: the profile that gets it is added, its NIC leaves the bond, and its routes win.


def _give(move: Move, facts: Facts) -> list[Planned]:
    build, target = move.build, move.target.ifname
    before = facts.active_profile(target)
    assert before is not None
    late = comes_late(build)
    why = f"{target} leaves {move.target.controller} and takes the address in one step"
    take = Planned(
        # While the bridge exists, a DHCP server's answers may go there.
        step=steps.ActivateProfile(uuid=move.uuid, name=move.name, ifname=target, wait=not build.layer3.dhcp),
        why=why,
        undo=(steps.ActivateProfile(uuid=before.uuid, name=before.name, ifname=target),),
        back_first=late,
    )
    routes = _routes(move)
    wins = Planned(
        step=steps.AddRoutes(routes=routes),
        why=f"the host sends through {target} from here on",
        undo=(steps.RemoveRoutes(routes=routes),),
    )
    rest = [wins] if routes else []
    if not build.layer3.dhcp and build.layer3.has_ipv4:
        rest = [Planned(step=_address(move), why="the address must exist before the bridge goes"), *rest]
    return [*_add(move), *(_ipv6_off(move, facts) if late else []), *_leave(move, facts), take, *rest]


def _routes(move: Move) -> tuple[Route, ...]:
    """Return the routes with which the NIC wins at once; a leased address is not known yet, and its bridge goes now."""
    return () if move.build.layer3.dhcp else first_routes(move.build)


def _add(move: Move) -> list[Planned]:
    if move.old:
        return []
    wanted = move.build.bridge
    # The bridge still has the address: looking for a duplicate would find it.
    settings = (*wanted.shape, *wanted.layer3, ("ipv4.dad-timeout", "0"))
    step = steps.AddProfile(
        uuid=wanted.uuid, name=wanted.ifname, type=wanted.type, ifname=wanted.ifname, settings=settings
    )
    why = f"plain profile of {wanted.ifname}, in memory only: a reboot removes it"
    undo = (steps.DeleteProfile(uuid=wanted.uuid, name=wanted.ifname),)
    return [*clear_stale((wanted,), move.build), Planned(step=step, why=why, undo=undo)]


def _ipv6_off(move: Move, facts: Facts) -> list[Planned]:
    bridge = move.stack.bridge.ifname
    profile = facts.active_profile(bridge)
    assert profile is not None
    off = ipv6_off(move.build.layer3.settings)
    step = steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=off, save=False)
    reapply = steps.ReapplyDevice(ifname=bridge)
    why = f"{bridge} gives IPv6 up: else {move.target.ifname} would fail duplicate detection"
    return [
        Planned(step=step, why=why, undo=(_restore(profile), reapply)),
        Planned(step=reapply, why="takes effect without dropping a port"),
    ]


def _leave(move: Move, facts: Facts) -> list[Planned]:
    """Return the step that removes the other ports first, if the LACP switch needs the NIC to be the last one."""
    bond = move.stack.lacp
    ports = [(nic, facts.active_profile(nic)) for nic in move.stack.others]
    others = tuple((nic, profile.uuid) for nic, profile in ports if profile)
    if bond is None or not others:
        return []
    step = steps.LeaveLast(bond=bond, ifname=move.target.ifname, others=others, seconds=SETTLE_S)
    return [Planned(step=step, why="a strict LACP switch goes on with one port of its group only")]


def _address(move: Move) -> steps.WaitAddress:
    known = tuple(address for address in move.build.layer3.addresses if address.version == 4)
    return steps.WaitAddress(ifname=move.target.ifname, addresses=known, timeout_s=4 * ADDRESS_S)


def _settled(move: Move) -> list[Planned]:
    """Return what comes when the bridge is gone: the lease, and the end of the routes that vmnet has added."""
    build = move.build
    routes = _routes(move)
    ipv6 = tuple(a for a in build.layer3.addresses if a.version == 6 and a not in build.layer3.lost)
    waits = [_address(move)] if build.layer3.dhcp else []
    if ipv6 and comes_late(build):
        waits.append(steps.WaitAddress(ifname=move.target.ifname, addresses=ipv6, timeout_s=4 * ADDRESS_S))
    planned = [Planned(step=wait, why=f"{move.target.ifname} must have the address") for wait in waits]
    no_more = Planned(step=steps.RemoveRoutes(routes=routes), why="NetworkManager has added its own routes")
    return [*planned, *([no_more] if routes else [])]


def _take_down(stacks: Sequence[Stack], move: Move | None, facts: Facts) -> list[Planned]:
    """Return the steps that take the other ports down, then bonds, VLANs and bridges: their profiles stay for now."""
    settle = steps.LetSettle(seconds=SETTLE_S)
    lacp = move is not None and bool(move.stack.lacp and move.stack.others)
    wait = [Planned(step=settle, why=f"the switch forgets {move.target.ifname} first")] if move and lacp else []
    ports = [nic for stack in stacks for nic in stack.others]
    return [*wait, *(_down(name, facts) for name in (*ports, *_going(stacks)))]


def _going(stacks: Sequence[Stack]) -> list[str]:
    return [name for stack in stacks for name in stack.going]


def _down(ifname: str, facts: Facts) -> Planned:
    profile = facts.active_profile(ifname)
    assert profile is not None
    return Planned(
        step=steps.DeactivateProfile(uuid=profile.uuid, name=profile.name),
        why=f"{ifname} goes down; its profile is kept until the NICs are proven",
        undo=(steps.ActivateProfile(uuid=profile.uuid, name=profile.name, ifname=ifname),),
    )


def _answers(stacks: Sequence[Stack], host: HostSpec, facts: Facts) -> list[Planned]:
    """Wait for what answered before; a switch may take until then to send to the NIC again."""
    others = tuple(nic for stack in stacks for nic in stack.others)
    patience = FORGET_S if any(stack.lacp for stack in stacks) else 0
    probes = [answer.probe for answer in facts.answers if answer.ok]
    first = [steps.WaitAnswer(probe=probe, timeout_s=ANSWER_S + patience, others=others) for probe in probes[:1]]
    waits = [*first, *(steps.WaitAnswer(probe=probe, timeout_s=ANSWER_S) for probe in probes[1:])]
    planned = [Planned(step=wait, why="it answered before the change") for wait in waits]
    if host.confirm_s is not None:
        step = steps.WaitConfirmation(timeout_s=host.confirm_s)
        planned.append(Planned(step=step, why="sudo vmnet confirm, run from a new connection, keeps the change"))
    return planned


# The files: one switches the boot over, all others start nothing before it, and are deleted after it.


def _save(stacks: Sequence[Stack], move: Move | None, facts: Facts) -> list[Planned]:
    port = facts.active_profile(move.target.ifname) if move else None
    others = [facts.active_profile(nic) for stack in stacks for nic in stack.others]
    found = [*others, *(facts.active_profile(name) for name in _going(stacks))]
    going = list(dict.fromkeys(profile for profile in found if profile is not None))
    off = (("connection.autoconnect", "no"),)
    quiet = [
        Planned(
            step=steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=off, save=True),
            why=f"profile {profile.name!r} starts nothing by itself any more",
            undo=(_restore(profile),),
        )
        for profile in going
    ]
    turn, after = _turn(move, port) if move and port else ([], [])
    gone = [
        Planned(
            step=steps.DeleteProfile(uuid=profile.uuid, name=profile.name),
            why=f"profile {profile.name!r} is not needed any more",
            undo=(_restore(profile),),
        )
        for profile in (*going, *([port] if port else []))
    ]
    return [*quiet, *turn, *gone, *after]


def _turn(move: Move, port: Profile) -> tuple[list[Planned], list[Planned]]:
    """Return the step that switches the boot over: at boot, this profile wins over the port profile of its NIC. And the
    step that gives it its own priority again, when there is no port profile any more."""
    own, theirs = (int(plain(p.get(_PRIORITY)) or 0) if p else 0 for p in (move.old, port))
    raised = min(max(own, theirs + 1), 999)
    dad = () if move.old else (("ipv4.dad-timeout", "-1"),)
    settings = (*STARTS, (_PRIORITY, str(raised)), *dad)
    step = steps.ModifyProfile(uuid=move.uuid, name=move.name, settings=settings, save=True)
    undo = (_restore(move.old),) if move.old else ()
    why = f"{move.name} is saved with autoconnect: from here on a reboot boots the plain NIC"
    turn = Planned(step=step, why=why, undo=undo, turns_boot=True)
    if raised == own:
        return [turn], []
    lower = steps.ModifyProfile(uuid=move.uuid, name=move.name, settings=((_PRIORITY, str(own)),), save=True)
    return [turn], [Planned(step=lower, why="no other profile wants the NIC any more")]


def _enable(stacks: Sequence[Stack], move: Move | None, facts: Facts, disabled: Collection[str]) -> list[Planned]:
    """Return the steps that enable autoconnect again where an earlier run has disabled it."""
    nics = [nic.ifname for stack in stacks for nic in stack.nics]
    used = move.uuid if move else None
    theirs = [profile for profile in old_profiles(nics, facts) if profile.uuid in disabled and profile.uuid != used]
    # Where the address went to a new profile, the NIC's old one would take the NIC at the next boot.
    target = move.target.ifname if move else None
    return [
        Planned(
            step=steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=STARTS, save=True),
            why=f"autoconnect of {profile.name!r} is enabled again: an earlier run has disabled it",
            undo=(_restore(profile),),
        )
        for profile in theirs
        if profile.ifname != target
    ]


def _restore(profile: Profile) -> Step:
    return steps.RestoreProfile(uuid=profile.uuid, name=profile.name, filename=profile.filename)
