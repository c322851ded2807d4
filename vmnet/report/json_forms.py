"""Reports as JSON: plain values under stable keys, which docs/commands.md lists.

Each document says under `schema` which schema it follows: "vmnet/plan/1" is docs/schema/plan-1.json. New keys may come
under the same number; what is renamed, removed or takes another meaning makes the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vmnet import names
from vmnet.checks.diagnostics import Trouble
from vmnet.checks.findings import Difference, Finding
from vmnet.checks.path_below import Path
from vmnet.checks.rule_texts import Rule
from vmnet.checks.topology import Topology
from vmnet.errors import HypervisorError, ToolError, UndoIncomplete, VmnetError
from vmnet.facts import Unread
from vmnet.facts.evidence import Bundle
from vmnet.fields import encode
from vmnet.plan.steps import Plan
from vmnet.report.errors import notes_of
from vmnet.runs.progress import Progress, RunResult
from vmnet.runs.records.history import RunRecord

Json = dict[str, Any]

PLAN = "vmnet/plan/1"
RUN = "vmnet/run/1"
PROGRESS = "vmnet/progress/1"
DIFF = "vmnet/diff/1"
VERIFY = "vmnet/verify/1"
RUNS = "vmnet/runs/1"
RUN_RECORD = "vmnet/run-record/1"
CONFIRM = "vmnet/confirm/1"
DOCTOR = "vmnet/doctor/1"
PATHS = "vmnet/paths/1"
STATUS = "vmnet/status/1"
EXPLAIN = "vmnet/explain/1"
BUNDLE = "vmnet/support-bundle/1"
ERROR = "vmnet/error/1"


def json_text(document: Json) -> str:
    """Return the document as text, one value a line, ending in a newline."""
    return f"{names.json_text(document, indent=2)}\n"


def json_line(document: Json) -> str:
    """Return the document as one line."""
    return f"{names.json_text(document)}\n"


def progress_form(progress: Progress, left_s: float | None) -> Json:
    """Return what happened to a step: `event`, `index` (from 1), `total`, `step` (its words), `kind`, `why`, `seconds`,
    and `left_s`, for how long the run goes on, null where that cannot be told."""
    return {
        "schema": PROGRESS,
        "event": progress.event.value,
        "index": progress.index,
        "total": progress.total,
        "step": str(progress.step),
        "kind": type(progress.step).__name__,
        "why": progress.why,
        "seconds": round(progress.seconds, 3),
        "left_s": None if left_s is None else round(left_s, 1),
    }


def plan_form(plan: Plan) -> Json:
    """Return a plan: `command`, `plan` (the records), and `commands` (what would be run, in order)."""
    return _form(PLAN, plan.command, plan=encode(plan), commands=list(_commands(plan)))


def _commands(plan: Plan) -> Iterator[Json]:
    for number, planned in enumerate(plan.planned, start=1):
        for argv, shell in zip(planned.step.commands(), planned.step.shell_lines(), strict=True):
            yield {"step": number, "argv": list(argv), "shell": shell}
        for call in planned.step.calls():
            yield {"step": number, "call": call.call, "virsh": call.virsh}


def _form(schema: str, command: str, **values: object) -> Json:
    return {"schema": schema, "command": command, **values}


def _all_ok(findings: tuple[Finding, ...]) -> bool:
    return all(finding.ok for finding in findings)


def run_form(result: RunResult, findings: tuple[Finding, ...]) -> Json:
    """Return a finished run: the plan's keys, `result`, and `verify`."""
    return {**result_form(result), "verify": {"ok": _all_ok(findings), "findings": encode(findings)}}


def result_form(result: RunResult) -> Json:
    """Return a finished run without what verify found: the plan's keys, and `result`."""
    told = {
        "run": result.run,
        "directory": result.directory,
        "done": result.done,
        "undone": result.undone,
        "passed_over": list(result.passed_over),
        "rows": encode(result.rows),
    }
    return {**plan_form(result.plan), "schema": RUN, "result": told}


