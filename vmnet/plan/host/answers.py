"""Probes: what answers before a change must answer after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.facts import ProbeKind
from vmnet.plan import steps
from vmnet.plan.steps import Planned

if TYPE_CHECKING:
    from vmnet.facts import Facts
    from vmnet.plan.host.build import Build
    from vmnet.spec import HostSpec

ANSWER_S = 30
STP_S = 30
"""Listening and learning, 15 s each, before a port of a bridge with STP forwards (IEEE 802.1D 8.4)."""
_MAX_CONFIRM_S = 3600


def check_probes(spec: HostSpec, facts: Facts) -> None:
    """Raise Refused if a probe of the admin already fails before the change."""
    for answer in facts.answers:
        if answer.probe.kind is ProbeKind.COMMAND and not answer.ok:
            raise Refused(
                f"the probe {answer.probe.target!r} fails already before the change: {answer.problem}",
                "correct the command, or leave that --probe out",
            )
    if spec.confirm_s is not None and not 10 <= spec.confirm_s <= _MAX_CONFIRM_S:
        raise SpecError(f"{spec.confirm_s} s for --confirm is out of range", f"use 10 to {_MAX_CONFIRM_S} seconds")


def prove_answers(build: Build) -> list[Planned]:
    """Return the steps that wait for what answered before, and for the admin's confirmation where that is requested.

    The gateway has a step of its own, which asks it through the bridge.
    """
    seconds = ANSWER_S + (STP_S if build.spec.bridge.stp else 0)
    planned = [
        Planned(step=steps.WaitAnswer(probe=answer.probe, timeout_s=seconds), why=_why(answer.probe.kind))
        for answer in build.facts.answers
        if answer.ok and answer.probe.kind is not ProbeKind.GATEWAY
    ]
    if build.spec.confirm_s is not None:
        step = steps.WaitConfirmation(timeout_s=build.spec.confirm_s)
        planned.append(Planned(step=step, why="sudo vmnet confirm, run from a new connection, keeps the change"))
    return planned


def _why(kind: ProbeKind) -> str:
    return "it answered before the change" if kind is not ProbeKind.COMMAND else "your own probe"


def silent_gateways(build: Build) -> set[str]:
    """Return the adopted gateways that do not answer now: a wait for them would fail a change that works."""
    if build.spec.address is not None:
        return set()
    answers = build.facts.answers
    return {a.probe.target for a in answers if a.probe.kind is ProbeKind.GATEWAY and not a.ok}


def probe_words(facts: Facts) -> tuple[str, ...]:
    """Return a line for each probe: what it is, and whether it counts."""
    return tuple(
        f"{answer.probe}: {'answers now and must answer after' if answer.ok else f'not used, {answer.problem}'}"
        for answer in facts.answers
    )
