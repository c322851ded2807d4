"""attach-domain: one interface of one domain goes to the bridged network, or a new one is added there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.documents.interfaces import new_interface
from vmnet.errors import Refused, SpecError
from vmnet.facts import DomainState
from vmnet.names import derived_mac
from vmnet.plan.destination import describe, find_destination, find_domain, refuse_silent_bridge
from vmnet.plan.lan import lan_kept, lan_warnings
from vmnet.plan.move_rows import move_rows
from vmnet.plan.moves import PERSISTENT, RUNNING, Move, Pair, choose_move, pair_interfaces, plan_moves
from vmnet.plan.steps import AddInterface, MovedInterface, Plan, Planned, RemoveInterface

if TYPE_CHECKING:
    from vmnet.facts import Domain, Facts, Source
    from vmnet.plan.destination import Destination
    from vmnet.spec import AttachSpec


def plan_attach_domain(spec: AttachSpec, facts: Facts) -> Plan:
    """Plan the move of one interface of a domain to a network, in all of its documents; or a new one.

    Without `mac` or `index` the domain's only interface on a NAT network is meant.

    Raises:
        HypervisorError: libvirt was out of reach.
        SpecError: no such domain or interface, or several that could be meant.
        Refused: the network is not fit to take domains, or the interface cannot move.
    """
    domain = find_domain(spec.domain, facts)
    destination = find_destination(spec.network, facts)
    if spec.add:
        return _plan_add(spec, domain, destination, facts)
    pair = _choose_pair(spec, domain, destination, facts)
    move = choose_move(domain, pair, lambda source: source != destination.source) if pair else None
    if pair is None or move is None:
        mac = f" ({pair.either.mac})" if pair else ""
        return Plan(command="attach-domain", kept=(f"{domain.name} is on {destination.words}{mac}",))
    _refuse_unmovable(move, destination, facts)

    def leaves(source: Source) -> bool:
        return source != destination.source and source.type in ("network", "bridge")

    planned = plan_moves([move], destination, facts, bounce_s=spec.bounce_s, leaves=leaves)
    return Plan(
        command="attach-domain",
        planned=planned,
        kept=tuple(lan_kept(facts)),
        warnings=(*destination.warnings, *lan_warnings([move], facts)),
        rows=move_rows([move], destination, planned, facts, bounce_s=spec.bounce_s),
    )


def _refuse_unmovable(move: Move, destination: Destination, facts: Facts) -> None:
    interface = move.pair.either
    if interface.mac is None:
        raise Refused(
            f"the interface of {move.domain.name} has no MAC address to find it by", "give it one with virsh edit"
        )
    if move.hindrance:
        way = "add one instead: --add" if move.fixed else "shut the domain down first, or add one instead: --add"
        raise Refused(f"interface {interface.mac} of {move.domain.name} cannot move: {move.hindrance}", way)
    if move.running:
        refuse_silent_bridge(destination, facts)


def _choose_pair(spec: AttachSpec, domain: Domain, destination: Destination, facts: Facts) -> Pair | None:
    """Return the pair that is meant; None when nothing is left to choose, all that could be being there already."""
    pairs = pair_interfaces(domain)
    if not pairs:
        raise Refused(f"{domain.name} has no interface", "give it one: --add")
    if spec.mac is not None or spec.index is not None:
        return _named_pair(spec, domain, pairs)
    away = [pair for pair in pairs if not _all_there(pair, destination)]
    on_nat = [pair for pair in away if _on_nat(pair, facts)]
    if len(on_nat) == 1:
        return on_nat[0]
    if len(on_nat) > 1:
        raise SpecError(f"{domain.name} has {len(on_nat)} interfaces that could be meant", _which(pairs))
    if len(away) < len(pairs):
        return None
    raise SpecError(f"{domain.name} has no interface on a NAT network", _which(pairs))


def _named_pair(spec: AttachSpec, domain: Domain, pairs: tuple[Pair, ...]) -> Pair:
    if spec.index is not None and not 1 <= spec.index <= len(pairs):
        raise SpecError(f"{domain.name} has no interface number {spec.index}", _which(pairs))
    named = pairs if spec.index is None else (pairs[spec.index - 1],)
    fits = [pair for pair in named if spec.mac in (None, pair.either.mac)]
    if not fits:
        raise SpecError(f"{domain.name} has no interface {spec.mac}", _which(pairs))
    if len(fits) > 1:
        raise SpecError(f"{domain.name} has {len(fits)} interfaces {spec.mac}", _which(pairs))
    return fits[0]


def _which(pairs: tuple[Pair, ...]) -> str:
    known = (f"{n} is {pair.either.mac} on {describe(pair.either.source)}" for n, pair in enumerate(pairs, start=1))
    return f"say which with --mac or --index: {', '.join(known)}"


def _all_there(pair: Pair, destination: Destination) -> bool:
    documents = (pair.running, pair.persistent)
    return all(interface is None or interface.source == destination.source for interface in documents)


def _on_nat(pair: Pair, facts: Facts) -> bool:
    """Whether an interface is, in one of its documents, on a network that libvirt routes, or on its bridge."""
    behind = [network for network in facts.networks if network.forward_mode in ("nat", "route", "open")]
    names, bridges = {network.name for network in behind}, {network.bridge for network in behind}
    sources = [interface.source for interface in (pair.running, pair.persistent) if interface is not None]
    return any(s.network in names or (s.bridge is not None and s.bridge in bridges) for s in sources)


def _plan_add(spec: AttachSpec, domain: Domain, destination: Destination, facts: Facts) -> Plan:
    mac = spec.mac or derived_mac(facts.machine_id, domain.uuid, spec.index or 1)
    for pair in pair_interfaces(domain):
        if pair.either.mac == mac and _all_there(pair, destination):
            return Plan(command="attach-domain", kept=(f"{domain.name} has {mac} on {destination.words}",))
    holder = next((d.name for d in facts.domains if mac in {i.mac for i in (*d.running, *d.persistent)}), None)
    if holder is not None:
        raise SpecError(f"{holder} has an interface {mac} already", "choose another MAC with --mac")
    if domain.active:
        refuse_silent_bridge(destination, facts)
    scopes = tuple(s for s, wanted in ((PERSISTENT, domain.stored), (RUNNING, domain.active)) if wanted)
    step = AddInterface(
        domain=domain.name,
        domain_uuid=domain.uuid,
        mac=mac,
        document=new_interface(mac, destination.source),
        scopes=scopes,
    )
    back = RemoveInterface(domain=domain.name, domain_uuid=domain.uuid, mac=mac, scopes=scopes)
    row = MovedInterface(
        domain=domain.name,
        state=domain.state.value,
        mac=mac,
        was="",
        wanted=destination.words,
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
