"""migrate-from-virbr0: what moves, in which documents, in which order; what is refused; what is told."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from tests.facts_samples import with_link, with_network
from tests.plan.guests import domain, host, interface, live
from vmnet.errors import HypervisorError, Refused, SpecError
from vmnet.facts import BridgeState, DomainState, Facts, GuestAddress, Snapshot, Source
from vmnet.names import Mac
from vmnet.plan.domains.migrate import plan_migration
from vmnet.plan.domains.rows import rows_after
from vmnet.plan.steps import BounceLinks, LearnAgain, MoveInterface, Plan, RaiseLinks, RewriteSavedState
from vmnet.spec import MigrationSpec

WANTED = Source(type="network", network="host-bridge")
DEFAULT = Source(type="network", network="default")
SPEC = MigrationSpec()


def moves(plan: Plan) -> list[tuple[str, str, str]]:
    steps = [planned.step for planned in plan.planned]
    return [(step.domain, step.mac[-2:], step.scope) for step in steps if isinstance(step, MoveInterface)]


def test_running_and_shut_off() -> None:
    plan = plan_migration(SPEC, host(domain("old", interface(1)), domain("web", interface(2), running=(live(2),))))
    assert moves(plan) == [("web", "02", "persistent"), ("web", "02", "running"), ("old", "01", "persistent")]
    (bounce,) = (planned for planned in plan.planned if isinstance(planned.step, BounceLinks))
    assert isinstance(bounce.step, BounceLinks)
    assert [link.domain for link in bounce.step.links] == ["web"]
    assert bounce.undo == (RaiseLinks(links=bounce.step.links),)


def test_each_move_says_where_from_and_where_to_and_how_back() -> None:
    plan = plan_migration(SPEC, host(domain("web", interface(2), running=(live(2),))))
    step = plan.planned[1].step
    assert isinstance(step, MoveInterface)
    assert (step.was, step.wanted, step.wanted_bridge) == (DEFAULT, WANTED, "br0")
    (back,) = plan.planned[1].undo
    assert isinstance(back, MoveInterface)
    assert (back.was, back.wanted, back.wanted_bridge, back.scope) == (WANTED, DEFAULT, "virbr7", "running")
    assert 'network="host-bridge"' in step.after
    assert "host-bridge" not in step.before + back.after


def test_interfaces_on_its_bridge_count_whatever_its_name() -> None:
    on_bridge = interface(1, "bridge='virbr7'")
    elsewhere = interface(2, "bridge='virbr0'")
    plan = plan_migration(SPEC, host(domain("web", on_bridge, elsewhere)))
    assert moves(plan) == [("web", "01", "persistent")]


def test_documents_are_looked_at_apart() -> None:
    stored_only = domain("a", interface(1), running=(live(1, "network='host-bridge' bridge='br0'"),))
    live_only = domain("b", interface(2, "network='host-bridge'"), running=(live(2),))
    hotplugged = domain("c", running=(live(3),))
    plan = plan_migration(replace(SPEC, no_canary=True), host(stored_only, live_only, hotplugged))
    assert moves(plan) == [("a", "01", "persistent"), ("b", "02", "running"), ("c", "03", "running")]
    assert "only in the running document" in plan.rows[2].remark


def test_transient_domains_move_while_they_run() -> None:
    plan = plan_migration(SPEC, host(domain("t", running=(live(1),), stored=False)))
    assert moves(plan) == [("t", "01", "running")]
    assert "transient" in plan.rows[0].remark


def test_saved_state_and_snapshots_are_rewritten() -> None:
    snapshot = Snapshot(name="s 1", current=True, interfaces=(interface(1), interface(1), interface(7)))
    plan = plan_migration(SPEC, host(domain("d", interface(1), saved=(live(1),), snapshots=(snapshot,))))
    rewrites = [planned.step for planned in plan.planned if isinstance(planned.step, RewriteSavedState)]
    assert [(step.snapshot, len(step.macs)) for step in rewrites] == [(None, 1), ("s 1", 1), ("s 1", 1)]
    assert all((step.was, step.wanted) == (DEFAULT, WANTED) for step in rewrites)
    assert plan.rows[0].scopes == ("persistent", "managed save", "snapshot s 1")


def test_a_snapshot_alone_is_rewritten_too() -> None:
    snapshot = Snapshot(name="s", current=False, interfaces=(interface(1),))
    plan = plan_migration(SPEC, host(domain("d", interface(1, "network='host-bridge'"), snapshots=(snapshot,))))
    assert [type(planned.step) for planned in plan.planned] == [RewriteSavedState]


@pytest.mark.parametrize(
    ("state", "more", "spec"),
    [
        (DomainState.PAUSED, "", SPEC),
        (DomainState.RUNNING, "<link state='down'/>", SPEC),
        (DomainState.RUNNING, "", MigrationSpec(bounce_s=0)),
    ],
)
def test_not_bounced(state: DomainState, more: str, spec: MigrationSpec) -> None:
    web = domain("web", interface(1), running=(live(1, more=more),), state=state)
    assert [type(planned.step) for planned in plan_migration(spec, host(web)).planned] == [MoveInterface] * 2


def test_what_cannot_move_live_moves_in_the_stored_document() -> None:
    pool = live(1, "network='default' dev='em1' mode='bridge'", kind="direct")
    plan = plan_migration(SPEC, host(domain("web", interface(1), running=(pool,))))
    assert moves(plan) == [("web", "01", "persistent")]
    assert "power it off and on" in plan.rows[0].remark


def test_a_port_of_another_switch_is_left_and_told() -> None:
    ovs = interface(1, more="<virtualport type='openvswitch'/>")
    plan = plan_migration(SPEC, host(domain("web", ovs)))
    assert plan.empty
    assert "openvswitch" in plan.rows[0].remark
    assert any("stays on network default" in warning for warning in plan.warnings)


def test_filters_that_name_the_old_address() -> None:
    pinned = "<filterref filter='mine'><parameter name='IP' value='198.51.100.7'/></filterref>"
    learnt = "<filterref filter='clean-traffic'/>"
    web = domain(
        "w", interface(1, more=pinned), interface(2, more=learnt), running=(live(1, more=pinned), live(2, more=learnt))
    )
    plan = plan_migration(SPEC, host(web))
    assert "198.51.100.7" in plan.rows[0].remark
    (again,) = (step for planned in plan.planned if isinstance(step := planned.step, LearnAgain))
    assert (again.mac[-2:], "portid" in again.document, "filterref" in again.document) == ("02", False, True)
    undone = [planned.undo for planned in plan.planned if isinstance(planned.step, MoveInterface) and planned.undo[1:]]
    assert [[type(step).__name__ for step in undo] for undo in undone] == [["MoveInterface", "LearnAgain"]]


def test_addresses_and_their_origin() -> None:
    lease = GuestAddress(mac=Mac("52:54:00:00:53:01"), interface=ip_interface("198.51.100.7/24"), origin="lease")
    agent = GuestAddress(mac=Mac("52:54:00:00:53:02"), interface=ip_interface("198.51.100.8/24"), origin="agent")
    facts = host(domain("w", interface(1), interface(2), running=(live(1), live(2))))
    plan = plan_migration(SPEC, replace(facts, guest_addresses=(lease, agent)))
    assert [row.address_now for row in plan.rows] == ["198.51.100.7 (lease)", "198.51.100.8 (agent)"]
    assert "static" not in plan.rows[0].remark
    assert "seems to be static" in plan.rows[1].remark


def test_the_table_after_the_run() -> None:
    facts = host(domain("w", interface(1), interface(2), running=(live(1), live(2))))
    lease = GuestAddress(mac=Mac("52:54:00:00:53:01"), interface=ip_interface("198.51.100.7/24"), origin="lease")
    plan = plan_migration(SPEC, replace(facts, guest_addresses=(lease,)))
    new = GuestAddress(mac=Mac("52:54:00:00:53:01"), interface=ip_interface("192.0.2.50/24"), origin="agent")
    states = {domain.name: domain.state for domain in facts.domains}
    after = rows_after(plan.rows, states, (lease, new))
    assert [row.address_now for row in after] == ["192.0.2.50 (agent)", ""]
    assert [bool(row.remark) for row in after] == [False, True]
    old = replace(lease, origin="agent")
    assert "still has its old address" in rows_after(plan.rows, states, (old,))[0].remark


def test_nothing_left_says_so() -> None:
    plan = plan_migration(SPEC, host(domain("web", interface(1, "network='host-bridge'"))))
    assert plan.empty
    assert plan.kept == ("web is on network host-bridge (52:54:00:00:53:01)", "no interface is on network default")


def test_only_and_exclude() -> None:
    facts = host(*(domain(name, interface(n)) for n, name in enumerate(("-a", "1", "b c"), start=1)))
    assert {name for name, _, _ in moves(plan_migration(MigrationSpec(only=("1", "-a")), facts))} == {"1", "-a"}
    assert {name for name, _, _ in moves(plan_migration(MigrationSpec(exclude=("b c",)), facts))} == {"1", "-a"}
    with pytest.raises(SpecError, match="'b  c'") as caught:
        plan_migration(MigrationSpec(only=("b  c",)), facts)
    assert caught.value.hint == "did you mean b c?"


def test_planning_twice_is_the_same() -> None:
    facts = host(domain("web", interface(2), running=(live(2),)))
    assert plan_migration(SPEC, facts) == plan_migration(SPEC, facts)


STP = BridgeState(stp=True, forward_delay_cs=1500, multicast_snooping=True, vlan_filtering=False)
RUNNING_GUEST = domain("web", interface(1), running=(live(1),))


@pytest.mark.parametrize(
    ("facts", "error", "text"),
    [
        (host(libvirt_version=None, libvirt_problem="no socket"), HypervisorError, "no socket"),
        (with_network(host(RUNNING_GUEST), "host-bridge", active=False), Refused, "host-bridge"),
        (with_network(host(RUNNING_GUEST), "host-bridge", bridge="br9"), Refused, "br9"),
        (with_network(host(RUNNING_GUEST), "host-bridge", bridge="em1"), Refused, "em1"),
        (with_network(host(RUNNING_GUEST), "host-bridge", bridge=None), Refused, "has no bridge"),
        (with_link(host(RUNNING_GUEST), "br0", admin_up=False), Refused, "is down"),
        (with_link(host(RUNNING_GUEST), "bond0", controller=None), Refused, "no uplink"),
        (with_link(host(RUNNING_GUEST), "bond0", carrier=False), Refused, "carrier"),
        (with_link(host(RUNNING_GUEST), "br0", bridge=STP), Refused, "30 s"),
    ],
)
def test_refused_before_the_first_step(facts: Facts, error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        plan_migration(SPEC, facts)


def test_stp_matters_to_running_domains_only() -> None:
    assert not plan_migration(SPEC, with_link(host(domain("web", interface(1))), "br0", bridge=STP)).empty


@pytest.mark.parametrize("spec", [MigrationSpec(source="host-bridge"), MigrationSpec(source="defualt")])
def test_wrong_requests(spec: MigrationSpec) -> None:
    with pytest.raises(SpecError):
        plan_migration(spec, host(RUNNING_GUEST))


def test_the_target_must_exist() -> None:
    with pytest.raises(Refused) as caught:
        plan_migration(MigrationSpec(network="host-bridg"), host(RUNNING_GUEST))
    assert caught.value.hint == "did you mean host-bridge?"


def test_that_guests_will_be_open_to_the_lan_is_told() -> None:
    plan = plan_migration(SPEC, host(domain("web", interface(1))))
    assert any("LAN" in warning for warning in plan.warnings)
    assert not plan_migration(SPEC, host(domain("web", interface(1, "network='host-bridge'")))).warnings
