"""Every report as JSON, compared with golden files; `pytest --regenerate` writes them anew."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import facts_samples, schemas, status_samples
from tests.report import samples
from tests.report.test_text import TOOL_ERROR, incomplete, noted
from vmnet.checks.diagnostics import check_host
from vmnet.checks.status import describe_host
from vmnet.errors import SpecError
from vmnet.facts import Unread
from vmnet.fields import decode
from vmnet.plan.steps import Plan
from vmnet.report.json_forms import (
    Json,
    error_form,
    findings_form,
    json_text,
    paths_form,
    plan_form,
    run_form,
    run_record_form,
    runs_form,
    status_form,
)

GOLDEN = Path(__file__).parent / "golden"
FINDINGS = check_host(facts_samples.goal(), facts_samples.end_state())

FORMS: dict[str, Json] = {
    "plan": plan_form(samples.small_plan()),
    "run": run_form(samples.result(), FINDINGS[:1]),
    "findings": findings_form("verify", FINDINGS[:2]),
    "status": status_form(describe_host(None, status_samples.host(1))),
    "paths": paths_form(samples.paths(), (Unread(what="firewall rules", why="needs root"),)),
    "runs": runs_form(samples.run_records()[:2]),
    "run-record": run_record_form(samples.run_record()),
    "error-spec": error_form(SpecError("wrong", "mend it")),
    "error-tool": error_form(TOOL_ERROR),
    "error-hypervisor": error_form(noted()),
    "error-incomplete": error_form(incomplete()),
}


@pytest.mark.parametrize("name", FORMS)
def test_golden(name: str, regenerate: bool) -> None:
    text = json_text(FORMS[name])
    schemas.check_text(text)
    path = GOLDEN / f"{name}.json"
    if regenerate:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_a_plan_can_be_read_back() -> None:
    plan = samples.plan()
    assert decode(Plan, json.loads(json_text(plan_form(plan)))["plan"]) == plan


def test_ok_only_when_all_are() -> None:
    bad = check_host(facts_samples.goal(), facts_samples.without_link(facts_samples.end_state(), "br0"))
    assert findings_form("verify", FINDINGS)["ok"] is True
    assert findings_form("verify", bad)["ok"] is False
    assert run_form(samples.result(), bad)["verify"]["ok"] is False
