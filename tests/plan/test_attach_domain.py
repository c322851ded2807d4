"""attach-domain: which interface is meant, what is refused, adding one."""

from __future__ import annotations

import pytest

from tests.plan.guests import domain, host, interface, live
from vmnet.errors import Refused, SpecError, VmnetError
from vmnet.facts import Domain
from vmnet.names import Mac
from vmnet.plan.attach_domain import plan_attach_domain
from vmnet.plan.steps import AddInterface, BounceLinks, MoveInterface, Plan, RemoveInterface
from vmnet.spec import AttachSpec

ONE = domain("web", interface(1), running=(live(1),))
TWO = domain("db", interface(1), interface(2), running=(live(1), live(2)))
DIRECT = interface(3, "dev='em1' mode='bridge'", kind="direct")


def attach(what: Domain, **options: object) -> Plan:
    return plan_attach_domain(AttachSpec(domain=what.name, **options), host(what))  # type: ignore[arg-type]


def moved(plan: Plan) -> list[tuple[str, str]]:
    steps = (planned.step for planned in plan.planned)
    return [(step.mac[-2:], step.scope) for step in steps if isinstance(step, MoveInterface)]


def test_the_only_interface_moves_in_both_documents() -> None:
    plan = attach(ONE)
    assert moved(plan) == [("01", "persistent"), ("01", "running")]
    assert isinstance(plan.planned[-1].step, BounceLinks)


@pytest.mark.parametrize("options", [{"mac": Mac("52:54:00:00:53:02")}, {"index": 2}])
def test_one_of_several(options: dict[str, object]) -> None:
    assert moved(attach(TWO, **options)) == [("02", "persistent"), ("02", "running")]


def test_the_one_on_nat_is_meant() -> None:
    mixed = domain("x", interface(1, "network='other'"), interface(2), interface(3, "network='host-bridge'"))
    assert moved(attach(mixed)) == [("02", "persistent")]


def test_one_on_the_nat_networks_bridge_is_meant_too() -> None:
    assert moved(attach(domain("x", interface(1, "bridge='virbr7'")))) == [("01", "persistent")]


def test_a_second_run_has_nothing_to_do() -> None:
    there = domain(
        "web", interface(1, "network='host-bridge'"), running=(live(1, "network='host-bridge' bridge='br0'"),)
    )
    for options in ({}, {"index": 1}, {"mac": Mac("52:54:00:00:53:01")}):
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
        (TWO, {}, SpecError, "2 interfaces that could be meant"),
        (TWO, {"index": 3}, SpecError, "no interface number 3"),
        (TWO, {"mac": Mac("52:54:00:00:53:99")}, SpecError, "no interface 52:54:00:00:53:99"),
        (domain("x", interface(1), interface(1)), {"mac": Mac("52:54:00:00:53:01")}, SpecError, "2 interfaces"),
        (domain("x", interface(1, "network='other'")), {}, SpecError, "no interface on a NAT network"),
        (domain("x"), {}, Refused, "has no interface"),
        (domain("x", DIRECT, running=(live(3, "dev='em1'", kind="direct"),)), {"index": 1}, Refused, "while it runs"),
        (domain("x", interface(1, "dev='x'", kind="hostdev")), {"index": 1}, Refused, "is a device"),
        (domain("x", interface(1, more="<virtualport type='openvswitch'/>")), {}, Refused, "openvswitch"),
    ],
)
def test_refused(what: Domain, options: dict[str, object], error: type[VmnetError], text: str) -> None:
    with pytest.raises(error, match=text) as caught:
        attach(what, **options)
    assert caught.value.hint


def test_direct_moves_while_it_is_off() -> None:
    plan = attach(domain("x", DIRECT), index=1)
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
    assert attach(there, add=True, mac=mac).empty
    with pytest.raises(SpecError, match="already"):
        attach(domain("web", interface(7)), add=True, mac=mac)
