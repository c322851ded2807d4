"""Records to JSON and back."""

from __future__ import annotations

import ipaddress
import json
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.specs import host_spec
from vmnet import fields
from vmnet.errors import SpecError
from vmnet.facts import Facts, Source
from vmnet.names import Mac
from vmnet.plan import steps
from vmnet.spec import BondMode, BridgeSpec, HostSpec

PLAN = steps.Plan(
    command="host-setup",
    planned=(
        steps.Planned(
            step=steps.AddProfile(uuid="u", name="br0", type="bridge", ifname="br0", settings=(("a", "b"),)),
            why="because",
            undo=(steps.DeleteProfile(uuid="u", name="br0"),),
        ),
        steps.Planned(
            step=steps.WaitAddress(ifname="br0", addresses=(ipaddress.ip_interface("192.0.2.3/24"),), timeout_s=5),
            why="it must be there",
        ),
        steps.Planned(
            step=steps.WaitNeighbour(ifname="br0", address=ipaddress.ip_address("2001:db8::1"), timeout_s=5), why="gw"
        ),
        steps.Planned(
            step=steps.MoveInterface(
                domain="web 01",
                domain_uuid="d",
                scope="running",
                mac=Mac("00:00:5e:00:53:01"),
                address=None,
                was=Source(type="network", network="default"),
                wanted=Source(type="bridge", bridge="br0"),
                document="<a/>",
            ),
            why="move",
        ),
    ),
    kept=("x",),
    goals=(BridgeSpec(mac=Mac("00:00:5e:00:53:01"), nics=("em1",), bond=None),),
)


def through_json(value: object) -> Any:
    return json.loads(json.dumps(fields.encode(value)))


def test_a_plan_survives() -> None:
    assert fields.decode(steps.Plan, through_json(PLAN)) == PLAN


def test_specs_and_facts_survive() -> None:
    spec = host_spec(nics=("em1",))
    assert fields.decode(HostSpec, through_json(spec)) == spec
    facts = Facts(hostname="h", machine_id="m", root=True)
    assert fields.decode(Facts, through_json(facts)) == facts


def test_an_older_document_lacks_new_keys() -> None:
    raw = through_json(PLAN)
    del raw["undoes"]
    assert fields.decode(steps.Plan, raw) == PLAN


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("planned", 0, "step", "uuid"), 3, "planned[0].step.uuid: text expected"),
        (("planned", 0, "step", "kind"), "Nonsense", "unknown kind 'Nonsense'"),
        (("planned", 1, "step", "timeout_s"), True, "number expected"),
        (("planned", 1, "step", "addresses"), ["nonsense"], "addresses[0]"),
        (("planned",), "x", "a list expected"),
        (("goals",), [1], "an object expected"),
    ],
)
def test_a_wrong_value_is_named_by_its_place(path: tuple[Any, ...], value: object, said: str) -> None:
    raw = through_json(PLAN)
    place = raw
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(SpecError) as caught:
        fields.decode(steps.Plan, raw)
    assert said in caught.value.message


def test_missing_and_unknown_keys_are_named() -> None:
    raw = through_json(PLAN)
    del raw["command"]
    with pytest.raises(SpecError, match="'command' is missing"):
        fields.decode(steps.Plan, raw)
    raw = through_json(replace(PLAN))
    raw["colour"] = 1
    with pytest.raises(SpecError, match="unknown key 'colour'"):
        fields.decode(steps.Plan, raw)


def test_an_enum_must_be_one_of_its_values() -> None:
    @dataclass(frozen=True)
    class Holder:
        mode: BondMode

    Holder.__annotations__["mode"] = BondMode
    assert fields.decode(Holder, {"mode": "802.3ad"}).mode is BondMode.LACP
    with pytest.raises(SpecError, match=r"document\.mode"):
        fields.decode(Holder, {"mode": "best"})


def test_what_has_no_json_form_is_a_bug() -> None:
    with pytest.raises(TypeError):
        fields.encode(object())
