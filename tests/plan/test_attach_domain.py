"""attach-domain: which interface is meant, what is refused, adding one."""

from __future__ import annotations

import pytest

from tests.plan.guests import domain, host, interface, live
from vmnet.errors import Refused, SpecError, VmnetError
from vmnet.facts import Domain
from vmnet.names import Mac
from vmnet.plan.domains.attach import plan_attach_domain
from vmnet.plan.steps import AddInterface, BounceLinks, MoveInterface, Plan, RemoveInterface
from vmnet.spec import AttachSpec

ONE = domain("web", interface(1), running=(live(1),))
TWO = domain("db", interface(1), interface(2), running=(live(1), live(2)))
DIRECT = interface(3, "dev='em1' mode='bridge'", kind="direct")


NAMED: dict[str, object] = {"indexes": (1,)}
STUCK = live(3, "dev='em1' mode='bridge'", kind="direct")


def attach(what: Domain, **options: object) -> Plan:
    return plan_attach_domain(AttachSpec(domain=what.name, **options), host(what))  # type: ignore[arg-type]


def moved(plan: Plan) -> list[tuple[str, str]]:
    steps = (planned.step for planned in plan.planned)
    return [(step.mac[-2:], step.scope) for step in steps if isinstance(step, MoveInterface)]


def test_the_only_interface_moves_in_both_documents() -> None:
    plan = attach(ONE)
    assert moved(plan) == [("01", "persistent"), ("01", "running")]
    assert isinstance(plan.planned[-1].step, BounceLinks)


