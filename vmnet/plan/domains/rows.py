"""The table of a domain plan: a row for each interface, before the run and after it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.documents.networks import parse_dns_names, parse_reservations
from vmnet.facts import DomainState
from vmnet.plan.domains.interface_moves import PERSISTENT, RUNNING
from vmnet.plan.steps import MovedInterface, RewriteSavedState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from vmnet.facts import Facts, GuestAddress, Interface, Reservation
    from vmnet.names import Mac
    from vmnet.plan.domains.destination import Destination
    from vmnet.plan.domains.interface_moves import Move
    from vmnet.plan.steps import Planned
    from vmnet.spec import Renewal

    Addresses = dict[Mac | None, list[GuestAddress]]

_ORIGINS = ("agent", "tap", "lease", "neighbour")


def move_rows(
    moves: Iterable[Move], destination: Destination, planned: Sequence[Planned], facts: Facts, *, renewal: Renewal
) -> tuple[MovedInterface, ...]:
    """Return a row for each move: what changes, what the guest notices, and what somebody must do by hand."""
    rewrites: dict[str, list[RewriteSavedState]] = {}
    for item in planned:
        if isinstance(item.step, RewriteSavedState):
            rewrites.setdefault(item.step.domain_uuid, []).append(item.step)
    addresses = by_mac(facts.guest_addresses)
    mtus = {link.ifname: link.mtu for link in facts.links}
    return tuple(
        MovedInterface(
            domain=move.domain.name,
            state=move.domain.state.value,
            mac=move.pair.either.mac,
            was=str(move.pair.either.source),
            wanted=str(destination.source),
            scopes=_scopes(move, rewrites.get(move.domain.uuid, ())),
            address_now=known_addresses(addresses.get(move.pair.either.mac, ())),
            remark="; ".join(
                (*_notices(move, renewal), *_other_mtu(move, destination, mtus), *_by_hand(move, addresses, facts))
            ),
        )
        for move in moves
    )


def _scopes(move: Move, rewrites: Iterable[RewriteSavedState]) -> tuple[str, ...]:
    scopes = [
        scope for scope, moves in ((RUNNING, move.running or move.replug), (PERSISTENT, move.persistent)) if moves
    ]
    for step in rewrites:
        place = "managed save" if step.snapshot is None else f"snapshot {step.snapshot}"
        if move.pair.either.mac in step.macs and place not in scopes:
            scopes.append(place)
    return tuple(scopes)


def _notices(move: Move, renewal: Renewal) -> Iterator[str]:
    live = move.pair.running
    if move.domain.state is DomainState.SHUT_OFF:
        yield "asks for an address when it starts"
    elif move.replug:
        yield "the guest sees its interface unplugged and plugged in again"
    elif not move.running or live is None:
        return
    elif not live.link_up:
        yield "its link is down and stays down"
    elif move.domain.state is DomainState.PAUSED:
        yield "paused: keeps its old address until it asks DHCP again"
    elif renewal.by_agent and move.domain.agent:
        otherwise = f", or its link goes down for {renewal.bounce_s} s" if renewal.bounce_s > 0 else ""
        yield f"its agent asks DHCP for an address{otherwise}"
    elif renewal.bounce_s > 0:
        yield f"its link goes down for {renewal.bounce_s} s, so that it asks DHCP for an address"
    else:
        yield "keeps its old address until it asks DHCP again"


def _other_mtu(move: Move, destination: Destination, mtus: Mapping[str, int]) -> Iterator[str]:
    tap = move.pair.running.target if move.running and move.pair.running else None
    now, then = mtus.get(tap or ""), mtus.get(destination.bridge)
    if now and then and now != then:
        yield f"its tap gets the bridge's MTU {then} instead of {now}, and the guest keeps its own"


def _by_hand(move: Move, addresses: Addresses, facts: Facts) -> Iterator[str]:
    interface = move.pair.either
    if move.hindrance and not move.replug:
        way = "left as it is" if move.fixed else "power it off and on"
        yield f"{move.hindrance}: {way}"
    if not move.domain.stored:
        yield "transient domain: on its old network again at its next start"
    elif move.pair.persistent is None:
        yield "only in the running document: lost when the domain stops"
    if interface.filter and interface.filter_address:
        yield f"filter {interface.filter} allows only {interface.filter_address}: change it with virsh edit"
    if seems_static(interface, addresses, facts):
        yield "its address seems to be static: change it inside the guest"
    if move.domain.checkpoints:
        yield "its checkpoints still name the old network, which is harmless"


def seems_static(interface: Interface, addresses: Addresses, facts: Facts) -> bool:
    """Return whether a guest on a network with a DHCP server has an address that is not one of its leases."""
    origins = {address.origin for address in addresses.get(interface.mac, ())}
    network = facts.network(interface.source.network or "")
    leased = network is not None and network.forward_mode != "bridge"
    return leased and bool(origins) and "lease" not in origins


def by_mac(addresses: Iterable[GuestAddress]) -> Addresses:
    """Return guests' addresses by the interface that has them."""
    found: Addresses = {}
    for address in addresses:
        found.setdefault(address.mac, []).append(address)
    return found


