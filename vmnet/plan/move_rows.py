"""The table of a domain plan: a row for each interface, before the run and after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.facts import DomainState
from vmnet.plan.destination import describe
from vmnet.plan.moves import PERSISTENT, RUNNING
from vmnet.plan.steps import MovedInterface, Plan, RewriteSavedState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from vmnet.facts import Facts, GuestAddress, Interface
    from vmnet.names import Mac
    from vmnet.plan.destination import Destination
    from vmnet.plan.moves import Move
    from vmnet.plan.steps import Planned

_LEARNING_FILTERS = (
    "clean-traffic",
    "clean-traffic-gateway",
    "no-arp-ip-spoofing",
    "no-arp-spoofing",
    "no-ip-spoofing",
)
"""libvirt's own filters that use $IP: without a parameter libvirt learns the guest's first address and keeps to it."""

_ORIGINS = ("agent", "tap", "lease", "neighbour")


def move_rows(
    moves: Iterable[Move], destination: Destination, planned: Sequence[Planned], facts: Facts, *, bounce_s: int
) -> tuple[MovedInterface, ...]:
    """Return a row for each move: what changes, what the guest notices, what is left to do by hand."""
    return tuple(
        MovedInterface(
            domain=move.domain.name,
            state=move.domain.state.value,
            mac=move.pair.either.mac,
            was=describe(move.pair.either.source),
            wanted=destination.words,
            scopes=_scopes(move, planned),
            address_now=known_addresses(move.pair.either.mac, facts),
            remark="; ".join((*_notices(move, bounce_s), *_by_hand(move, facts))),
        )
        for move in moves
    )


def _scopes(move: Move, planned: Sequence[Planned]) -> tuple[str, ...]:
    scopes = [scope for scope, moves in ((RUNNING, move.running), (PERSISTENT, move.persistent)) if moves]
    for item in planned:
        step = item.step
        if not isinstance(step, RewriteSavedState) or step.domain_uuid != move.domain.uuid:
            continue
        place = "managed save" if step.snapshot is None else f"snapshot {step.snapshot}"
        if move.pair.either.mac in step.macs and place not in scopes:
            scopes.append(place)
    return tuple(scopes)


def _notices(move: Move, bounce_s: int) -> Iterator[str]:
    live = move.pair.running
    if move.domain.state is DomainState.SHUT_OFF:
        yield "asks for an address when it starts"
    elif not move.running or live is None:
        return
    elif not live.link_up:
        yield "its link is down and stays down"
    elif move.domain.state is DomainState.PAUSED:
        yield "paused: keeps its old address until it asks again"
    elif bounce_s > 0:
        yield f"its link goes down for {bounce_s} s, so that it asks for an address"
    else:
        yield "keeps its old address until it asks again"


def _by_hand(move: Move, facts: Facts) -> Iterator[str]:
    interface = move.pair.either
    if move.hindrance:
        way = "left as it is" if move.fixed else "power it off and on"
        yield f"{move.hindrance}: {way}"
    if not move.domain.stored:
        yield "transient: back on its old network when it is next started"
    elif move.pair.persistent is None:
        yield "only in the running document: gone when it is powered off"
    if interface.filter and interface.filter_address:
        yield f"filter {interface.filter} lets only {interface.filter_address} pass: change it with virsh edit"
    elif interface.filter in _LEARNING_FILTERS and move.running:
        yield f"filter {interface.filter} has learnt the old address: power it off and on"
    if _seems_static(interface, facts):
        yield "its address seems to be static: change it inside the guest"
    if move.domain.checkpoints:
        yield "its checkpoints still name the old network, which does no harm"


def _seems_static(interface: Interface, facts: Facts) -> bool:
    origins = {address.origin for address in facts.guest_addresses if address.mac == interface.mac}
    network = facts.network(interface.source.network or "")
    leased = network is not None and network.forward_mode != "bridge"
    return leased and bool(origins) and "lease" not in origins


def known_addresses(mac: Mac | None, facts: Facts, *, origins: Sequence[str] = _ORIGINS) -> str:
    """Return a guest's addresses and where each is known from: "192.0.2.7 (lease)"; "" when none is."""
    best: dict[str, str] = {}
    for address in sorted(_addresses(mac, facts, origins), key=lambda a: origins.index(a.origin)):
        best.setdefault(str(address.interface.ip), address.origin)
    return ", ".join(f"{ip} ({origin})" for ip, origin in best.items())


def _addresses(mac: Mac | None, facts: Facts, origins: Sequence[str]) -> Iterator[GuestAddress]:
    return (a for a in facts.guest_addresses if mac is not None and a.mac == mac and a.origin in origins)


def rows_after(plan: Plan, facts: Facts) -> tuple[MovedInterface, ...]:
    """Return the plan's rows as the facts read after the run show them: the guests' new addresses and what is left.

    A lease does not count: the old network's DHCP server goes on listing it although the guest has left.
    """
    return tuple(_row_after(row, facts) for row in plan.rows)


def _row_after(row: MovedInterface, facts: Facts) -> MovedInterface:
    domain = next((domain for domain in facts.domains if domain.name == row.domain), None)
    state = domain.state if domain else DomainState.OTHER
    now = known_addresses(row.mac, facts, origins=("agent", "tap", "neighbour"))
    left = [part for part in row.remark.split("; ") if "its link goes" not in part and "asks" not in part and part]
    old = {part.split(" ")[0] for part in row.address_now.split(", ") if part}
    if RUNNING in row.scopes and state is DomainState.RUNNING:
        if not now:
            left.append("its new address is not known here: look inside the guest or at the LAN's DHCP server")
        elif any(part.split(" ")[0] in old for part in now.split(", ")):
            left.append("it still has its old address: restart its DHCP client or reboot it")
    return replace(row, state=state.value, address_now=now, remark="; ".join(left))
