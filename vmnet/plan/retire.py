"""The end of the old network: without autostart, or stopped, when nothing refers to it; it is never undefined."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan.steps import (
    MoveInterface,
    Planned,
    ProveUnused,
    RewriteSavedState,
    SetNetworkAutostart,
    StartNetwork,
    StopNetwork,
)
from vmnet.spec import Retire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from vmnet.facts import Domain, Facts, Interface, Source
    from vmnet.spec import MigrationSpec


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
