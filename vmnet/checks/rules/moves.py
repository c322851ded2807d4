"""Rules about a domain plan that was carried out: what it moved is where it was to go, in every document."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks.findings import LIBVIRT, Finding
from vmnet.facts import Facts, Interface
from vmnet.plan import steps
from vmnet.plan.steps import Plan

Changed = steps.MoveInterface | steps.AddInterface | steps.RewriteSavedState


def interfaces_moved(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """domain.moved: each interface that the plan moved is on its new source, in the document that it names."""
    for step in (planned.step for planned in plan.planned):
        if isinstance(step, steps.MoveInterface):
            seen = _source(step, step.mac, step.scope, facts)
            yield _compare("domain.moved", step, step.mac, step.scope, str(step.wanted), seen or "no such interface")


def interfaces_added(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """domain.added: each interface that the plan added is there."""
    for step in (planned.step for planned in plan.planned):
        if isinstance(step, steps.AddInterface):
            for scope in step.scopes:
                seen = "exists" if _source(step, step.mac, scope, facts) else "no such interface"
                yield _compare("domain.added", step, step.mac, scope, "exists", seen)


def saved_states_rewritten(plan: Plan, facts: Facts) -> Iterator[Finding]:
    """domain.rewritten: the managed saves and snapshots that the plan changed lead to the new source, too."""
    for step in (planned.step for planned in plan.planned):
        if not isinstance(step, steps.RewriteSavedState):
            continue
        place = f"snapshot {step.snapshot}" if step.snapshot else "managed save"
        for interface in _document(step, place, facts):
            if interface.mac in step.macs:
                wanted, seen = str(step.wanted), str(interface.source)
                yield _compare("domain.rewritten", step, str(interface.mac), place, wanted, seen)


def _compare(rule: str, step: Changed, mac: str, place: str, wanted: str, seen: str) -> Finding:
    return Finding(
        rule=rule, layer="domain", subject=f"{step.domain} {mac}", wanted=f"{place}: {wanted}",
        seen=f"{place}: {seen}", source=LIBVIRT,
        hint="another program changed the domain in the meantime: run the command again",
    ).judged(wanted == seen)  # fmt: skip


def _document(step: Changed, place: str, facts: Facts) -> tuple[Interface, ...]:
    """Return the interfaces of one of the domain's documents; none if there is no such domain or document."""
    domain = next((domain for domain in facts.domains if domain.uuid == step.domain_uuid), None)
    if domain is None:
        return ()
    snapshots = {f"snapshot {snapshot.name}": snapshot.interfaces for snapshot in domain.snapshots}
    own = {"running": domain.running, "persistent": domain.persistent, "managed save": domain.saved or ()}
    return {**snapshots, **own}.get(place, ())


def _source(step: Changed, mac: str, place: str, facts: Facts) -> str:
    """Return where the interface leads in a document; "" where it is not there."""
    return next((str(i.source) for i in _document(step, place, facts) if i.mac == mac), "")
