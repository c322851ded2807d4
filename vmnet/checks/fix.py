"""doctor --fix: the plan that puts a rule's troubles right, made of what the other commands do, so that it is shown,
applied, proven and undone like everything else. Where none is safe, doctor's own words stay what there is."""

from __future__ import annotations

from dataclasses import replace
from difflib import get_close_matches
from functools import partial
from typing import TYPE_CHECKING

from vmnet.checks.diagnostics import diagnose
from vmnet.checks.goal import goals_of
from vmnet.checks.rule_texts import read_rules
from vmnet.checks.rules.network import subject_of
from vmnet.errors import Refused, SpecError
from vmnet.plan.domains.attach import plan_attach_domain
from vmnet.plan.domains.interface_moves import LIVE_TYPES, plan_rewrites
from vmnet.plan.host.network import plan_network
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import Goals, Plan, Planned, PutPort, SetNetworkAutostart, StartNetwork, StopNetwork
from vmnet.spec import AttachSpec, BridgeSpec, HostSpec, NoAddress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmnet.checks.findings import Finding
    from vmnet.facts import Domain, Facts, Interface, Source
    from vmnet.spec import BridgeSpec

    Way = Callable[[tuple[Finding, ...], BridgeSpec, Facts], Plan]

COMMAND = "doctor"


def plan_fix(rule: str, goals: Goals, facts: Facts) -> Plan:
    """Plan what puts right all that doctor finds by one rule. Changes nothing.

    Args:
        rule: its id.
        goals: what is wanted. The first of them that the rule finds something about is mended.
        facts: read with `closely`.

    Raises:
        SpecError: there is no such rule.
        Refused: no plan of vmnet's puts that right; the hint says what does.
        As `plan_host_setup` and `plan_attach_domain`.
    """
    known_rule(rule)
    found = _found(rule, goals, facts)
    if not found:
        return Plan(command=COMMAND, kept=(f"{rule}: nothing is wrong",))
    way = _WAYS.get(rule)
    if way is None:
        raise Refused(f"vmnet cannot repair {rule}", _by_hand(found, rule))
    wanted = goals_of(goals, facts)
    goal = next((one for one in wanted if goals and _found(rule, (one,), facts)), wanted[0])
    return replace(way(found, goal, facts), command=COMMAND)


def _found(rule: str, goals: Goals, facts: Facts) -> tuple[Finding, ...]:
    return tuple(t.finding for t in diagnose(goals, facts) if t.rule.id == rule and not t.finding.ok)


