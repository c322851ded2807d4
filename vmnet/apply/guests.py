"""Where the guests are after a run: their new addresses, as far as they can be known from here."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmnet.errors import HypervisorError
from vmnet.host.hypervisor import Hypervisor
from vmnet.host.listen import TapListener
from vmnet.plan import steps
from vmnet.plan.move_rows import rows_after

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from vmnet.facts import Facts, GuestAddress
    from vmnet.names import Mac
    from vmnet.plan.steps import MovedInterface, Plan

    Agents = dict[str, set[Mac]]

ASKED_AT_ONCE = 8
LOOK_S = 1.0
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


def rows_now(plan: Plan, facts: Facts, listener: TapListener, uri: str) -> tuple[MovedInterface, ...]:
    """Return the plan's rows as they are after the run; waits for the guests that were made to ask."""
    if not plan.rows:
        return ()
    agents = _agents(plan, facts)
    # Only a connection that may write may ask an agent.
    with Hypervisor(uri, read_only=not agents) as libvirt:
        seen = watch(_asking(plan), agents, facts, listener, libvirt)
        return rows_after(plan.rows, libvirt.read_states(), seen)


def _agents(plan: Plan, facts: Facts) -> Agents:
    """Return the domains whose agents can tell where they are, and the MACs that have moved."""
    moved = {row.mac for row in plan.rows if row.mac is not None}
    macs = {domain.uuid: moved & {i.mac for i in domain.running} for domain in facts.domains if domain.agent}
    return {uuid: found for uuid, found in macs.items() if found}


def _asking(plan: Plan) -> frozenset[Mac]:
    """Return the MACs of those that were made to ask: one whose link is down, or that is paused, will not."""
    bounces = (planned.step for planned in plan.planned if isinstance(planned.step, steps.BounceLinks))
    return frozenset(link.mac for bounce in bounces for link in bounce.links)


def watch(
    asking: Collection[Mac], agents: Agents, facts: Facts, listener: TapListener, libvirt: Hypervisor
) -> list[GuestAddress]:
    """Return the guests' addresses as soon as all that are `asking`, and of whom one hears, have a new one; after
    `RENEW_S` seconds in any case. What an agent says counts more than what was last heard on the tap."""
    old = {address.interface.ip for address in facts.guest_addresses}
    wanted = listener.macs.union(*agents.values()).intersection(asking)
    deadline = time.monotonic() + (RENEW_S if wanted else 0.0)
    while True:
        look = time.monotonic() + LOOK_S
        heard = listener.learn(min(LOOK_S, max(0.0, deadline - time.monotonic())), old)
        said = _ask_all(libvirt, agents)
        told = {address.mac for address in said}
        seen = [*said, *(address for address in heard if address.mac not in told)]
        new = {address.mac for address in seen if address.interface.version == 4 and address.interface.ip not in old}
        if wanted <= new or time.monotonic() >= deadline:
            return seen
        time.sleep(max(0.0, look - time.monotonic()))


def _ask_all(libvirt: Hypervisor, agents: Agents) -> list[GuestAddress]:
    if not agents:
        return []
    # One that hangs takes libvirt's 5 s.
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        said = pool.map(lambda uuid: _ask(libvirt, uuid, agents[uuid]), agents)
        return [address for found in said for address in found]


def _ask(libvirt: Hypervisor, uuid: str, macs: Collection[Mac]) -> list[GuestAddress]:
    try:
        return libvirt.ask_agent(uuid, macs)
    except HypervisorError:
        # It was shut off or removed meanwhile.
        return []
