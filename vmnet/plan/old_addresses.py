"""What a way back waits for: the addresses that the NICs had."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan import steps
from vmnet.plan.address import ADDRESS_S
from vmnet.plan.adopt import controllers_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vmnet.facts import Facts
    from vmnet.plan.steps import Plan, Planned


def old_addresses(ifname: str, before: Facts, made: Collection[str]) -> list[steps.WaitAddress]:
    """Wait for the old addresses on a NIC, or on what it is a port of: fixed ones before the bridge that has them goes,
    leased ones after it.

    Args:
        made: what the run has made (`made_by`), under a name that was taken perhaps, comes back as it was later.
    """
    link = before.link(ifname)
    waits = []
    for holder in (ifname, *(name for name in (controllers_of(link, before) if link else ()) if name not in made)):
        addresses = tuple(address for address in before.addresses_of(holder) if address.version == 4)
        if addresses:
            waits.append(steps.WaitAddress(ifname=holder, addresses=addresses, timeout_s=4 * ADDRESS_S))
    return waits


def made_by(planned: Iterable[Planned]) -> set[str]:
    """Return the links that these steps make profiles for."""
    return {one.step.ifname for one in planned if isinstance(one.step, steps.AddProfile)}


def all_old_addresses(plan: Plan, before: Facts) -> list[steps.WaitAddress]:
    """Return what the way back of a whole plan waits for at its end, when all that it made has gone."""
    made = made_by(plan.planned)
    activated = [undo.ifname for p in plan.planned for undo in p.undo if isinstance(undo, steps.ActivateProfile)]
    waits = [wait for ifname in activated for wait in old_addresses(ifname, before, made)]
    return list(dict.fromkeys(waits))
