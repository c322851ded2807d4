"""Probes: what answers before a change must answer after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.facts import ProbeKind
from vmnet.plan import steps
from vmnet.plan.host.layer3 import controllers_of
from vmnet.plan.steps import Planned
from vmnet.spec import BondMode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vmnet.facts import Facts
    from vmnet.plan.host.build import Build
    from vmnet.plan.steps import Plan
    from vmnet.spec import HostSpec

ADDRESS_S = 15
"""How long a static address may take to appear."""
ANSWER_S = 30
STP_S = 30
"""Listening and learning, 15 s each, before a port of a bridge with STP forwards (IEEE 802.1D 8.4)."""
_MAX_CONFIRM_S = 3600


def check_probes(spec: HostSpec, facts: Facts) -> None:
    """Raise Refused if a probe of the admin already fails before the change."""
    for answer in facts.answers:
        if answer.probe.kind is ProbeKind.COMMAND and not answer.ok:
            raise Refused(
                f"the probe {answer.probe.target!r} fails already before the change: {answer.problem}",
                "correct the command, or leave that --probe out",
            )
    if spec.confirm_s is not None and not 10 <= spec.confirm_s <= _MAX_CONFIRM_S:
        raise SpecError(f"{spec.confirm_s} s for --confirm is out of range", f"use 10 to {_MAX_CONFIRM_S} seconds")


def prove_answers(build: Build) -> list[Planned]:
    """Return the steps that wait for what answered before, and for the admin's confirmation where that is requested.

    The gateway has a step of its own, which asks it through the bridge.
    """
    seconds = ANSWER_S + (STP_S if build.asked.stp else 0)
    planned = [
        Planned(step=steps.WaitAnswer(probe=answer.probe, timeout_s=seconds), why=_why(answer.probe.kind))
        for answer in build.facts.answers
        if answer.ok and answer.probe.kind is not ProbeKind.GATEWAY
    ]
    if build.spec.confirm_s is not None:
        step = steps.WaitConfirmation(timeout_s=build.spec.confirm_s)
        planned.append(Planned(step=step, why="sudo vmnet confirm, run from a new connection, keeps the change"))
    return planned


def _why(kind: ProbeKind) -> str:
    return "it answered before the change" if kind is not ProbeKind.COMMAND else "your own probe"


def silent_gateways(build: Build) -> set[str]:
    """Return the adopted gateways that do not answer now: a wait for them would fail a change that works."""
    if build.asked.address is not None:
        return set()
    answers = build.facts.answers
    return {a.probe.target for a in answers if a.probe.kind is ProbeKind.GATEWAY and not a.ok}


def probe_words(facts: Facts) -> tuple[str, ...]:
    """Return a line for each probe: what it is, and whether it counts."""
    return tuple(
        f"{answer.probe}: {'answers now and must answer after' if answer.ok else f'not used, {answer.problem}'}"
        for answer in facts.answers
    )


# What an undo waits for: the addresses that the NICs had, and the probes that were answered before.

AT_THE_SWITCH = "on the switch, disable and enable the ports of the other NICs: it may still forward to one of them"
FORGET_S = 95
"""At the slow rate of LACP, the switch forgets a port 90 s after the last frame, and treats it as one without LACP 3 s
later (IEEE 802.1AX 6.4.4 and 6.4.12, states EXPIRED and DEFAULTED); at the fast rate it is 6 s in all."""


def old_addresses(ifname: str, before: Facts, made: Collection[str]) -> list[steps.WaitAddress]:
    """Wait for the old addresses on a NIC, or on what it is a port of: fixed ones before the bridge that has them goes,
    leased ones after it.

    Args:
        made: the links that the run has created (`made_by`); an old link of such a name is restored later.
    """
    link = before.link(ifname)
    waits = []
    for holder in (ifname, *(name for name in (controllers_of(link, before) if link else ()) if name not in made)):
        addresses = tuple(address for address in before.addresses_of(holder) if address.version == 4)
        if addresses:
            waits.append(steps.WaitAddress(ifname=holder, addresses=addresses, timeout_s=4 * ADDRESS_S))
    return waits


def old_answers(plan: Plan, before: Facts, now: Facts | None = None) -> list[steps.WaitAnswer]:
    """Return what must answer again when `plan` is rolled back: what answered before it, each with its deadline.

    Args:
        before: the facts that the plan was made from.
        now: the current facts; what does not answer in them has another reason, and is not waited for. None: the
            run is rolled back at once, or by a script, which asks itself.
    """
    silent = {answer.probe for answer in now.answers if not answer.ok} if now else set()
    probes = [answer.probe for answer in before.answers if answer.ok and answer.probe not in silent]
    goals = (*plan.goals, *plan.removed)
    bonded = [goal for goal in goals if goal.bond]
    seconds = ANSWER_S + (STP_S if any(goal.stp for goal in goals) else 0)
    if any(goal.bond and goal.bond.mode is BondMode.LACP for goal in bonded):
        seconds += FORGET_S
    others = tuple(dict.fromkeys(nic for goal in bonded for nic in goal.nics if _idle(nic, before)))
    # The switch has had its time when the first one answers.
    first = [steps.WaitAnswer(probe=probe, timeout_s=seconds, others=others) for probe in probes[:1]]
    return [*first, *(steps.WaitAnswer(probe=probe, timeout_s=ANSWER_S) for probe in probes[1:])]


def _idle(ifname: str, before: Facts) -> bool:
    link = before.link(ifname)
    return link is not None and not controllers_of(link, before) and not before.addresses_of(ifname)


def made_by(planned: Iterable[Planned]) -> set[str]:
    """Return the links that these steps make profiles for."""
    return {one.step.ifname for one in planned if isinstance(one.step, steps.AddProfile)}


def all_old_addresses(plan: Plan, before: Facts) -> list[steps.WaitAddress]:
    """Return what the rollback of a whole plan waits for at its end, when all that it made is removed."""
    made = made_by(plan.planned)
    activated = [undo.ifname for p in plan.planned for undo in p.undo if isinstance(undo, steps.ActivateProfile)]
    waits = [wait for ifname in activated for wait in old_addresses(ifname, before, made)]
    return list(dict.fromkeys(waits))
