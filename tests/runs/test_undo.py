"""The way back, planned days later: what others have changed since is not lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.plan.hosts import ADDRESS, addressed_by_a_bond, addressed_host
from tests.plan.standing import after, as_set_up
from tests.plan.test_host_setup import ADOPT
from tests.plan.test_second_bridge import SECOND, with_two_more
from tests.runs.test_run import FACTS, PLAN, RecordingExecutor
from tests.specs import host_spec
from vmnet.errors import Refused, VmnetError
from vmnet.facts import Answer, Probe, ProbeKind
from vmnet.host.networkmanager.profile_files import read_saved
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.runs.carry_out import carry_out
from vmnet.runs.records.journal import Journal, list_runs
from vmnet.runs.undo import last_goals, plan_undo
from vmnet.runs.undo_script import undo_script
from vmnet.spec import BondMode, BondSpec

if TYPE_CHECKING:
    from pathlib import Path

    from vmnet.facts import Facts
    from vmnet.spec import HostSpec

AFTER = "[connection]\nid=a\nuuid=a\n\n[ipv4]\nmethod=auto"


def finished(runs: Path) -> Journal:
    journal = Journal.create(PLAN, FACTS, runs)
    carry_out(PLAN, RecordingExecutor(), journal, lambda _: None)
    journal.keep_after({"a": AFTER})
    return journal


@pytest.mark.parametrize("saved", [{"a": AFTER}, {}, {"a": AFTER, "other": "x"}])
def test_what_the_run_left_is_taken_back(tmp_path: Path, saved: dict[str, str]) -> None:
    journal = finished(tmp_path)
    plan = plan_undo(FACTS, runs=tmp_path, saved=saved)
    assert plan.undoes == journal.run
    assert len(plan.planned) == 5


def test_what_others_have_changed_since_is_refused_without_its_values(tmp_path: Path) -> None:
    journal = finished(tmp_path)
    changed = AFTER.replace("auto", "manual") + "\npassword=secret"
    with pytest.raises(Refused, match=r"profile a was changed since run .*: method, password$") as caught:
        plan_undo(FACTS, runs=tmp_path, saved={"a": changed})
    assert f"sh {journal.directory}/undo.sh" in caught.value.hint
    assert "secret" not in caught.value.message + caught.value.hint


def test_a_run_of_an_earlier_vmnet_kept_nothing_to_compare(tmp_path: Path) -> None:
    journal = finished(tmp_path)
    (journal.directory / "after.json").unlink()
    assert plan_undo(FACTS, runs=tmp_path, saved={"a": "all else"}).planned


def test_saved_profiles_are_read_without_what_changes_by_itself(tmp_path: Path) -> None:
    (tmp_path / "a.nmconnection").write_text(f"{AFTER}\n".replace("id=a\n", "id=a\ntimestamp=1795378959\n"))
    (tmp_path / "empty.nmconnection").write_text("")
    assert read_saved(tmp_path) == {"a": AFTER}
    assert read_saved(tmp_path / "none") == {}


def test_an_undo_that_fails_sets_aside_again_what_it_had_given_back(tmp_path: Path) -> None:
    facts = addressed_host(ipv6__method="auto")
    plan = plan_host_setup(ADOPT, facts)
    carry_out(plan, RecordingExecutor(), Journal.create(plan, facts, tmp_path), lambda _: None)
    back = plan_undo(facts, runs=tmp_path, saved={})
    (given_back,) = (p for p in back.planned if isinstance(p.step, steps.RestoreProfile))
    (set_aside,) = given_back.undo
    assert isinstance(set_aside, steps.ModifyProfile)
    assert dict(set_aside.settings)["connection.autoconnect"] == "no"
    (taken,) = (p for p in back.planned if isinstance(p.step, steps.ModifyProfile))
    again, reapplied = taken.undo
    assert isinstance(again, steps.ModifyProfile)
    assert dict(again.settings)["ipv6.method"] == "auto"
    assert again.save
    assert reapplied == steps.ReapplyDevice(ifname="br0")


def test_no_way_back_of_a_bridge_that_stands_makes_it_anew(tmp_path: Path) -> None:
    """NetworkManager's checkpoint would, and each guest's tap would leave it: seen with 300 of them."""
    facts = as_set_up(ADOPT)
    plan = plan_host_setup(host_spec(ADOPT, mtu=1400), facts)
    assert plan.planned[0].step == steps.OpenCheckpoint(timeout_s=60, last_resort=True)
    carry_out(plan, RecordingExecutor(), Journal.create(plan, facts, tmp_path), lambda _: None)
    opening, *back, commit = plan_undo(facts, runs=tmp_path, saved={}).planned
    assert opening.step == steps.OpenCheckpoint(timeout_s=90, last_resort=True)
    assert isinstance(commit.step, steps.CommitCheckpoint)
    assert [type(planned.step) for planned in back] == [steps.RestoreProfile, steps.ReapplyDevice, steps.SetMtu] * 4
    modified = [p.step for p in plan.planned if isinstance(p.step, steps.ModifyProfile)]
    reapplied = [p for p in back if isinstance(p.step, steps.ReapplyDevice)]
    assert [p.undo for p in reapplied] == [
        (step, p.step) for step, p in zip(reversed(modified), reapplied, strict=True)
    ]


def test_an_mtu_that_no_profile_names_comes_back_too(tmp_path: Path) -> None:
    """To reapply a profile without an MTU leaves the link with the one it has."""
    facts = as_set_up(ADOPT)
    plan = plan_host_setup(host_spec(ADOPT, mtu=1400), facts)
    carry_out(plan, RecordingExecutor(), Journal.create(plan, facts, tmp_path), lambda _: None)
    back = [planned.step for planned in plan_undo(facts, runs=tmp_path, saved={}).planned]
    set_back = [step for step in back if isinstance(step, steps.SetMtu)]
    assert {(step.ifname, step.mtu) for step in set_back} == {(name, 1500) for name in ("br0", "bond0", "em1", "em2")}
    assert all(back[back.index(step) - 1] == steps.ReapplyDevice(ifname=step.ifname) for step in set_back)


def test_only_what_mends_keeps_the_checkpoint_for_the_last_resort(tmp_path: Path) -> None:
    facts = addressed_host()
    plan = plan_host_setup(ADOPT, facts)
    assert plan.planned[0].step == steps.OpenCheckpoint(timeout_s=60)
    carry_out(plan, RecordingExecutor(), Journal.create(plan, facts, tmp_path), lambda _: None)
    assert plan_undo(facts, runs=tmp_path, saved={}).planned[0].step == steps.OpenCheckpoint(timeout_s=90)


def test_a_lease_is_waited_for_when_the_bridge_has_gone(tmp_path: Path) -> None:
    facts = addressed_host(ipv4__method="auto", ipv4__addresses="", ipv4__gateway="")
    plan = plan_host_setup(ADOPT, facts)
    carry_out(plan, RecordingExecutor(), Journal.create(plan, facts, tmp_path), lambda _: None)
    back = [planned.step for planned in plan_undo(facts, runs=tmp_path, saved={}).planned]
    assert [step.wait for step in back if isinstance(step, steps.ActivateProfile)] == [False]
    wait, commit = back[-2:]
    assert isinstance(wait, steps.WaitAddress)
    assert wait.addresses == (ADDRESS,)
    assert isinstance(commit, steps.CommitCheckpoint)
    assert f"\nback_again em1 60 {ADDRESS}\n" in undo_script(plan, "run", (), facts)


@pytest.mark.parametrize("method", ["manual", "auto"])
def test_a_port_of_an_old_bond_comes_back_before_the_bridge_goes(tmp_path: Path, method: str) -> None:
    facts = addressed_by_a_bond(method)
    plan = plan_host_setup(host_spec(ADOPT, bond=BondSpec(ifname="bond1")), facts)
    carry_out(plan, RecordingExecutor(), Journal.create(plan, facts, tmp_path), lambda _: None)
    back = [planned.step for planned in plan_undo(facts, runs=tmp_path, saved={}).planned]
    (wait,) = (i for i, step in enumerate(back) if isinstance(step, steps.WaitAddress) and step.ifname == "bond0")
    first = min(i for i, step in enumerate(back) if isinstance(step, steps.ActivateProfile))
    bridge = max(i for i, step in enumerate(back) if isinstance(step, steps.DeleteProfile))
    # A lease may come only when the bridge has gone.
    assert (first < wait < bridge) is (method == "manual")
    assert (bridge < wait) is (method == "auto")


def test_the_old_nic_has_address_and_way_again_before_any_other_leaves_the_bridge(tmp_path: Path) -> None:
    facts = addressed_host()
    plan = plan_host_setup(ADOPT, facts)
    carry_out(plan, RecordingExecutor(), Journal.create(plan, facts, tmp_path), lambda _: None)
    back = [planned.step for planned in plan_undo(facts, runs=tmp_path, saved={}).planned]
    (first,) = (i for i, step in enumerate(back) if isinstance(step, steps.ActivateProfile))
    (wait,) = (i for i, step in enumerate(back) if isinstance(step, steps.WaitAddress))
    (win,) = (i for i, step in enumerate(back) if isinstance(step, steps.AddRoutes))
    waited, won = back[wait], back[win]
    assert isinstance(waited, steps.WaitAddress)
    assert isinstance(won, steps.AddRoutes)
    assert (waited.ifname, waited.addresses) == ("em1", (ADDRESS,))
    assert {(route.ifname, route.metric) for route in won.routes} == {("em1", 98)}
    assert first < wait < win < min(i for i, step in enumerate(back) if isinstance(step, steps.DeleteProfile))
    assert back[-2:] == [steps.RemoveRoutes(routes=won.routes), steps.CommitCheckpoint()]
    script = undo_script(plan, "run", (), facts)
    assert script.index("ip route replace default") < script.index("\ndelete ") < script.index("\nip route delete")


GATEWAY_PROBE = Probe(kind=ProbeKind.GATEWAY, target="192.0.2.1")
DNS_PROBE = Probe(kind=ProbeKind.DNS, target="192.0.2.53")


def answered(facts: Facts, *probes: Probe, silent: tuple[Probe, ...] = ()) -> Facts:
    answers = (*(Answer(probe=p) for p in probes), *(Answer(probe=p, problem="no answer") for p in silent))
    return replace(facts, answers=answers)


def undo_after(runs: Path, spec: HostSpec, before: Facts, now: Facts) -> list[steps.Step]:
    plan = plan_host_setup(spec, before)
    carry_out(plan, RecordingExecutor(), Journal.create(plan, before, runs), lambda _: None)
    return [planned.step for planned in plan_undo(now, runs=runs, saved={}).planned]


def test_an_undo_ends_with_what_answered_before_answering_again(tmp_path: Path) -> None:
    before = answered(addressed_host(), GATEWAY_PROBE, DNS_PROBE)
    *_, gateway, dns, commit = undo_after(tmp_path, ADOPT, before, before)
    # At the slow rate a switch forgets LACP after 93 s.
    assert gateway == steps.WaitAnswer(probe=GATEWAY_PROBE, timeout_s=125, others=("em2",))
    assert dns == steps.WaitAnswer(probe=DNS_PROBE, timeout_s=30)
    assert isinstance(commit, steps.CommitCheckpoint)


@pytest.mark.parametrize(
    ("spec", "seconds", "others"),
    [
        (host_spec(ADOPT, bond=BondSpec(mode=BondMode.ACTIVE_BACKUP)), 30, ("em2",)),
        (host_spec(ADOPT, nics=("em1",), bond=None), 30, ()),
    ],
)
def test_without_lacp_no_switch_has_to_forget_it(
    tmp_path: Path, spec: HostSpec, seconds: int, others: tuple[str, ...]
) -> None:
    before = answered(addressed_host(), GATEWAY_PROBE)
    gateway = undo_after(tmp_path, spec, before, before)[-2]
    assert gateway == steps.WaitAnswer(probe=GATEWAY_PROBE, timeout_s=seconds, others=others)


def test_what_has_gone_since_is_not_waited_for(tmp_path: Path) -> None:
    before = answered(addressed_host(), GATEWAY_PROBE, DNS_PROBE)
    now = answered(before, GATEWAY_PROBE, silent=(DNS_PROBE,))
    asked = [step for step in undo_after(tmp_path, ADOPT, before, now) if isinstance(step, steps.WaitAnswer)]
    assert [step.probe for step in asked] == [GATEWAY_PROBE]


def test_what_was_silent_before_the_run_need_not_answer_after_it(tmp_path: Path) -> None:
    before = answered(addressed_host(), DNS_PROBE, silent=(GATEWAY_PROBE,))
    now = answered(before, DNS_PROBE, GATEWAY_PROBE)
    asked = [step for step in undo_after(tmp_path, ADOPT, before, now) if isinstance(step, steps.WaitAnswer)]
    assert [step.probe for step in asked] == [DNS_PROBE]


def test_the_old_nic_leaves_a_lacp_bond_last_where_the_bond_says_so(tmp_path: Path) -> None:
    """Which is it, the bond says when the time has come: a boot changes it."""
    plan = plan_host_setup(ADOPT, addressed_host())
    port = dict(plan.goals[0].profiles)["em2"]
    back = undo_after(tmp_path, ADOPT, addressed_host(), addressed_host())
    (at,) = (index for index, step in enumerate(back) if isinstance(step, steps.LeaveLast))
    assert back[at] == steps.LeaveLast(bond="bond0", ifname="em1", others=(("em2", port),), seconds=2)
    assert isinstance(back[at + 1], steps.ActivateProfile)
    assert "\nleave_last bond0 em1 2 em2 " in undo_script(plan, "run", (), addressed_host())


@pytest.mark.parametrize(
    "spec", [host_spec(ADOPT, bond=BondSpec(mode=BondMode.ACTIVE_BACKUP)), host_spec(ADOPT, nics=("em1",), bond=None)]
)
def test_without_lacp_the_order_is_nobodys_concern(tmp_path: Path, spec: HostSpec) -> None:
    back = undo_after(tmp_path, spec, addressed_host(), addressed_host())
    assert not any(isinstance(step, steps.LeaveLast) for step in back)


def test_after_an_undo_that_led_nowhere_the_ports_leave_in_the_other_order(tmp_path: Path) -> None:
    before = answered(addressed_host(), GATEWAY_PROBE)
    undo_after(tmp_path, ADOPT, before, before)
    turned = list[bool]()
    for silent in ("192.0.2.1", "", "192.0.2.1"):
        back = plan_undo(before, runs=tmp_path, saved={})
        turned += [planned.step.turned for planned in back.planned if isinstance(planned.step, steps.LeaveLast)]
        # The second one fails too, at its first step: that says nothing of the order.
        executor = RecordingExecutor(silent_after=silent, undo_fails="" if silent else "OpenCheckpoint")
        with pytest.raises(VmnetError):
            carry_out(back, executor, Journal.create(back, before, tmp_path), lambda _: None)
    assert turned == [False, True, True]


def carried_out(runs: Path, spec: HostSpec, facts: Facts) -> Facts:
    """Carry out a host-setup in the journals, and return the host after it."""
    plan = plan_host_setup(spec, facts)
    carry_out(plan, RecordingExecutor(), Journal.create(plan, facts, runs), lambda _: None)
    return after(plan, facts)


def test_runs_that_share_nothing_are_undone_in_any_order(tmp_path: Path) -> None:
    facts = carried_out(tmp_path, SECOND, carried_out(tmp_path, ADOPT, with_two_more(addressed_host())))
    first, second = list_runs(tmp_path)
    assert [goal.ifname for goal in last_goals(tmp_path)] == ["br0", "br1"]
    links = {s.ifname for p in plan_undo(facts, first.run, runs=tmp_path, saved={}).planned if (s := link_of(p.step))}
    assert not links & {"br1", "bond1", "em3", "em4"}
    assert plan_undo(facts, second.run, runs=tmp_path, saved={}).undoes == second.run


def link_of(step: steps.Step) -> steps.ActivateProfile | steps.DisconnectDevice | None:
    return step if isinstance(step, steps.ActivateProfile | steps.DisconnectDevice) else None


def test_a_run_on_the_links_of_an_earlier_one_is_undone_first(tmp_path: Path) -> None:
    facts = carried_out(tmp_path, ADOPT, addressed_host())
    facts = carried_out(tmp_path, host_spec(ADOPT, mtu=1400), facts)
    first, second = list_runs(tmp_path)
    assert [goal.mtu for goal in last_goals(tmp_path)] == [1400]
    with pytest.raises(Refused, match=second.run):
        plan_undo(facts, first.run, runs=tmp_path, saved={})
