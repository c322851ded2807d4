"""Rules about a domain plan that was carried out: what it moved is where it was to go, in every document."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks.findings import LIBVIRT, Finding
from vmnet.facts import Domain, Facts, Interface
from vmnet.plan import steps
from vmnet.plan.steps import Plan


def interfaces_moved(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """domain.moved: each interface that the plan moved is on its new source, in the document that it names."""
    domains = _by_uuid(facts)
    for planned in plan.planned:
        step = planned.step
        if isinstance(step, steps.MoveInterface):
            interface = _find(_document(domains.get(step.domain_uuid), step.scope), step.mac)
            seen = str(interface.source) if interface else "no such interface"
            yield _finding("domain.moved", step, str(step.mac), str(step.wanted), seen, step.scope)


def interfaces_added(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """domain.added: each interface that the plan added is there."""
    domains = _by_uuid(facts)
    for planned in plan.planned:
        step = planned.step
        for scope in step.scopes if isinstance(step, steps.AddInterface) else ():
            assert isinstance(step, steps.AddInterface)
            interface = _find(_document(domains.get(step.domain_uuid), scope), step.mac)
            seen = "exists" if interface else "no such interface"
            yield _finding("domain.added", step, str(step.mac), "exists", seen, scope)


def saved_states_rewritten(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """domain.rewritten: the managed saves and snapshots that the plan changed lead to the new source, too."""
    domains = _by_uuid(facts)
    for planned in plan.planned:
        step = planned.step
        if not isinstance(step, steps.RewriteSavedState):
            continue
        place = f"snapshot {step.snapshot}" if step.snapshot else "managed save"
        for interface in _saved(domains.get(step.domain_uuid), step.snapshot):
            if interface.mac in step.macs:
                seen = str(interface.source)
                yield _finding("domain.rewritten", step, str(interface.mac), str(step.wanted), seen, place)


def _finding(
    rule: str,
    step: steps.MoveInterface | steps.AddInterface | steps.RewriteSavedState,
    mac: str,
    wanted: str,
    seen: str,
    where: str,
) -> Finding:
    ok = wanted == seen
    return Finding(
        rule=rule,
        layer="domain",
        subject=f"{step.domain} {mac}",
        wanted=f"{where}: {wanted}",
        seen=f"{where}: {seen}",
        source=LIBVIRT,
        ok=ok,
        hint="" if ok else "another program changed the domain in the meantime: run the command again",
    )


def _by_uuid(facts: Facts) -> dict[str, Domain]:
    return {domain.uuid: domain for domain in facts.domains}


def _document(domain: Domain | None, scope: str) -> tuple[Interface, ...]:
    if domain is None:
        return ()
    return domain.running if scope == "running" else domain.persistent


def _find(interfaces: tuple[Interface, ...], mac: str) -> Interface | None:
    return next((interface for interface in interfaces if interface.mac == mac), None)


def _saved(domain: Domain | None, snapshot: str | None) -> tuple[Interface, ...]:
    if domain is None:
        return ()
    if snapshot is None:
        return domain.saved or ()
    return next((shot.interfaces for shot in domain.snapshots if shot.name == snapshot), ())
