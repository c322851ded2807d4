"""The order in which many domains move: first one as a canary, then the rest, in batches if requested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.facts import DomainState
from vmnet.plan.domains.destination import closest
from vmnet.plan.domains.interface_moves import pair_interfaces, plan_moves
from vmnet.plan.steps import Guest, Pause, Planned, WaitGuests

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from vmnet.facts import Domain, Facts, Source
    from vmnet.plan.domains.destination import Destination
    from vmnet.plan.domains.interface_moves import Move, Pair
    from vmnet.spec import AttachSpec, MigrationSpec

PROOF_S = 60
"""systemd-networkd and NetworkManager have a new address at most 6 s after their link is up again; the rest is for slow
DHCP servers and switches."""


def plan_batches(
    moves: Sequence[Move],
    destination: Destination,
    facts: Facts,
    spec: MigrationSpec,
    leaves: Callable[[Source], bool],
) -> tuple[Planned, ...]:
    """Return the steps of all moves: the canary's and its proof, then batch after batch.

    Raises:
        SpecError: the canary is not among the domains that move.
    """
    groups: dict[str, list[Move]] = {}
    for move in moves:
        groups.setdefault(move.domain.uuid, []).append(move)
    canary = _canary(list(groups.values()), spec, facts)
    planned: list[Planned] = []
    if canary:
        groups.pop(canary[0].domain.uuid)
        planned += plan_moves(canary, destination, facts, renewal=spec, leaves=leaves)
        planned += _proof(canary, destination, facts, renews=_renewed(canary, spec))
    rest = list(groups.values())
    size = spec.batch or max(len(rest), 1)
    for start in range(0, len(rest), size):
        if spec.pause_s and planned:
            planned.append(Planned(step=Pause(seconds=spec.pause_s), why="time to check what has moved"))
        batch = [move for group in rest[start : start + size] for move in group]
        planned += plan_moves(batch, destination, facts, renewal=spec, leaves=leaves)
    return tuple(planned)


def _canary(groups: list[list[Move]], spec: MigrationSpec, facts: Facts) -> list[Move]:
    """Return the moves of the domain that goes first; none if only one moves, or none runs. On another
    machine, only a guest's agent can prove it."""
    if spec.canary is not None:
        named = [group for group in groups if group[0].domain.name == spec.canary]
        if not named:
            known = (group[0].domain.name for group in groups)
            raise SpecError(
                f"the canary {spec.canary!r} is not among the domains that move",
                closest(spec.canary, known) or "--plan lists them",
            )
        return named[0]
    if spec.no_canary or len(groups) < 2:
        return []
    heard = [group for group in groups if any(map(_can_be_heard, group))]
    if facts.hypervisor_elsewhere:
        heard = [group for group in heard if group[0].domain.agent]
    return heard[0] if heard else []


def _renewed(canary: list[Move], spec: MigrationSpec) -> bool:
    return spec.bounce_s > 0 or (spec.by_agent and canary[0].domain.agent)


def _can_be_heard(move: Move) -> bool:
    live = move.pair.running
    return move.running and live is not None and live.link_up and move.domain.state is DomainState.RUNNING


def _proof(canary: list[Move], destination: Destination, facts: Facts, *, renews: bool) -> list[Planned]:
    heard = [move for move in canary if _can_be_heard(move)]
    guests = tuple(
        Guest(
            domain=move.domain.name,
            domain_uuid=move.domain.uuid,
            mac=live.mac,
            tap=live.target,
            old=tuple(str(a.interface.ip) for a in facts.guest_addresses if a.mac == live.mac),
        )
        for move in heard
        if (live := move.pair.running) is not None and live.mac is not None
    )
    if not guests:
        return []
    step = WaitGuests(guests=guests, bridge=destination.bridge, timeout_s=PROOF_S, renews=renews)
    return [Planned(step=step, why=f"{guests[0].domain} moves first: the others wait until it answers on the bridge")]


# The choice of a domain's interfaces.


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
    known = (f"{n} is {pair.either.mac} on {pair.either.source}" for n, pair in enumerate(pairs, start=1))
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
