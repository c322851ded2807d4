"""host-setup: bonds and bridges built beside the running configuration, the address moved last.

This order loses no packet if the switch allows it. Everything is added in memory. The bridge gets the address while the
old NIC still has it. The idle NICs join the bond and agree LACP with the switch, the bridge's routes win, and then the
old NIC joins. The profiles are saved only when all of that is proven; until then a reboot boots the old configuration.
docs/benchmarks.md has measurements.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.errors import Refused
from vmnet.facts.proof import proof_of, record_of
from vmnet.plan import steps
from vmnet.plan.host.address import DHCP_S, ipv6_warnings, move_address, prepare
from vmnet.plan.host.answers import check_probes, probe_words, prove_answers
from vmnet.plan.host.build import Build, resolved
from vmnet.plan.host.existing_links import mend_stack
from vmnet.plan.host.joins import join_existing, join_first, join_last, prove
from vmnet.plan.host.layout import lay_out
from vmnet.plan.host.network import plan_network
from vmnet.plan.host.nics import with_names
from vmnet.plan.host.saved_profiles import (
    add_profiles,
    clear_stale,
    disable_autoconnect,
    find_displaced,
    fix_management,
    save_profiles,
)
from vmnet.plan.host.upper_links import move_vlans, save_vlans, vlan_warnings, wanted_vlans, zone_warnings
from vmnet.plan.risks.safety import check_build, check_spec, warnings
from vmnet.plan.steps import Plan, Planned

if TYPE_CHECKING:
    from vmnet.facts import Facts
    from vmnet.spec import BridgeSpec, HostSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The steps for one bridge, by phase.

    `build`: all is made, in memory, and proven. `save`: the profiles are saved, without autoconnect. `turn`: one file
    switches the boot over. `tidy`: the rest gets autoconnect, and what is not needed any more loses it. `change`: what
    exists is changed in place. `kept`: what is as requested.
    """

    of: Build
    build: tuple[Planned, ...] = ()
    save: tuple[Planned, ...] = ()
    turn: tuple[Planned, ...] = ()
    tidy: tuple[Planned, ...] = ()
    change: tuple[Planned, ...] = ()
    kept: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not (self.build or self.change)


def plan_host_setup(spec: HostSpec, facts: Facts) -> Plan:
    """Plan the wanted bridges, each with its bond, its VLAN, the host's address, and the libvirt network on it. Change
    nothing.

    Raises:
        SpecError: the request is wrong, or does not fit this host.
        Refused: the host is not in a state in which the change is safe.
        Conflict: another change of the network is in progress.
    """
    spec = with_names(spec, facts)
    check_spec(spec)
    check_probes(spec, facts)
    builds, reasons = lay_out(spec, facts)
    accepted = [text for build in builds for text in check_build(build)]
    main = _turning(builds)
    parts = [_part(build, turns=build is main) for build in builds]
    networks = [_network_part(build) for build in builds]
    return Plan(
        command="host-setup",
        planned=_in_order(parts, [step for planned, _ in networks for step in planned]),
        kept=tuple(line for part, (_, kept) in zip(parts, networks, strict=True) for line in (*part.kept, *kept)),
        warnings=tuple(dict.fromkeys((*(text for build in builds for text in _warnings(build)), *accepted))),
        choices=(*reasons, *probe_words(facts)),
        goals=tuple(_goal(build) for build in builds),
    )


def _network_part(build: Build) -> tuple[list[Planned], list[str]]:
    if build.asked.network is None:
        return [], []
    return plan_network(build.asked.network, build.bridge.ifname, build.facts, nics=build.asked.nics)


def _goal(build: Build) -> BridgeSpec:
    # verify must not report what --fix-management changes as a change by somebody else.
    compared = build.management is not None and not build.spec.fix_management
    return resolved(
        build.asked,
        build.layer3,
        mac=build.mac,
        vlans=tuple(child.ifname for child, _ in wanted_vlans(build)),
        profiles=tuple((profile.ifname, profile.uuid) for profile in (*build.wanted, *build.below)),
        management=build.management,
        management_was=record_of(build.management or "", build.facts) if compared else (),
    )


def _warnings(build: Build) -> tuple[str, ...]:
    general = warnings(build)
    zones = zone_warnings(build.layer3.holder, build.bridge.ifname, build.facts)
    return (*general, *zones, *ipv6_warnings(build), *vlan_warnings(build))


def _turning(builds: tuple[Build, ...]) -> Build | None:
    """Return the bridge whose port switches the boot over: the one that takes over an address, or the first new one.

    Raises:
        Refused: several take over an address that is in use.
    """
    new = [build for build in builds if build.missing is None]
    moving = [build for build in new if build.takes_over]
    if len(moving) > 1:
        names = " and ".join(build.asked.ifname for build in moving)
        raise Refused(
            f"{names} would take over addresses that are in use, and vmnet moves one address in one run",
            f"set up {moving[0].asked.ifname} first, in a run of its own, then the others",
        )
    return next(iter((*moving, *new)), None)