def known_addresses(addresses: Iterable[GuestAddress], *, origins: Sequence[str] = _ORIGINS) -> str:
    """Return a guest's addresses with their sources: "192.0.2.7 (lease)"; "" when none is."""
    best: dict[str, str] = {}
    wanted = (address for address in addresses if address.origin in origins)
    for address in sorted(wanted, key=lambda a: origins.index(a.origin)):
        best.setdefault(str(address.interface.ip), address.origin)
    return ", ".join(f"{ip} ({origin})" for ip, origin in best.items())


def rows_after(
    rows: Iterable[MovedInterface], states: Mapping[str, DomainState], heard: Iterable[GuestAddress]
) -> tuple[MovedInterface, ...]:
    """Return a plan's rows as they are after the run: the guests' new addresses, and what remains to do.

    Args:
        states: the domains' states by name.
        heard: the known addresses of the guests.

    A lease does not count: the old network's DHCP server still lists it after the guest has left.
    """
    addresses = by_mac(heard)
    return tuple(_row_after(row, states.get(row.domain, DomainState.OTHER), addresses.get(row.mac, ())) for row in rows)


def _row_after(row: MovedInterface, state: DomainState, addresses: Iterable[GuestAddress]) -> MovedInterface:
    now = known_addresses(addresses, origins=("agent", "tap", "neighbour"))
    left = [part for part in row.remark.split("; ") if "its link goes" not in part and "asks" not in part and part]
    old = {part.split(" ")[0] for part in row.address_now.split(", ") if part}
    if RUNNING in row.scopes and state is DomainState.RUNNING:
        if not now:
            left.append("vmnet does not see its new address: look inside the guest or at the LAN's DHCP server")
        elif any(part.split(" ")[0] in old for part in now.split(", ")):
            left.append("it still has its old address: restart its DHCP client or reboot it")
    return replace(row, state=state.value, address_now=now, remark="; ".join(left))


# What guests lose with the old network's own DHCP and DNS server: reservations, and names.


def lost_reservations(network: str, moves: Iterable[Move], facts: Facts) -> tuple[Reservation, ...]:
    """Return the old network's reservations for interfaces that leave it."""
    seen = facts.network(network)
    if seen is None:
        return ()
    leaving = {move.pair.either.mac for move in moves if move.running or move.persistent}
    return tuple(kept for kept in parse_reservations(seen.document) if kept.mac in leaving)


def lost_names(network: str, facts: Facts) -> tuple[str, ...]:
    """Return a warning for each name that only the old network's DNS server knows."""
    seen = facts.network(network)
    names = () if seen is None else parse_dns_names(seen.document)
    return tuple(
        f"the name {name} ({address}) is known only to the DNS server of network {network}" for address, name in names
    )
