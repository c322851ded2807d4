"""Where the guests are after a run: their new addresses, as far as they can be known from here."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmnet.host.hypervisor import Hypervisor
from vmnet.host.listen import TapListener
from vmnet.plan import steps
from vmnet.plan.move_rows import rows_after

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts
    from vmnet.names import Mac
    from vmnet.plan.steps import MovedInterface, Plan

RENEW_S = 30.0
"""How long after the bounce a guest may take: systemd-networkd took up to 6 s, NetworkManager up to 5 s; dhclient and
udhcpc do not react at all."""


@contextmanager
def listening(plan: Plan, facts: Facts) -> Iterator[TapListener]:
    """Listen on the taps of all running interfaces that the plan moves."""
    with TapListener(_taps(plan, facts)) as listener:
        yield listener


def _taps(plan: Plan, facts: Facts) -> dict[str, Mac]:
    if facts.hypervisor_elsewhere:
        return {}
    moved = {row.mac for row in plan.rows if row.mac is not None}
    running = (interface for domain in facts.domains for interface in domain.running)
    return {i.target: i.mac for i in running if i.target and i.mac in moved}


def bounces(plan: Plan) -> bool:
    """Return whether guests are made to ask for an address."""
    return any(isinstance(planned.step, steps.BounceLinks) for planned in plan.planned)


def rows_now(plan: Plan, facts: Facts, listener: TapListener, uri: str) -> tuple[MovedInterface, ...]:
    """Return the plan's rows as they are after the run; waits for the guests that were made to ask."""
    if not plan.rows:
        return ()
    old = {address.interface.ip for address in facts.guest_addresses}
    heard = listener.learn(RENEW_S if bounces(plan) else 0.0, old)
    with Hypervisor(uri, read_only=True) as libvirt:
        return rows_after(plan.rows, libvirt.read_states(), heard)
