"""Golden cases: facts as they were read on a lab host, a spec, and the plan that must follow, as text.

Each directory of `cases/` holds `facts.json` (from tests/plan/record.py on the host), `spec.json` and `plan.txt`;
`pytest --regenerate` writes the plans anew.
"""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from vmnet import fields
from vmnet.errors import VmnetError
from vmnet.facts import Facts
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import Plan
from vmnet.spec import HostSpec

CASES = Path(__file__).parent / "cases"
NAMES = sorted(path.parent.name for path in CASES.glob("*/spec.json"))


def read(path: Path, kind: type[Facts | HostSpec]) -> Facts | HostSpec:
    return fields.decode(kind, json.loads(path.read_text("utf-8")), path.name)


def told(plan: Plan) -> str:
    lines = [*plan.choices, *(f"warning: {text}" for text in plan.warnings), *(f"kept: {text}" for text in plan.kept)]
    for planned in plan.planned:
        step = type(planned.step).__name__
        shown = [shlex.join(argv) for argv in planned.step.commands()] or [json.dumps(fields.encode(planned.step))]
        lines += [f"{step}: {planned.why}", *(f"    {text}" for text in shown)]
        lines += [f"    undo: {json.dumps(fields.encode(undo))}" for undo in planned.undo]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_is_the_same(name: str, regenerate: bool) -> None:
    facts, spec = read(CASES / name / "facts.json", Facts), read(CASES / name / "spec.json", HostSpec)
    assert isinstance(facts, Facts)
    assert isinstance(spec, HostSpec)
    try:
        text = told(plan_host_setup(spec, facts))
    except VmnetError as error:
        text = f"{type(error).__name__} {error.exit_code}: {error.message}\nhint: {error.hint}\n"
    golden = CASES / name / "plan.txt"
    if regenerate:
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def test_there_are_cases() -> None:
    assert NAMES


def test_no_plan_restarts_a_daemon() -> None:
    plans = [(CASES / name / "plan.txt").read_text("utf-8") for name in NAMES]
    assert plans
    assert [text for text in plans if "systemctl" in text or "nmcli networking" in text] == []
