"""What is asked for on the LAN before the first step, and where."""

from __future__ import annotations

from dataclasses import replace

from tests.facts_samples import end_state, goal
from tests.plan.hosts import ADDRESS, REQUESTED, bare_host, routed_host
from tests.specs import host_spec
from vmnet.facts import Facts
from vmnet.plan.host.setup import plan_host_setup
from vmnet.runs.asking import find_duplicates, new_addresses, ways_out
from vmnet.spec import BridgeSpec

SPEC = host_spec(nics=("em1", "em2"), address=REQUESTED)


def aim(facts: Facts) -> BridgeSpec:
    found = plan_host_setup(SPEC, facts).goals[0]
    assert found is not None
    return found


def test_new_addresses_are_asked_for() -> None:
    assert new_addresses(aim(bare_host()), bare_host()) == (ADDRESS.ip,)
    assert new_addresses(aim(routed_host()), routed_host()) == ()


def test_on_nics_with_carrier_or_on_the_bridge() -> None:
    facts = bare_host()
    assert [link.ifname for link in ways_out(aim(facts), facts)] == ["em1", "em2"]
    dark = replace(facts, links=tuple(replace(x, carrier=x.ifname != "em1") for x in facts.links))
    assert [link.ifname for link in ways_out(aim(facts), dark)] == ["em2"]
    assert [link.ifname for link in ways_out(goal(), end_state())] == ["br0"]


def test_nothing_is_sent_for_nothing_new_or_without_root() -> None:
    facts = routed_host()
    assert find_duplicates(plan_host_setup(SPEC, facts), facts) is facts
    nobody = replace(bare_host(), root=False)
    assert find_duplicates(plan_host_setup(SPEC, nobody), nobody) is nobody
