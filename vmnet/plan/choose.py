"""The choice of a domain's interfaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.plan.destination import describe
from vmnet.plan.moves import pair_interfaces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from vmnet.facts import Domain, Facts
    from vmnet.plan.destination import Destination
    from vmnet.plan.moves import Pair
    from vmnet.spec import AttachSpec


def choose_pairs(spec: AttachSpec, domain: Domain, destination: Destination, facts: Facts) -> tuple[Pair, ...]:
    """Return the interfaces that the spec names, or else the only one on a NAT network. None if every candidate is on
    the destination already.

    Raises:
        SpecError: a named interface does not exist, or none is named and the choice is ambiguous.
        Refused: the domain has no interface.
    """
    pairs = pair_interfaces(domain)
    if not pairs:
        raise Refused(f"{domain.name} has no interface", "add one with --add")
    if spec.chooses:
        return _named(spec, domain, pairs)
    away = [pair for pair in pairs if not all_there(pair, destination)]
    on_nat = tuple(pair for pair in away if _on_nat(pair, facts))
    if len(on_nat) == 1:
        return on_nat
    if len(on_nat) > 1:
        raise SpecError(f"{domain.name} has {len(on_nat)} interfaces on NAT networks", _which(pairs))
    if len(away) < len(pairs):
        return ()
    raise SpecError(f"{domain.name} has no interface on a NAT network", _which(pairs))


def _named(spec: AttachSpec, domain: Domain, pairs: tuple[Pair, ...]) -> tuple[Pair, ...]:
    for mac in spec.macs:
        same = [pair for pair in pairs if pair.either.mac == mac]
        if len(same) > 1:
            raise SpecError(f"{domain.name} has {len(same)} interfaces with the MAC {mac}", _which(pairs))
    chosen: set[int] = set()
    chosen |= _found(spec.macs, lambda pair, _: (pair.either.mac,), "interface with the MAC", domain, pairs)
    chosen |= _found(spec.indexes, lambda _, number: (number,), "interface number", domain, pairs)
    chosen |= _found(spec.taps, lambda pair, _: (pair.either.target,), "interface with the tap", domain, pairs)
    chosen |= _found(spec.sources, lambda pair, _: _plugs(pair), "interface on", domain, pairs)
    return tuple(pair for number, pair in enumerate(pairs, start=1) if number in chosen)


def _found(
    wanted: Iterable[object],
    names: Callable[[Pair, int], tuple[object, ...]],
    what: str,
    domain: Domain,
    pairs: tuple[Pair, ...],
) -> set[int]:
    """Return the numbers of the interfaces with the wanted names; each must name at least one."""
    chosen: set[int] = set()
    for name in wanted:
        fits = {number for number, pair in enumerate(pairs, start=1) if name in names(pair, number)}
        if not fits:
            raise SpecError(f"{domain.name} has no {what} {name}", _which(pairs))
        chosen |= fits
    return chosen


def _plugs(pair: Pair) -> tuple[str, ...]:
    sources = [interface.source for interface in (pair.running, pair.persistent) if interface is not None]
    return tuple(name for source in sources if (name := source.network or source.bridge))


def _which(pairs: tuple[Pair, ...]) -> str:
    known = (f"{n} is {pair.either.mac} on {describe(pair.either.source)}" for n, pair in enumerate(pairs, start=1))
    return f"choose one with --mac or --index: {', '.join(known)}"


def all_there(pair: Pair, destination: Destination) -> bool:
    """Return whether an interface is on the destination in each of its documents."""
    documents = (pair.running, pair.persistent)
    return all(interface is None or interface.source == destination.source for interface in documents)


def _on_nat(pair: Pair, facts: Facts) -> bool:
    """Whether an interface is, in one of its documents, on a network that libvirt routes, or on its bridge."""
    behind = [network for network in facts.networks if network.forward_mode in ("nat", "route", "open")]
    names, bridges = {network.name for network in behind}, {network.bridge for network in behind}
    sources = [interface.source for interface in (pair.running, pair.persistent) if interface is not None]
    return any(s.network in names or (s.bridge is not None and s.bridge in bridges) for s in sources)
