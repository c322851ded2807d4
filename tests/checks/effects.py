"""What the steps of a plan change, done to facts: enough for the fixes of doctor."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests import facts_samples as samples
from tests.plan.standing import as_profile
from vmnet.documents.networks import parse_network
from vmnet.plan import steps
from vmnet.spec.options import BRIDGE_OPTIONS

if TYPE_CHECKING:
    from vmnet.facts import Domain, Facts, Interface, Source
    from vmnet.names import Mac
    from vmnet.plan.steps import Plan, Step


def carried_out(plan: Plan, facts: Facts) -> Facts:
    """The host after a plan."""
    for planned in plan.planned:
        facts = _by_libvirt(planned.step, _by_manager(planned.step, facts))
    return facts


def _by_manager(step: Step, facts: Facts) -> Facts:
    match step:
        case steps.AddProfile():
            return replace(facts, profiles=(*facts.profiles, replace(as_profile(step, []), device=None)))
        case steps.DeleteProfile():
            return replace(facts, profiles=tuple(p for p in facts.profiles if p.uuid != step.uuid))
        case steps.ModifyProfile():
            return _modified(step, facts)
        case steps.ReapplyDevice():
            return _applied(step.ifname, facts)
        case steps.SetOption():
            return _set_option(step, facts)
        case steps.ActivateProfile():
            return _activated(step, facts)
        case steps.PutPort():
            return samples.with_link(facts, step.ifname, controller=step.controller)
        case _:
            return facts


def _by_libvirt(step: Step, facts: Facts) -> Facts:
    match step:
        case steps.DefineNetwork():
            network = parse_network(step.document, active=False, persistent=True, autostart=False)
            return replace(facts, networks=(*(n for n in facts.networks if n.name != step.name), network))
        case steps.StartNetwork():
            return samples.with_network(facts, step.name, active=True)
        case steps.SetNetworkAutostart():
            return samples.with_network(facts, step.name, autostart=step.autostart)
        case steps.MoveInterface() | steps.RewriteSavedState():
            domains = (_moved(step, d) if d.uuid == step.domain_uuid else d for d in facts.domains)
            return replace(facts, domains=tuple(domains))
        case _:
            return facts


def _modified(step: steps.ModifyProfile, facts: Facts) -> Facts:
    (profile,) = (p for p in facts.profiles if p.uuid == step.uuid)
    filename = profile.filename.replace("/run/", "/etc/") if step.save else profile.filename
    settings = tuple((dict(profile.settings) | dict(step.settings)).items())
    changed = replace(profile, settings=settings, filename=filename)
    return replace(facts, profiles=tuple(changed if p.uuid == step.uuid else p for p in facts.profiles))


def _applied(ifname: str, facts: Facts) -> Facts:
    profile, link = facts.active_profile(ifname), facts.link(ifname)
    assert profile is not None
    assert link is not None
    bridge = replace(link.bridge, stp=profile.get("bridge.stp") == "yes") if link.bridge else None
    return samples.with_link(facts, ifname, bridge=bridge, mtu=int(profile.get("802-3-ethernet.mtu") or link.mtu))


def _set_option(step: steps.SetOption, facts: Facts) -> Facts:
    link = facts.link(step.ifname)
    assert link is not None
    if link.bond:
        options = tuple((dict(link.bond.options) | {step.option: step.value}).items())
        miimon = int(dict(options).get("miimon", link.bond.miimon_ms))
        return samples.with_bond(facts, options=options, miimon_ms=miimon)
    assert link.bridge is not None
    value = BRIDGE_OPTIONS[step.option].seen(step.value)
    options = tuple((dict(link.bridge.options) | {step.option: value}).items())
    bridge = replace(link.bridge, options=options, stp=dict(options).get("stp") == "yes")
    return samples.with_link(facts, step.ifname, bridge=bridge)


def _activated(step: steps.ActivateProfile, facts: Facts) -> Facts:
    (profile,) = (p for p in facts.profiles if p.uuid == step.uuid)
    above = facts.profile(profile.controller)
    facts = samples.with_device(facts, step.ifname, state=100, profile=step.uuid)
    return samples.with_link(
        facts, step.ifname, controller=above.ifname if above else None, bridge_port_state="forwarding"
    )


def _moved(step: steps.MoveInterface | steps.RewriteSavedState, domain: Domain) -> Domain:
    if isinstance(step, steps.MoveInterface):
        if step.scope == "running":
            return replace(domain, running=_led(domain.running, (step.mac,), step.wanted))
        return replace(domain, persistent=_led(domain.persistent, (step.mac,), step.wanted))
    if step.snapshot is None:
        return replace(domain, saved=_led(domain.saved or (), step.macs, step.wanted))
    shots = (
        replace(s, interfaces=_led(s.interfaces, step.macs, step.wanted)) if s.name == step.snapshot else s
        for s in domain.snapshots
    )
    return replace(domain, snapshots=tuple(shots))


def _led(interfaces: tuple[Interface, ...], macs: tuple[Mac, ...], source: Source) -> tuple[Interface, ...]:
    return tuple(replace(i, source=source) if i.mac in macs else i for i in interfaces)