@pytest.mark.parametrize("options", [{"macs": (Mac("52:54:00:00:53:02"),)}, {"indexes": (2,)}])
def test_one_of_several(options: dict[str, object]) -> None:
    assert moved(attach(TWO, **options)) == [("02", "persistent"), ("02", "running")]


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"macs": (Mac("52:54:00:00:53:01"), Mac("52:54:00:00:53:02"))}, ["01", "02"]),
        ({"indexes": (1, 3)}, ["01", "03"]),
        ({"taps": ("vnet2",)}, ["02"]),
        ({"sources": ("default",)}, ["01", "02"]),
        ({"sources": ("br9",), "taps": ("vnet1",)}, ["01", "03"]),
    ],
)
def test_several_at_once(options: dict[str, object], wanted: list[str]) -> None:
    three = (interface(1), interface(2), interface(3, "bridge='br9'"))
    running = (live(1), live(2), live(3, "bridge='br9'"))
    plan = attach(domain("x", *three, running=running), **options)
    assert moved(plan) == [(number, scope) for number in wanted for scope in ("persistent", "running")]
    (bounce,) = (planned.step for planned in plan.planned if isinstance(planned.step, BounceLinks))
    assert len(bounce.links) == len(wanted)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"taps": ("vnet9",)}, "vnet9"),
        ({"sources": ("lan",)}, "lan"),
        ({"indexes": (1, 3)}, "number 3"),
        ({"macs": (Mac("52:54:00:00:53:01"), Mac("52:54:00:00:53:99"))}, "52:54:00:00:53:99"),
    ],
)
def test_what_is_named_and_is_not_there(options: dict[str, object], said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        attach(TWO, **options)
    assert "1 is 52:54:00:00:53:01" in caught.value.hint


def test_a_bridge_without_a_network() -> None:
    plan = attach(ONE, bridge="br0")
    steps = [planned.step for planned in plan.planned if isinstance(planned.step, MoveInterface)]
    assert [step.wanted.bridge for step in steps] == ["br0", "br0"]
    assert 'type="bridge"' in steps[0].after
    assert plan.rows[0].wanted == "bridge br0"
    with pytest.raises(Refused, match="br7"):
        attach(ONE, bridge="br7")
    with pytest.raises(Refused, match="em1"):
        attach(ONE, bridge="em1")


def test_a_new_interface_is_made_as_asked_for() -> None:
    plan = attach(ONE, add=True, model="e1000", queues=4, filter="clean-traffic")
    (step,) = (planned.step for planned in plan.planned if isinstance(planned.step, AddInterface))
    for part in ('<model type="e1000"/>', '<driver queues="4"/>', '<filterref filter="clean-traffic"/>'):
        assert part in step.document


def test_the_one_on_nat_is_meant() -> None:
    mixed = domain("x", interface(1, "network='other'"), interface(2), interface(3, "network='host-bridge'"))
    assert moved(attach(mixed)) == [("02", "persistent")]


def test_one_on_the_nat_networks_bridge_is_meant_too() -> None:
    assert moved(attach(domain("x", interface(1, "bridge='virbr7'")))) == [("01", "persistent")]


def test_a_second_run_has_nothing_to_do() -> None:
    there = domain(
        "web", interface(1, "network='host-bridge'"), running=(live(1, "network='host-bridge' bridge='br0'"),)
    )
    for options in ({}, {"indexes": (1,)}, {"macs": (Mac("52:54:00:00:53:01"),)}):
        plan = attach(there, **options)
        assert plan.empty
        assert "web is on network host-bridge" in plan.kept[0]


@pytest.mark.parametrize("name", ["-dash", "88", "with space", "büro", "--yes"])
def test_names_like_options_and_numbers(name: str) -> None:
    odd = domain(name, interface(1))
    assert moved(plan_attach_domain(AttachSpec(domain=name), host(ONE, odd))) == [("01", "persistent")]


def test_by_uuid_but_the_name_comes_first() -> None:
    named = domain(ONE.uuid, interface(9))
    assert moved(plan_attach_domain(AttachSpec(domain=ONE.uuid.upper()), host(ONE))) != []
    assert moved(plan_attach_domain(AttachSpec(domain=ONE.uuid), host(ONE, named))) == [("09", "persistent")]


@pytest.mark.parametrize(
    ("what", "options", "error", "text"),
    [
        (TWO, {}, SpecError, "2 interfaces"),
        (TWO, {"indexes": (3,)}, SpecError, "number 3"),
        (TWO, {"macs": (Mac("52:54:00:00:53:99"),)}, SpecError, "52:54:00:00:53:99"),
        (domain("x", interface(1), interface(1)), {"macs": (Mac("52:54:00:00:53:01"),)}, SpecError, "2 interfaces"),
        (domain("x", interface(1, "network='other'")), {}, SpecError, "no interface on a NAT network"),
        (domain("x"), {}, Refused, "has no interface"),
        (domain("x", running=(STUCK,), stored=False), {"indexes": (1,)}, Refused, "direct"),
        (domain("x", interface(1, "", kind="hostdev", more="<vlan><tag id='7'/></vlan>")), NAMED, Refused, "VLAN tag"),
        (domain("x", interface(1, "port='5558'", kind="mcast")), {"indexes": (1,)}, Refused, "mcast"),
        (domain("x", interface(1, more="<virtualport type='openvswitch'/>")), {}, Refused, "openvswitch"),
    ],
)
def test_refused(what: Domain, options: dict[str, object], error: type[VmnetError], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        attach(what, **options)
    assert caught.value.hint


def test_direct_moves_while_it_is_off() -> None:
    plan = attach(domain("x", DIRECT), indexes=(1,))
    assert moved(plan) == [("03", "persistent")]
    (back,) = plan.planned[0].undo
    assert isinstance(back, MoveInterface)
    assert 'dev="em1"' in back.after


def test_unknown_domain_with_a_hint() -> None:
    with pytest.raises(SpecError) as caught:
        plan_attach_domain(AttachSpec(domain="wbe"), host(ONE))
    assert caught.value.hint == "did you mean web?"


def test_add() -> None:
    plan = attach(ONE, add=True)
    step = plan.planned[0].step
    assert isinstance(step, AddInterface)
    assert step.scopes == ("persistent", "running")
    assert step.mac.startswith("52:54:00:")
    assert plan.planned[0].undo == (
        RemoveInterface(domain="web", domain_uuid=ONE.uuid, mac=step.mac, scopes=step.scopes),
    )
    assert attach(ONE, add=True) == plan


def test_add_twice_is_once() -> None:
    mac = Mac("52:54:00:00:53:07")
    there = domain("web", interface(1), interface(7, "network='host-bridge'"))
    assert attach(there, add=True, macs=(mac,)).empty
    with pytest.raises(SpecError, match="already"):
        attach(domain("web", interface(7)), add=True, macs=(mac,))


def test_what_cannot_move_while_it_runs_moves_in_the_stored_document() -> None:
    plan = attach(domain("x", DIRECT, running=(STUCK,)), indexes=(1,))
    assert moved(plan) == [("03", "persistent")]
    (row,) = plan.rows
    assert row.scopes == ("persistent",)
    assert "power it off and on" in row.remark


def test_asked_again_it_waits_for_the_next_start_or_is_replugged() -> None:
    there = domain("x", interface(3, "network='host-bridge'"), running=(STUCK,))
    plan = attach(there, indexes=(1,))
    assert plan.empty
    assert ["x 52:54:00:00:53:03" in line and "network host-bridge" in line for line in plan.kept] == [True]
    steps = [item.step for item in attach(there, indexes=(1,), replug=True).planned]
    assert [(step.scope, step.replug) for step in steps if isinstance(step, MoveInterface)] == [("running", True)]


def test_replug_takes_it_out_and_puts_it_in() -> None:
    plan = attach(domain("x", DIRECT, running=(STUCK,)), indexes=(1,), replug=True)
    steps = [item.step for item in plan.planned if isinstance(item.step, MoveInterface)]
    assert [(step.scope, step.replug) for step in steps] == [("persistent", False), ("running", True)]
    # What libvirt can move stays plugged in.
    plan = attach(ONE, replug=True)
    assert not any(item.step.replug for item in plan.planned if isinstance(item.step, MoveInterface))
