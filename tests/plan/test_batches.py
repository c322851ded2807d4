"""migrate-from-virbr0: who goes first, how many at a time, and what becomes of the old network."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_interface

import pytest

from tests.plan.guests import domain, host, interface, live
from vmnet.errors import SpecError
from vmnet.facts import Domain, DomainState, Facts, GuestAddress, Snapshot
from vmnet.names import Mac
from vmnet.plan.domains.migrate import plan_migration
from vmnet.plan.domains.undo import plan_domain_undo
from vmnet.plan.steps import (
    BounceLinks,
    MoveInterface,
    Plan,
    ProveUnused,
    SetNetworkAutostart,
    StartNetwork,
    StopNetwork,
    WaitGuests,
)
from vmnet.spec import MigrationSpec, Retire

SPEC = MigrationSpec()


def running(name: str, number: int, **more: object) -> Domain:
    return domain(name, interface(number), running=(live(number),), **more)


def course(plan: Plan) -> list[str]:
    """The plan in short: who moves, and what lies between."""
    out: list[str] = []
    for planned in plan.planned:
        match planned.step:
            case MoveInterface(domain=name):
                out += [name] if out[-1:] != [name] else []
            case BounceLinks(links=links):
                out.append(f"bounce {' '.join(link.domain for link in links)}")
            case WaitGuests(guests=guests):
                out.append(f"prove {' '.join(guest.domain for guest in guests)}")
            case step:
                out.append(type(step).__name__)
    return out


FLEET = host(domain("a", interface(1)), running("b", 2), running("c", 3), running("d", 4))


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, ["b", "bounce b", "prove b", "a", "c", "d", "bounce c d"]),
        ({"canary": "c"}, ["c", "bounce c", "prove c", "a", "b", "d", "bounce b d"]),
        ({"canary": "a"}, ["a", "b", "c", "d", "bounce b c d"]),
        ({"no_canary": True}, ["a", "b", "c", "d", "bounce b c d"]),
        ({"bounce_s": 0}, ["b", "prove b", "a", "c", "d"]),
        ({"batch": 2}, ["b", "bounce b", "prove b", "a", "c", "bounce c", "d", "bounce d"]),
        ({"batch": 2, "pause_s": 5, "canary": "a"}, ["a", "Pause", "b", "c", "bounce b c", "Pause", "d", "bounce d"]),
        ({"only": ("b",)}, ["b", "bounce b"]),
        ({"only": ("[bc]",), "exclude": ("b*",)}, ["c", "bounce c"]),
    ],
)
def test_one_first_then_batch_after_batch(options: dict[str, object], wanted: list[str]) -> None:
    assert course(plan_migration(replace(SPEC, **options), FLEET)) == wanted  # type: ignore[arg-type]


def test_the_proof_knows_the_tap_and_the_old_addresses() -> None:
    lease = GuestAddress(mac=Mac("52:54:00:00:53:02"), interface=ip_interface("192.168.122.7/24"), origin="lease")
    plan = plan_migration(SPEC, replace(FLEET, guest_addresses=(lease,)))
    (proof,) = (planned.step for planned in plan.planned if isinstance(planned.step, WaitGuests))
    (guest,) = proof.guests
    assert (guest.tap, guest.old, proof.bridge, proof.renews) == (live(2).target, ("192.168.122.7",), "br0", True)


def test_a_paused_domain_or_one_with_its_link_down_is_no_canary() -> None:
    paused = running("a", 1, state=DomainState.PAUSED)
    down = domain("b", interface(2), running=(live(2, more="<link state='down'/>"),))
    assert course(plan_migration(SPEC, host(paused, down))) == ["a", "b"]


def test_a_canary_that_does_not_move_is_named() -> None:
    with pytest.raises(SpecError, match="canary 'x'"):
        plan_migration(replace(SPEC, canary="x"), FLEET)


def test_a_pattern_that_fits_nothing_is_named_and_a_name_is_no_pattern() -> None:
    with pytest.raises(SpecError, match="no domain called 'x\\*'"):
        plan_migration(replace(SPEC, only=("x*",)), FLEET)
    odd = host(domain("[a]", interface(1)), domain("a", interface(2)))
    assert course(plan_migration(replace(SPEC, only=("[a]",)), odd)) == ["[a]"]


def test_guests_with_a_static_address_can_be_left_out() -> None:
    agent = GuestAddress(mac=Mac("52:54:00:00:53:02"), interface=ip_interface("192.168.122.7/24"), origin="agent")
    plan = plan_migration(replace(SPEC, skip_static=True), replace(FLEET, guest_addresses=(agent,)))
    assert "b" not in course(plan)
    assert any("b stays" in warning for warning in plan.warnings)


def retiring(retire: Retire, facts: Facts) -> Plan:
    return plan_migration(replace(SPEC, retire=retire, no_canary=True, bounce_s=0), facts)


def test_the_old_network_is_retired_when_nothing_is_left_on_it() -> None:
    assert course(retiring(Retire.AUTOSTART, FLEET))[-2:] == ["ProveUnused", "SetNetworkAutostart"]
    plan = retiring(Retire.STOP, FLEET)
    prove, off, stop = plan.planned[-3:]
    assert prove.step == ProveUnused(network="default", bridge="virbr7")
    assert off.step == SetNetworkAutostart(name="default", autostart=False)
    assert off.undo == (SetNetworkAutostart(name="default", autostart=True),)
    assert stop.step == StopNetwork(name="default")
    assert stop.undo == (StartNetwork(name="default"),)


def test_it_is_left_alone_while_something_needs_it() -> None:
    old = Snapshot(name="s", current=True, interfaces=(interface(9, more="<virtualport type='openvswitch'/>"),))
    facts = host(running("b", 2), domain("x", interface(8, "network='host-bridge'"), snapshots=(old,)))
    plan = retiring(Retire.STOP, facts)
    assert "ProveUnused" not in course(plan)
    assert any("network default" in text and "x (snapshot s)" in text for text in plan.warnings)


def test_what_is_left_of_a_migration_can_be_retired_later() -> None:
    facts = host(domain("x", interface(8, "network='host-bridge'")))
    assert course(retiring(Retire.AUTOSTART, facts)) == ["ProveUnused", "SetNetworkAutostart"]


def test_another_mtu_is_told_of() -> None:
    facts = host(running("a", 1), domain("b", interface(2)))
    tap = replace(facts.links[0], ifname="vnet1", mtu=1500)
    bridge = replace(facts.link("br0") or facts.links[0], mtu=9000)
    others = tuple(link for link in facts.links if link.ifname != "br0")
    rows = plan_migration(SPEC, replace(facts, links=(*others, bridge, tap))).rows
    assert ["MTU 9000 instead of 1500" in row.remark for row in rows] == [True, False]


def test_a_hypervisor_elsewhere_is_not_judged_by_the_links_here() -> None:
    far = replace(FLEET, hypervisor_elsewhere=True, links=())
    plan = plan_migration(SPEC, far)
    assert course(plan) == ["a", "b", "c", "d", "bounce b c d"]
    assert len(plan.warnings) == len(plan_migration(SPEC, FLEET).warnings) + 1
    agent = replace(far, domains=(*far.domains[:2], replace(far.domains[2], agent=True), far.domains[3]))
    assert course(plan_migration(SPEC, agent))[:3] == ["c", "bounce c", "prove c"]


def test_a_failure_leaves_what_was_done_unless_it_is_to_be_undone() -> None:
    assert plan_migration(SPEC, FLEET).keeps
    assert not plan_migration(replace(SPEC, undo_on_failure=True), FLEET).keeps


def test_agents_are_asked_where_there_are_some() -> None:
    talks = domain("talks", interface(1), running=(live(1),), agent=True)
    mute = domain("mute", interface(2), running=(live(2),))
    plan = plan_migration(MigrationSpec(by_agent=True, no_canary=True), host(talks, mute))
    (bounce,) = (item.step for item in plan.planned if isinstance(item.step, BounceLinks))
    assert [(link.domain, link.agent) for link in bounce.links] == [("talks", True), ("mute", False)]
    assert [("agent" in row.remark, "8 s" in row.remark) for row in plan.rows] == [(True, True), (False, True)]
    back = plan_domain_undo(plan.planned, host(on_the_bridge(talks), on_the_bridge(mute)))
    (bounce,) = (item.step for item in back.planned if isinstance(item.step, BounceLinks))
    assert {(link.domain, link.agent) for link in bounce.links} == {("talks", True), ("mute", False)}
    only = plan_migration(MigrationSpec(by_agent=True, no_canary=True, bounce_s=0), host(talks, mute))
    (bounce,) = (item.step for item in only.planned if isinstance(item.step, BounceLinks))
    assert [link.domain for link in bounce.links] == ["talks"]


def on_the_bridge(there: Domain) -> Domain:
    number = int(str(there.persistent[0].mac)[-2:])
    source = "network='host-bridge'"
    return replace(there, persistent=(interface(number, source),), running=(live(number, f"{source} bridge='br0'"),))
