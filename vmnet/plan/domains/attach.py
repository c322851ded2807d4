"""attach-domain: move interfaces of one domain to the bridged network, or add a new one there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.documents.interfaces import HOSTDEV, new_interface
from vmnet.errors import Refused, SpecError
from vmnet.facts import DomainState
from vmnet.names import derived_mac
from vmnet.plan.domains.batches import all_there, choose_pairs
from vmnet.plan.domains.destination import find_bridge, find_destination, find_domain, refuse_silent_bridge
from vmnet.plan.domains.interface_moves import (
    PERSISTENT,
    RUNNING,
    Move,
    choose_move,
    lan_kept,
    lan_warnings,
    pair_interfaces,
    plan_moves,
)
from vmnet.plan.domains.rows import move_rows
from vmnet.plan.steps import AddInterface, MovedInterface, Plan, Planned, RemoveInterface
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmnet.facts import Domain, Facts, Source
    from vmnet.plan.domains.destination import Destination
    from vmnet.spec import AttachSpec


def plan_attach_domain(spec: AttachSpec, facts: Facts) -> Plan:
    """Plan the move of a domain's interfaces to a network or bridge, in all of its documents. Change nothing.

    If the spec names no interface, the only one on a NAT network moves.

    Raises:
        HypervisorError: libvirt is out of reach.
        SpecError: there is no such domain or interface, or the domain has several and none is chosen.
        Refused: the network or the interface is not in a state in which the move is safe.
    """
    domain = find_domain(spec.domain, facts)
    destination = find_destination(spec.network, facts) if spec.bridge is None else find_bridge(spec.bridge, facts)
    if spec.add:
        return _plan_add(spec, domain, destination, facts)

    def away(source: Source) -> bool:
        return source != destination.source

    moves, kept = _choose(spec, domain, destination, away, facts)
    if not moves:
        return Plan(command="attach-domain", kept=kept)
    for move in moves:
        _refuse_unmovable(move, destination, facts)

    def leaves(source: Source) -> bool:
        return away(source) and source.type in ("network", "bridge")

    planned = plan_moves(moves, destination, facts, renewal=spec, leaves=leaves)
    return Plan(
        command="attach-domain",
        planned=planned,
        kept=(*kept, *lan_kept(facts)),
        warnings=(*destination.warnings, *lan_warnings(moves, facts)),
        rows=move_rows(moves, destination, planned, facts, renewal=spec),
    )


def _choose(
    spec: AttachSpec, domain: Domain, destination: Destination, away: Callable[[Source], bool], facts: Facts
) -> tuple[list[Move], tuple[str, ...]]:
    """Return the moves of this run, and a line for each interface that is there already or moves at the next start."""
    pairs = choose_pairs(spec, domain, destination, facts)
    moves = [move for pair in pairs if (move := choose_move(domain, pair, away)) is not None]
    if not moves:
        macs = f" ({', '.join(str(pair.either.mac) for pair in pairs)})" if pairs else ""
        return [], (f"{domain.name} is on {destination.source}{macs}",)
    if spec.replug:
        moves = [_replugged(move) for move in moves]
    waiting = [move for move in moves if _waits(move)]
    kept = tuple(f"{domain.name} {m.pair.either.mac} moves to {destination.source} at its next start" for m in waiting)
    return [move for move in moves if move not in waiting], kept


def _replugged(move: Move) -> Move:
    """Return the move with its interface unplugged where libvirt cannot move it in the running domain; a device that is
    passed through stays with the guest until it is powered off."""
    live = move.pair.running
    stuck = live is not None and bool(move.hindrance) and not move.fixed and live.actual_type != HOSTDEV
    return replace(move, replug=stuck)


def _waits(move: Move) -> bool:
    """Whether the persistent document is changed already, and the running one follows only at the next start."""
    stays = not (move.persistent or move.running or move.replug or move.fixed)
    return stays and move.pair.persistent is not None


def _refuse_unmovable(move: Move, destination: Destination, facts: Facts) -> None:
    interface = move.pair.either
    if interface.mac is None:
        raise Refused(
            f"vmnet finds interfaces by MAC address, and an interface of {move.domain.name} has none",
            f"give it one: {command('virsh', 'edit', move.domain.uuid)}",
        )
    if not (move.persistent or move.running or move.replug):
        way = "add an interface with --add" + ("" if move.fixed else ", or unplug and plug in this one with --replug")
        raise Refused(f"interface {interface.mac} of {move.domain.name} cannot move: {move.hindrance}", way)
    if move.running or move.replug:
        refuse_silent_bridge(destination, facts)


def _plan_add(spec: AttachSpec, domain: Domain, destination: Destination, facts: Facts) -> Plan:
    mac = spec.macs[0] if spec.macs else derived_mac(facts.machine_id, domain.uuid, 1)
    for pair in pair_interfaces(domain):
        if pair.either.mac == mac and all_there(pair, destination):
            return Plan(command="attach-domain", kept=(f"{domain.name} has {mac} on {destination.source}",))
    holder = next((d.name for d in facts.domains if mac in {i.mac for i in (*d.running, *d.persistent)}), None)
    if holder is not None:
        raise SpecError(f"{holder} already has an interface with the MAC {mac}", "choose another MAC with --mac")
    if domain.active:
        refuse_silent_bridge(destination, facts)
    scopes = tuple(s for s, wanted in ((PERSISTENT, domain.stored), (RUNNING, domain.active)) if wanted)
    step = AddInterface(
        domain=domain.name,
        domain_uuid=domain.uuid,
        mac=mac,
        document=new_interface(mac, destination.source, model=spec.model, queues=spec.queues, filter_name=spec.filter),
        scopes=scopes,
    )
    back = RemoveInterface(domain=domain.name, domain_uuid=domain.uuid, mac=mac, scopes=scopes)
    row = MovedInterface(
        domain=domain.name,
        state=domain.state.value,
        mac=mac,
        was="",
        wanted=str(destination.source),
        scopes=scopes,
        remark="a new interface" if domain.state is DomainState.SHUT_OFF else "the guest sees a new interface",
    )
    why = f"{domain.name} has no interface {mac}"
    return Plan(
        command="attach-domain",
        planned=(Planned(step=step, why=why, undo=(back,)),),
        warnings=destination.warnings,
        rows=(row,),
    )