def known_rule(rule: str) -> None:
    """Raise SpecError unless there is such a rule."""
    if rule not in read_rules():
        near = get_close_matches(rule, read_rules(), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "vmnet explain lists all rules"
        raise SpecError(f"unknown rule {rule}", hint)


def fixable(rule: str) -> bool:
    """Return whether there is a plan for what the rule finds."""
    return rule in _WAYS


def _by_hand(found: tuple[Finding, ...], rule: str) -> str:
    lines = [line for finding in found for line in (finding.fix or (finding.hint,)) if line]
    return "\n".join(dict.fromkeys(lines)) or read_rules()[rule].fix


def _by_host_setup(_: tuple[Finding, ...], goal: BridgeSpec, facts: Facts) -> Plan:
    """host-setup, asked for what is there already, mends only what differs."""
    asked = replace(
        goal,
        address=goal.address if isinstance(goal.address, NoAddress) else None,
        mac=BridgeSpec().mac,
        profiles=(),
        vlans=(),
        management=None,
        management_was=(),
    )
    return plan_host_setup(HostSpec(bridges=(asked,), management=goal.management), facts)


def _by_network(_: tuple[Finding, ...], goal: BridgeSpec, facts: Facts) -> Plan:
    assert goal.network is not None
    planned, kept = plan_network(goal.network, goal.ifname, facts, nics=goal.nics)
    return Plan(command=COMMAND, planned=tuple(planned), kept=tuple(kept))


def _by_taps(found: tuple[Finding, ...], _goal: BridgeSpec, facts: Facts) -> Plan:
    subjects = {finding.subject for finding in found}
    planned = []
    for domain, interface in _interfaces(facts):
        link = facts.link(interface.target)
        wanted = _bridge_of(interface, facts)
        if f"{domain.name} {interface.mac}" in subjects and link and wanted and link.controller != wanted:
            if facts.link(wanted) is None:
                raise Refused(f"the bridge {wanted} does not exist either", _by_hand(found, "domain.tap"))
            step = PutPort(ifname=link.ifname, controller=wanted)
            undo = (PutPort(ifname=link.ifname, controller=link.controller),)
            planned.append(Planned(step=step, why=f"{domain.name} is on {wanted}", undo=undo))
    if not planned:
        raise Refused("the taps do not exist any more", "power the domains off and on")
    return Plan(command=COMMAND, planned=tuple(planned))


def _by_starting(found: tuple[Finding, ...], _goal: BridgeSpec, _facts: Facts) -> Plan:
    planned = [
        Planned(step=StartNetwork(name=f.subject), why=f.seen, undo=(StopNetwork(name=f.subject),)) for f in found
    ]
    return Plan(command=COMMAND, planned=tuple(planned))


def _by_autostart(found: tuple[Finding, ...], _goal: BridgeSpec, facts: Facts) -> Plan:
    stored = [finding for finding in found if (n := facts.network(finding.subject)) is not None and n.persistent]
    if not stored:
        raise Refused("a transient network cannot be autostarted", _by_hand(found, found[0].rule))
    return Plan(
        command=COMMAND,
        planned=tuple(
            Planned(
                step=SetNetworkAutostart(name=finding.subject, autostart=True),
                why=finding.seen,
                undo=(SetNetworkAutostart(name=finding.subject, autostart=False),),
            )
            for finding in stored
        ),
    )


def _by_rewriting(found: tuple[Finding, ...], _goal: BridgeSpec, facts: Facts) -> Plan:
    """All that was saved of these interfaces follows the stored document; the domain's other ones stay as they are."""
    subjects = {finding.subject for finding in found}
    planned: list[Planned] = []
    for domain in facts.domains:
        for interface in domain.persistent:
            if interface.mac and subject_of(domain, interface) in subjects:
                wanted = interface.source
                planned += plan_rewrites(domain, (interface.mac,), wanted, partial(_differs, wanted))
    return Plan(command=COMMAND, planned=tuple(planned))


def _differs(wanted: Source, source: Source) -> bool:
    return source != wanted and source.type in LIVE_TYPES


def _interfaces(facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    return ((domain, interface) for domain in facts.domains for interface in domain.running)


def _bridge_of(interface: Interface, facts: Facts) -> str | None:
    network = facts.network(interface.source.network) if interface.source.network else None
    return network.bridge if network else interface.source.bridge


def _by_attaching(found: tuple[Finding, ...], goal: BridgeSpec, facts: Facts) -> Plan:
    plans = []
    macs: dict[str, list[Interface]] = {}
    subjects = {finding.subject for finding in found}
    for domain in facts.domains:
        for interface in (*domain.persistent, *domain.running):
            if interface.mac and f"{domain.name} {interface.mac}" in subjects:
                macs.setdefault(domain.name, []).append(interface)
    for name, interfaces in macs.items():
        wanted = tuple(dict.fromkeys(interface.mac for interface in interfaces if interface.mac))
        spec = AttachSpec(domain=name, network=goal.network or AttachSpec(domain=name).network, macs=wanted)
        plans.append(plan_attach_domain(spec, facts))
    return Plan(
        command=COMMAND,
        planned=tuple(item for plan in plans for item in plan.planned),
        kept=tuple(line for plan in plans for line in plan.kept),
        warnings=tuple(dict.fromkeys(line for plan in plans for line in plan.warnings)),
        rows=tuple(row for plan in plans for row in plan.rows),
    )


_HOST_SETUP = (
    "nic.controller",
    "nic.mtu",
    "bond.link",
    "bond.controller",
    "bond.mode",
    "bond.miimon",
    "bond.ports",
    "bond.mtu",
    "bridge.link",
    "bridge.stp",
    "bridge.uplinks",
    "bridge.mtu",
    "address.profile",
    "route.profile",
    "profile.active",
    "profile.controller",
    "profile.stp",
    "profile.mode",
    "profile.saved",
    "profile.alone",
)
_WAYS: dict[str, Way] = {
    **dict.fromkeys(_HOST_SETUP, _by_host_setup),
    "network.state": _by_network,
    "network.bridge": _by_network,
    "domain.tap": _by_taps,
    "domain.documents": _by_attaching,
    "domain.saved": _by_rewriting,
    "domain.snapshot": _by_rewriting,
    "domain.network-missing": _by_attaching,
    "network.inactive": _by_starting,
    "network.not-at-boot": _by_autostart,
}
