"""What answers before must answer after; what does not proves nothing, and is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan import hosts
from tests.specs import host_spec
from vmnet.errors import Refused, SpecError
from vmnet.facts import Answer, Facts, Probe, ProbeKind
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import Plan

NICS = ("em1", "em2")
GATEWAY = Probe(kind=ProbeKind.GATEWAY, target=str(hosts.GATEWAY))
DNS = Probe(kind=ProbeKind.DNS, target=str(hosts.DNS))
PEER = Probe(kind=ProbeKind.SSH_PEER, target="192.0.2.77")
COMMAND = Probe(kind=ProbeKind.COMMAND, target="curl -sf https://intra.example.org")

ALL = (GATEWAY, DNS, PEER, COMMAND)


def host(*answers: Answer) -> Facts:
    return replace(hosts.routed_host(), answers=answers)


def answered(*probes: Probe) -> tuple[Answer, ...]:
    return tuple(Answer(probe=probe) for probe in probes)


def silent(*probes: Probe) -> tuple[Answer, ...]:
    return tuple(Answer(probe=probe, problem="no answer") for probe in probes)


def waited_for(plan: Plan) -> list[Probe]:
    return [planned.step.probe for planned in plan.planned if isinstance(planned.step, steps.WaitAnswer)]


def test_what_answers_is_waited_for_before_anything_is_saved() -> None:
    plan = plan_host_setup(host_spec(nics=NICS), host(*answered(*ALL)))
    assert waited_for(plan) == [DNS, PEER, COMMAND]
    kinds = [planned.step for planned in plan.planned]
    first_save = next(i for i, s in enumerate(kinds) if isinstance(s, steps.ModifyProfile) and s.save)
    assert max(i for i, s in enumerate(kinds) if isinstance(s, steps.WaitAnswer)) < first_save
    assert [line.split(": ")[0] for line in plan.choices if "answers now" in line] == [str(p) for p in ALL]


def test_what_is_silent_proves_nothing_and_is_said() -> None:
    plan = plan_host_setup(host_spec(nics=NICS), host(*silent(GATEWAY, DNS, PEER)))
    assert waited_for(plan) == []
    assert not any(isinstance(planned.step, steps.WaitNeighbour) for planned in plan.planned)
    assert [line for line in plan.choices if str(PEER) in line and "no answer" in line]


def test_a_gateway_that_is_asked_for_must_answer() -> None:
    spec = host_spec(nics=NICS, address=hosts.REQUESTED)
    plan = plan_host_setup(spec, host(*silent(GATEWAY)))
    assert any(isinstance(planned.step, steps.WaitNeighbour) for planned in plan.planned)


def test_a_probe_of_the_admins_own_that_fails_before_is_refused() -> None:
    with pytest.raises(Refused, match="no answer"):
        plan_host_setup(host_spec(nics=NICS), host(*silent(COMMAND)))


def test_stp_gets_its_time() -> None:
    plan = plan_host_setup(host_spec(nics=NICS, options=(("stp", "yes"),)), host(*answered(DNS)))
    waits = [planned.step for planned in plan.planned if isinstance(planned.step, steps.WaitAnswer)]
    assert waits[0].timeout_s == 60


def test_confirmation_is_the_last_thing_before_saving() -> None:
    plan = plan_host_setup(host_spec(nics=NICS, confirm_s=120), host(*answered(DNS)))
    kinds = [type(planned.step) for planned in plan.planned]
    assert kinds.index(steps.WaitConfirmation) == kinds.index(steps.WaitAnswer) + 1


@pytest.mark.parametrize("seconds", [0, 9, 3601])
def test_a_confirmation_has_a_sensible_time(seconds: int) -> None:
    with pytest.raises(SpecError, match="out of range"):
        plan_host_setup(host_spec(nics=NICS, confirm_s=seconds), host())
