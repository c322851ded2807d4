"""migrate-from-virbr0: every domain with an interface on libvirt's NAT network moves to the bridged one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.lines import fits_pattern
from vmnet.plan.domains.batches import plan_batches
from vmnet.plan.domains.destination import closest, find_destination, refuse_silent_bridge
from vmnet.plan.domains.interface_moves import Move, choose_move, lan_kept, lan_warnings, pair_interfaces, plan_rewrites
from vmnet.plan.domains.rows import by_mac, lost_names, lost_reservations, move_rows, seems_static
from vmnet.plan.host.network import require_libvirt
from vmnet.plan.steps import (
    MoveInterface,
    Plan,
    Planned,
    ProveUnused,
    RewriteSavedState,
    SetNetworkAutostart,
    StartNetwork,
    StopNetwork,
)
from vmnet.shell_words import command
from vmnet.spec import Retire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmnet.facts import Domain, Facts, Interface, Source
    from vmnet.plan.domains.destination import Destination
    from vmnet.plan.steps import Planned
    from vmnet.spec import MigrationSpec


def plan_migration(spec: MigrationSpec, facts: Facts) -> Plan:
    """Plan the move of every interface from the NAT network. Change nothing.

    An interface counts that names the network, or that names its bridge directly. All documents of a domain count.

    Raises:
        HypervisorError: libvirt is out of reach.
        SpecError: the request names a domain or network that does not exist.
        Refused: the target network is not in a state in which the move is safe.
    """
    require_libvirt(facts)
    domains = _wanted_domains(spec, facts)
    _check_source(spec, domains, facts)
    leaves = _on_network(spec.source, facts)
    destination = find_destination(spec.network, facts)
    moves = [move for domain in domains for move in moves_of(domain, leaves)]
    moves, static = _without_static(moves, facts) if spec.skip_static else (moves, [])
    if any(move.running for move in moves):
        refuse_silent_bridge(destination, facts)
    _refuse_without_mac(moves)
    planned = (
        *plan_batches(moves, destination, facts, spec, leaves),
        *other_rewrites(domains, moves, destination, leaves),
    )
    left = left_behind(facts, planned, leaves)
    return Plan(
        command="migrate-from-virbr0",
        planned=(*planned, *plan_retirement(spec, facts, left)),
        kept=(*_kept(domains, moves, destination, spec), *lan_kept(facts)),
        warnings=(*_warnings(moves, destination, spec, facts), *_not_retired(spec, left), *static),
        reservations=lost_reservations(spec.source, moves, facts),
        rows=move_rows(moves, destination, planned, facts, renewal=spec),
        keeps=not spec.undo_on_failure,
        spec=spec,
    )


def _check_source(spec: MigrationSpec, domains: list[Domain], facts: Facts) -> None:
    if spec.source == spec.network:
        raise SpecError(f"source and target are both {spec.network}", "choose another network with --to")
    if facts.network(spec.source) is None and not any(_named(domain, spec.source) for domain in domains):
        known = (network.name for network in facts.networks)
        hint = closest(spec.source, known) or "list the networks: virsh net-list --all"
        raise SpecError(f"there is no network {spec.source!r}", hint)


def _wanted_domains(spec: MigrationSpec, facts: Facts) -> list[Domain]:
    names = [domain.name for domain in facts.domains]
    only = {name for pattern in spec.only for name in _matching(pattern, names)}
    without = {name for pattern in spec.exclude for name in _matching(pattern, names)}
    return [d for d in facts.domains if d.name not in without and (not spec.only or d.name in only)]


def _matching(pattern: str, names: list[str]) -> list[str]:
    """Return the domain with exactly this name, or else those that match the shell pattern."""
    found = [pattern] if pattern in names else [name for name in names if fits_pattern(name, pattern)]
    if not found:
        hint = closest(pattern, names) or "list the domains: virsh list --all"
        raise SpecError(f"there is no domain called {pattern!r}", hint)
    return found


def _without_static(moves: list[Move], facts: Facts) -> tuple[list[Move], list[str]]:
    """Leave out the guests whose address seems to be static, and say so."""
    known = by_mac(facts.guest_addresses)
    static = {move.domain.uuid: move.domain.name for move in moves if seems_static(move.pair.either, known, facts)}
    why = "its address seems to be static, and --static skip leaves such domains out"
    return [m for m in moves if m.domain.uuid not in static], [f"{name} stays: {why}" for name in static.values()]


def _not_retired(spec: MigrationSpec, left: tuple[str, ...]) -> tuple[str, ...]:
    if spec.retire is Retire.NO or not left:
        return ()
    return (f"network {spec.source} is not retired: {', '.join(left)} still refers to it",)


def _on_network(name: str, facts: Facts) -> Callable[[Source], bool]:
    network = facts.network(name)
    bridge = network.bridge if network and network.forward_mode != "bridge" else None

    def leaves(source: Source) -> bool:
        return source.network == name or (source.network is None and bridge is not None and source.bridge == bridge)

    return leaves


def _named(domain: Domain, network: str) -> bool:
    interfaces = (*domain.running, *domain.persistent, *(domain.saved or ()))
    return any(interface.source.network == network for interface in interfaces)


def moves_of(domain: Domain, leaves: Callable[[Source], bool]) -> Iterator[Move]:
    """Yield the moves of a domain's interfaces whose source is one that `leaves`."""
    for pair in pair_interfaces(domain):
        move = choose_move(domain, pair, leaves)
        if move is not None:
            yield move


