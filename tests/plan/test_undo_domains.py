"""Undo days later: planned from the facts of now, not from those of the run."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.facts_samples import with_network
from tests.plan.guests import domain, host, interface, live
from vmnet.errors import Conflict, Refused
from vmnet.facts import Domain, Facts, Snapshot
from vmnet.names import Mac
from vmnet.plan.domains.attach import plan_attach_domain
from vmnet.plan.domains.migrate import plan_migration
from vmnet.plan.domains.undo import plan_domain_undo
from vmnet.plan.steps import BounceLinks, MoveInterface, Plan, RemoveInterface, RewriteSavedState, StartNetwork
from vmnet.spec import AttachSpec, MigrationSpec

MOVED = "network='host-bridge'"
MOVED_LIVE = "network='host-bridge' bridge='br0'"
OFF = domain("web", interface(1))
ON = domain("web", interface(1), running=(live(1),))
OFF_MOVED = domain("web", interface(1, MOVED))
ON_MOVED = domain("web", interface(1, MOVED), running=(live(1, MOVED_LIVE),))


def migrated(*domains: Domain) -> Plan:
    return plan_migration(MigrationSpec(), host(*domains))


def undone(run: Plan, facts: Facts) -> list[tuple[str, str]]:
    steps = (planned.step for planned in plan_domain_undo(run.planned, facts).planned)
    return [(step.wanted.network or "", step.scope) for step in steps if isinstance(step, MoveInterface)]


@pytest.mark.parametrize(
    ("then", "now", "scopes"),
    [
        (ON, ON_MOVED, ["running", "persistent"]),
        (OFF, OFF_MOVED, ["persistent"]),
        (OFF, ON_MOVED, ["running", "persistent"]),
        (ON, OFF_MOVED, ["persistent"]),
        (ON, ON, []),
    ],
)
def test_what_goes_back(then: Domain, now: Domain, scopes: list[str]) -> None:
    assert undone(migrated(then), host(now)) == [("default", scope) for scope in scopes]


def test_guests_are_bounced_if_they_were() -> None:
    back = plan_domain_undo(migrated(ON).planned, host(ON_MOVED))
    assert isinstance(back.planned[-1].step, BounceLinks)
    quiet = plan_migration(MigrationSpec(bounce_s=0), host(ON))
    assert undone(quiet, host(ON_MOVED))
    steps = [planned.step for planned in plan_domain_undo(quiet.planned, host(ON_MOVED)).planned]
    assert not any(isinstance(step, BounceLinks) for step in steps)


def test_gone_domains_and_interfaces_are_told() -> None:
    (gone,) = plan_domain_undo(migrated(ON).planned, host()).kept
    assert "web" in gone
    lost = plan_domain_undo(migrated(ON).planned, host(domain("web", interface(2))))
    assert ["52:54:00:00:53:01" in line for line in lost.kept] == [True]
    assert lost.empty


def test_changed_by_others_is_a_conflict() -> None:
    with pytest.raises(Conflict) as caught:
        plan_domain_undo(migrated(ON).planned, host(domain("web", interface(1, "network='other'"))))
    assert "virsh edit" in caught.value.hint
    assert "network other" in caught.value.hint


def test_the_old_network_is_started_for_running_domains() -> None:
    stopped = with_network(host(ON_MOVED), "default", active=False)
    assert isinstance(plan_domain_undo(migrated(ON).planned, stopped).planned[0].step, StartNetwork)
    off = with_network(host(OFF_MOVED), "default", active=False)
    assert not isinstance(plan_domain_undo(migrated(ON).planned, off).planned[0].step, StartNetwork)


def test_the_old_network_is_gone() -> None:
    facts = host(ON_MOVED)
    facts = replace(facts, networks=tuple(n for n in facts.networks if n.name != "default"))
    with pytest.raises(Refused, match="network default"):
        plan_domain_undo(migrated(ON).planned, facts)


def test_saved_states_go_back_while_they_are_there() -> None:
    snapshot = Snapshot(name="s", current=True, interfaces=(interface(1),))
    run = migrated(replace(OFF, saved=(interface(1),), snapshots=(snapshot,)))
    now = replace(OFF_MOVED, snapshots=(replace(snapshot, interfaces=(interface(1, MOVED),)),))
    steps = [planned.step for planned in plan_domain_undo(run.planned, host(now)).planned]
    assert [step.snapshot for step in steps if isinstance(step, RewriteSavedState)] == ["s"]


def test_an_added_interface_goes() -> None:
    run = plan_attach_domain(AttachSpec(domain="web", add=True, macs=(Mac("52:54:00:00:53:07"),)), host(OFF))
    now = domain("web", interface(1), interface(7, MOVED), running=(live(7, MOVED_LIVE),))
    (back,) = plan_domain_undo(run.planned, host(now)).planned
    assert isinstance(back.step, RemoveInterface)
    assert back.step.scopes == ("persistent", "running")
    assert plan_domain_undo(run.planned, host(OFF)).empty


def test_nothing_of_domains_needs_no_libvirt() -> None:
    assert plan_domain_undo((), host(libvirt_version=None)).empty


def test_what_needed_a_power_cycle_goes_back_by_one() -> None:
    direct, stuck = (make(3, "dev='em1' mode='bridge'", kind="direct") for make in (interface, live))
    run = plan_attach_domain(AttachSpec(domain="x", indexes=(1,)), host(domain("x", direct, running=(stuck,))))
    cycled = domain("x", interface(3, MOVED), running=(live(3, MOVED_LIVE),))
    for now in (replace(cycled, running=(stuck,)), cycled):
        plan = plan_domain_undo(run.planned, host(now))
        (step,) = (item.step for item in plan.planned)
        assert isinstance(step, MoveInterface)
        assert (step.scope, step.wanted) == ("persistent", direct.source)
    (kept,) = plan.kept
    assert "52:54:00:00:53:03 is on network host-bridge" in kept


def test_what_was_replugged_is_replugged_with_all_that_it_had() -> None:
    direct, stuck = (make(3, "dev='em1' mode='bridge'", kind="direct", more="<x/>") for make in (interface, live))
    spec = AttachSpec(domain="x", indexes=(1,), replug=True)
    run = plan_attach_domain(spec, host(domain("x", direct, running=(stuck,))))
    now = domain("x", interface(3, MOVED), running=(live(3, MOVED_LIVE),))
    steps = [item.step for item in plan_domain_undo(run.planned, host(now)).planned]
    (back,) = (step for step in steps if isinstance(step, MoveInterface) and step.scope == "running")
    assert back.replug
    assert back.after == stuck.document