def findings_form(command: str, findings: tuple[Finding, ...]) -> Json:
    """Return what verify found: `command`, `ok`, `findings`."""
    return _form(VERIFY, command, ok=_all_ok(findings), findings=encode(findings))


def differences_form(found: tuple[Difference, ...]) -> Json:
    """Return what differs from a file: `command`, `ok` (nothing does), `differences`."""
    return {"schema": DIFF, "command": "diff", "ok": not found, "differences": encode(found)}


def troubles_form(troubles: tuple[Trouble, ...], unread: tuple[Unread, ...]) -> Json:
    """Return what doctor found: `command`, `ok` (nothing but notes), `troubles`, worst first, each with `severity`,
    `rule` (in words) and `finding`, and `unread`, what could not be read."""
    ok = _all_ok(tuple(trouble.finding for trouble in troubles))
    return _form(DOCTOR, "doctor", ok=ok, troubles=encode(troubles), unread=encode(unread))


def paths_form(paths: tuple[Path, ...], unread: tuple[Unread, ...]) -> Json:
    """Return a domain's ways to the switch: `command`, `ok` (no hop is in trouble), `paths`, each with `domain`,
    `interface` and `hops`, `troubles` of all hops as `troubles_form` has them, and `unread`."""
    found = tuple(dict.fromkeys(trouble for path in paths for hop in path.hops for trouble in hop.troubles))
    ok = not any(path.broken for path in paths)
    told = [_path_form(path) for path in paths]
    return _form(PATHS, "doctor", ok=ok, paths=told, troubles=encode(found), unread=encode(unread))


def _path_form(path: Path) -> Json:
    """A hop has the ids of its troubles' rules. The troubles are beside the paths."""
    hops = [{**encode(hop), "troubles": [trouble.rule.id for trouble in hop.troubles]} for hop in path.hops]
    broken = path.hops.index(path.broken) if path.broken else None
    return {"domain": path.domain, "interface": path.interface, "broken": broken, "hops": hops}


def rules_form(rules: tuple[Rule, ...]) -> Json:
    """Return rules in words: `command` and `rules`."""
    return _form(EXPLAIN, "explain", rules=encode(rules))


def status_form(topology: Topology) -> Json:
    """Return the host as a graph: `command`, `host`, `state` (the worst of all), `nodes`, `edges`, and `unread`, what
    could not be read and why."""
    graph = {"nodes": encode(topology.nodes), "edges": encode(topology.edges), "unread": list(topology.unread)}
    return _form(STATUS, "status", host=topology.hostname, state=topology.state.value, **graph)


def runs_form(records: tuple[RunRecord, ...]) -> Json:
    """Return all runs: `command` and `runs`, each without its steps."""
    short = [{key: value for key, value in encode(record).items() if key != "steps"} for record in records]
    return _form(RUNS, "runs", runs=short)


def run_record_form(record: RunRecord) -> Json:
    """Return one run with its `steps`, each with `planned`, `state` and `text`."""
    return _form(RUN_RECORD, "runs", run=encode(record))


def confirm_form(run: str) -> Json:
    """Return that a run was confirmed: `command` and `run`."""
    return _form(CONFIRM, "confirm", run=run)


def bundle_form(bundle: Bundle) -> Json:
    """Return what a support bundle holds: `command` and `bundle`."""
    return _form(BUNDLE, "support-bundle", bundle=encode(bundle))


def error_form(error: VmnetError) -> Json:
    """Return an error: `error` with `type`, `message`, `hint`, `notes`, `exit_code`, and what its class adds."""
    body: Json = {
        "type": type(error).__name__,
        "message": error.message,
        "hint": error.hint,
        "notes": list(notes_of(error)),
        "exit_code": error.exit_code,
    }
    match error:
        case ToolError(argv=argv, exit_status=status, stderr=stderr):
            body |= {"argv": list(argv), "exit_status": status, "stderr": stderr}
        case HypervisorError(code=code):
            body |= {"code": code}
        case UndoIncomplete(left=left):
            body |= {"left": list(left)}
        case _:
            pass
    return {"schema": ERROR, "error": body}