def _refuse_without_mac(moves: list[Move]) -> None:
    for move in moves:
        if move.pair.either.mac is None:
            raise Refused(
                f"vmnet finds interfaces by MAC address, and an interface of {move.domain.name} has none",
                f"give it one ({command('virsh', 'edit', move.domain.uuid)}), or leave the domain out with --exclude",
            )


def other_rewrites(
    domains: Sequence[Domain], moves: list[Move], destination: Destination, leaves: Callable[[Source], bool]
) -> Iterator[Planned]:
    """Yield steps for interfaces that use the old network only in a saved state or snapshot: a restore would use it."""
    moved = {(move.domain.uuid, move.pair.either.mac) for move in moves}
    for domain in domains:
        stored = [*(domain.saved or ()), *(i for snapshot in domain.snapshots for i in snapshot.interfaces)]
        macs = dict.fromkeys(i.mac for i in stored if i.mac is not None and (domain.uuid, i.mac) not in moved)
        yield from plan_rewrites(domain, tuple(macs), destination.source, leaves)


def _kept(domains: list[Domain], moves: list[Move], destination: Destination, spec: MigrationSpec) -> Iterator[str]:
    moving = {move.domain.uuid for move in moves}
    for domain in domains:
        there = [pair.either.mac for pair in pair_interfaces(domain) if pair.either.source == destination.source]
        if there and domain.uuid not in moving:
            yield f"{domain.name} is on {destination.source} ({', '.join(str(mac) for mac in there)})"
    if not moves:
        yield f"no interface is on network {spec.source}"


def _warnings(moves: list[Move], destination: Destination, spec: MigrationSpec, facts: Facts) -> tuple[str, ...]:
    left = [
        f"{move.domain.name} {move.pair.either.mac} stays on {move.pair.either.source}: {move.hindrance}"
        for move in moves
        if not move.running and not move.persistent
    ]
    exposed = destination.on_lan and any(m.running or m.persistent for m in moves)
    open_to_all = ("the whole LAN can then reach the guests' services: NAT no longer blocks that",) if exposed else ()
    lost = lost_names(spec.source, facts) if moves else ()
    named = (f"{m.place} still names the network that the guests leave: {m.text}" for m in facts.mentions if moves)
    return (*destination.warnings, *left, *open_to_all, *lan_warnings(moves, facts), *lost, *named)


# The end of the old network: without autostart, or stopped, when nothing refers to it; it is never undefined.


def plan_retirement(spec: MigrationSpec, facts: Facts, left: Sequence[str]) -> tuple[Planned, ...]:
    """Return the steps that retire the old network; none where something is `left` on it."""
    network = facts.network(spec.source)
    if spec.retire is Retire.NO or network is None or left:
        return ()
    stops = spec.retire is Retire.STOP and network.active
    if not stops and not network.autostart:
        return ()
    why = f"nothing refers to network {network.name} any more"
    planned = [Planned(step=ProveUnused(network=network.name, bridge=network.bridge), why="a domain may use it again")]
    if network.autostart:
        back = SetNetworkAutostart(name=network.name, autostart=True)
        planned.append(Planned(step=SetNetworkAutostart(name=network.name, autostart=False), why=why, undo=(back,)))
    if stops:
        start = StartNetwork(name=network.name)
        planned.append(Planned(step=StopNetwork(name=network.name), why=why, undo=(start,)))
    return tuple(planned)


def left_behind(facts: Facts, planned: Sequence[Planned], leaves: Callable[[Source], bool]) -> tuple[str, ...]:
    """Return what still refers to the old network at the end, in words: "web01 (snapshot before-upgrade)"."""
    gone = set(_moved(planned))
    found = (
        f"{domain.name} ({place})"
        for domain in facts.domains
        for place, interfaces in _documents(domain)
        for interface in interfaces
        if leaves(interface.source) and (domain.uuid, place, interface.mac) not in gone
    )
    return tuple(dict.fromkeys(found))


def _documents(domain: Domain) -> Iterator[tuple[str, tuple[Interface, ...]]]:
    yield "running", domain.running
    yield "persistent", domain.persistent
    yield "managed save", domain.saved or ()
    for snapshot in domain.snapshots:
        yield f"snapshot {snapshot.name}", snapshot.interfaces


def _moved(planned: Sequence[Planned]) -> Iterator[tuple[str, str, str | None]]:
    for item in planned:
        match item.step:
            case MoveInterface(domain_uuid=uuid, scope=scope, mac=mac):
                yield uuid, scope, mac
            case RewriteSavedState(domain_uuid=uuid, snapshot=snapshot, macs=macs):
                place = "managed save" if snapshot is None else f"snapshot {snapshot}"
                yield from ((uuid, place, mac) for mac in macs)
            case _:
                continue