def _part(build: Build, *, turns: bool) -> Part:
    displaced = find_displaced(build)
    below, below_kept = mend_stack(build.below, None, build.facts) if build.below else ([], [])
    if build.missing is not None:
        existing = [profile for profile in build.wanted if profile.ifname not in build.missing]
        changes, kept = mend_stack(existing, build.layer3, build.facts)
        changes += join_existing(build, build.missing)
        changes += [*move_vlans(build), *save_vlans(build), *disable_autoconnect(build, displaced)]
        return Part(of=build, change=(*below, *changes), kept=(*below_kept, *kept))
    first, turn, after = save_profiles(build, turns=turns)
    return Part(
        of=build,
        build=(
            *clear_stale(build.wanted, build),
            *add_profiles(build.wanted, build),
            *prepare(build),
            *join_first(build),
            *move_address(build),
            *move_vlans(build),
            *join_last(build),
            *prove(build),
        ),
        save=tuple(first),
        turn=tuple(turn),
        tidy=(*after, *save_vlans(build), *disable_autoconnect(build, displaced)),
        change=tuple(below),
        kept=tuple(below_kept),
    )


def _in_order(parts: list[Part], networks: list[Planned]) -> tuple[Planned, ...]:
    """Put the phases of all bridges side by side, the libvirt networks before the first profile is saved, and all of it
    between checkpoint and commit.

    One file switches the boot over: that of the bridge that takes over an address, or the first one's. The others are
    saved without autoconnect before it, and get it after it.
    """
    built = [part for part in parts if part.build]
    fixed = fix_management(parts[0].of)
    if all(part.empty for part in parts) and not fixed:
        return tuple(networks)
    opening = Planned(
        step=steps.OpenCheckpoint(
            timeout_s=max(_timeout(part.of) for part in parts),
            # What exists is changed: see the step.
            last_resort=not built or any(part.change for part in parts),
        ),
        why="NetworkManager rolls back to this state by itself if this run dies",
    )
    answers = prove_answers(parts[0].of)
    changed = [step for part in parts for step in part.change]
    return (
        opening,
        *(step for part in built for step in part.build),
        *(answers if built else []),
        *networks,
        *(step for part in built for step in part.save),
        *(step for part in built for step in part.turn),
        *(step for part in built for step in part.tidy),
        *changed,
        *fixed,
        *(answers if (changed or fixed) and not built else []),
        *prove_management(parts[0].of.management, parts[0].of.facts, fixed=parts[0].of.spec.fix_management),
        *prove_others(_ours(parts), parts[0].of.management, parts[0].of.facts),
        Planned(step=steps.CommitCheckpoint(), why="all checks passed: the change is kept"),
    )


def _ours(parts: list[Part]) -> set[str]:
    """Return the links that the plan may change, and the NICs below them."""
    facts, builds = parts[0].of.facts, [part.of for part in parts if not part.empty]
    ours = {name for build in builds for name in (*build.touched, *(profile.ifname for profile in build.wanted))}
    return ours | {name for touched in ours for name in facts.nics_below(touched)}


def prove_others(ours: set[str], management: str | None, facts: Facts) -> list[Planned]:
    """Prove untouched what is not on the links of `ours`: links that have an address, and bridges."""
    others = (
        link.ifname
        for link in sorted(facts.links, key=lambda link: link.ifname)
        if link.ifname != management and (link.kind == "bridge" or facts.addresses_of(link.ifname))
    )
    planned = []
    for name in others:
        below = facts.nics_below(name)
        if below and name not in ours and not below & ours:
            profile = facts.active_profile(name)
            proof = proof_of(name, facts)
            step = steps.ProveUntouched(ifname=name, proof=proof, profile=None if profile is None else profile.uuid)
            planned.append(Planned(step=step, why=f"{name} is not part of this change and must be unchanged"))
    return planned


def prove_management(management: str | None, facts: Facts, *, fixed: bool = False) -> list[Planned]:
    """Prove that the management link is unchanged; `fixed`: its profile is not."""
    if management is None:
        return []
    profile = facts.active_profile(management)
    step = steps.ProveUntouched(
        ifname=management,
        proof=proof_of(management, facts),
        profile=None if profile is None or fixed else profile.uuid,
    )
    return [Planned(step=step, why="the management link must be unchanged, or the whole change is rolled back")]


def _timeout(build: Build) -> int:
    """Return how long the longest step may take without a sign of life, in seconds."""
    if build.spec.timeout_s is not None:
        return build.spec.timeout_s
    return 60 + (DHCP_S if build.layer3.dhcp else 0) + (30 if build.asked.stp else 0)
