"""What uses the bridges on libvirt's side: their networks go, and their domains must not be on them any more."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.plan import steps
from vmnet.plan.domains.destination import find_destination, refuse_silent_bridge
from vmnet.plan.domains.interface_moves import lan_kept, lan_warnings, plan_moves
from vmnet.plan.domains.migrate import left_behind, moves_of, other_rewrites
from vmnet.plan.domains.rows import move_rows
from vmnet.plan.host.network import require_libvirt
from vmnet.plan.risks.accept import listed
from vmnet.plan.steps import Planned
from vmnet.shell_words import root

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from vmnet.facts import Facts, Network, Source
    from vmnet.plan.steps import MovedInterface
    from vmnet.spec import TeardownSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Users:
    """The steps that move the domains, and those that remove the networks; `rows`, `kept` and `warnings` for the
    plan."""

    moves: tuple[Planned, ...] = ()
    networks: tuple[Planned, ...] = ()
    rows: tuple[MovedInterface, ...] = ()
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def plan_users(bridges: Collection[str], spec: TeardownSpec, facts: Facts) -> Users:
    """Plan what happens to the networks that lead to the bridges, and to the domains on both.

    Raises:
        HypervisorError: libvirt was out of reach: nobody knows whether domains use the bridges.
        SpecError: the domains are to move to a network that goes, too.
        Refused: domains use the bridges, and are not to move, or cannot.
    """
    require_libvirt(facts)
    networks = [one for one in facts.networks if one.forward_mode == "bridge" and one.bridge in bridges]
    names = {network.name for network in networks}

    def leaves(source: Source) -> bool:
        direct = dict(source.attributes).get("dev") if source.type == "direct" else None
        return source.network in names or source.bridge in bridges or direct in bridges

    removed = tuple(step for network in networks for step in _remove(network))
    if spec.move_domains_to is None:
        _refuse_users(left_behind(facts, (), leaves), (*sorted(names), *bridges), bridges)
        return Users(networks=removed)
    if spec.move_domains_to in names:
        raise SpecError(f"network {spec.move_domains_to} goes with its bridge", "choose another network")
    return replace(_move_domains(spec, spec.move_domains_to, leaves, facts), networks=removed)


def _refuse_users(left: tuple[str, ...], used: tuple[str, ...], bridges: Collection[str]) -> None:
    if left:
        raise Refused(
            f"domains use {' or '.join(used)}: {listed(left, 10)}",
            f"to move them first: {root('vmnet', 'teardown', *bridges, '--move-domains-to', 'default')}",
        )


def _move_domains(spec: TeardownSpec, network: str, leaves: Callable[[Source], bool], facts: Facts) -> Users:
    """Plan the moves of all domains to the network.

    Raises:
        Refused: the network cannot take them, or an interface cannot move.
    """
    destination = find_destination(network, facts)
    found = [move for domain in facts.domains for move in moves_of(domain, leaves)]
    moves = [move for move in found if move.pair.either.mac is not None]
    if any(move.running for move in moves):
        refuse_silent_bridge(destination, facts)
    planned = (
        *plan_moves(moves, destination, facts, renewal=spec, leaves=leaves),
        *other_rewrites(facts.domains, moves, destination, leaves),
    )
    left = left_behind(facts, planned, leaves)
    if left:
        why = "; ".join(dict.fromkeys(move.hindrance for move in found if move.hindrance)) or "they have no MAC address"
        raise Refused(
            f"interfaces cannot move to network {network}: {listed(left, 10)} ({why})",
            "shut these domains down, or remove these interfaces, first",
        )
    return Users(
        moves=planned,
        rows=move_rows(moves, destination, planned, facts, renewal=spec),
        kept=tuple(lan_kept(facts)),
        warnings=(*destination.warnings, *lan_warnings(moves, facts)),
    )


def _remove(network: Network) -> Iterator[Planned]:
    name = network.name
    proof = steps.ProveUnused(network=name, bridge=network.bridge)
    yield Planned(step=proof, why="no domain may be on it when its bridge goes")
    if network.active:
        why = f"network {name} leads to {network.bridge}"
        yield Planned(step=steps.StopNetwork(name=name), why=why, undo=(steps.StartNetwork(name=name),))
    if network.persistent:
        back: tuple[steps.Step, ...] = (steps.DefineNetwork(name=name, document=network.document),)
        if network.autostart:
            back = (*back, steps.SetNetworkAutostart(name=name, autostart=True))
        why = f"without {network.bridge}, domains on network {name} would not start"
        yield Planned(step=steps.UndefineNetwork(name=name), why=why, undo=back)
