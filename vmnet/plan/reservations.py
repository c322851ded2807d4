"""What guests lose with the old network's own DHCP and DNS server: reservations, and names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.documents.networks import parse_dns_names, parse_reservations

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmnet.facts import Facts, Reservation
    from vmnet.plan.moves import Move


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
