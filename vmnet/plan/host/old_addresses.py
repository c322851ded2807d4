"""What an undo waits for: the addresses that the NICs had, and the probes that were answered before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan import steps
from vmnet.plan.host.address import ADDRESS_S
from vmnet.plan.host.answers import ANSWER_S, STP_S
from vmnet.plan.host.layer3 import controllers_of
from vmnet.spec import BondMode

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vmnet.facts import Facts
    from vmnet.plan.steps import Plan, Planned

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
    goal = plan.goal
    silent = {answer.probe for answer in now.answers if not answer.ok} if now else set()
    probes = [answer.probe for answer in before.answers if answer.ok and answer.probe not in silent]
    seconds = ANSWER_S + (STP_S if goal and goal.stp else 0)
    if goal and goal.bond_mode == BondMode.LACP:
        seconds += FORGET_S
    others = tuple(nic for nic in goal.nics if _idle(nic, before)) if goal and goal.bond else ()
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
