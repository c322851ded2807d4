"""The order in which many domains move: first one as a canary, then the rest, in batches if requested."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import SpecError
from vmnet.facts import DomainState
from vmnet.plan.destination import closest
from vmnet.plan.moves import plan_moves
from vmnet.plan.steps import Guest, Pause, Planned, WaitGuests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmnet.facts import Facts, Source
    from vmnet.plan.destination import Destination
    from vmnet.plan.moves import Move
    from vmnet.spec import MigrationSpec

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
