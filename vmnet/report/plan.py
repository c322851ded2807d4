"""A plan as text: every step with why, the exact commands, libvirt calls and XML diffs, and its undo."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.names import printable
from vmnet.plan.steps import RestoreProfile
from vmnet.report.findings import render_differences
from vmnet.report.plan_short import UNDO, brief, counted, grouped, section
from vmnet.report.screen import Block, Grid, Line, Style
from vmnet.runs.records.history import StepState
from vmnet.runs.records.journal import RunState
from vmnet.shell_words import is_plain, root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vmnet.checks.findings import Finding
    from vmnet.facts import Reservation
    from vmnet.plan.steps import MovedInterface, Plan, Planned
    from vmnet.runs.progress import RunResult
    from vmnet.runs.records.history import RunRecord
    from vmnet.shell_words import Command

    Server = tuple[str, Callable[[Reservation], str]]

_INDENT = " " * 5


def render_plan(plan: Plan) -> tuple[Block, ...]:
    """Return the whole plan for people: choices, warnings, what is kept, the steps, how they are undone."""
    return (*_before(plan), *_table(plan), *_reservations(plan.reservations, _SERVERS), *_steps(plan), *_undo(plan))


def render_plan_short(plan: Plan, details: Command) -> tuple[Block, ...]:
    """Return the plan of a domain command with a line for each domain instead of its steps.

    Args:
        details: the command that shows the steps.
    """
    shown = _reservations(plan.reservations, _SERVERS[:1], f"the same for ISC dhcpd and Kea: {details}")
    return (*_before(plan), *shown, *brief(plan, details))


def render_nothing_to_do(plan: Plan) -> tuple[Block, ...]:
    """Return what to say about an empty plan: what was found as wanted already."""
    return (*_before(plan), *_table(plan), Line(f"{plan.command}: nothing to do", Style.GOOD))


def _before(plan: Plan) -> Iterator[Block]:
    yield from section("Choices", plan.choices)
    yield from section("As wanted already", plan.kept)
    yield from section("Warnings", grouped(plan.warnings), Style.WARNING)


def _table(plan: Plan) -> Iterator[Block]:
    if plan.rows:
        yield Line("Interfaces", Style.HEADING)
        yield render_rows(plan.rows)
        yield Line()


def _reservations(kept: tuple[Reservation, ...], servers: Iterable[Server], more: str = "") -> Iterator[Line]:
    """The old network's reservations in the configuration of DHCP servers, each line ready to be pasted."""
    if not kept:
        return
    # Another name would not be one in those servers' files.
    named = tuple(one if is_plain(one.name) else replace(one, name="") for one in kept)
    yield Line("Reservations that end with the move, for the LAN's DHCP server", Style.HEADING)
    yield Line("  The addresses are those of the old network: replace them with addresses of the LAN.", Style.QUIET)
    for title, form in servers:
        yield Line(f"  {title}:")
        yield from (Line(f"{_INDENT}{form(one)}", Style.COMMAND) for one in named)
    if more:
        yield Line(f"  {more}", Style.QUIET)
    yield Line()


def _dnsmasq(kept: Reservation) -> str:
    return "dhcp-host=" + ",".join(part for part in (kept.mac, kept.name, kept.address) if part)


def _dhcpd(kept: Reservation) -> str:
    fixed = f" fixed-address {kept.address};" if kept.address else ""
    return f"host {kept.name or kept.mac.replace(':', '-')} {{ hardware ethernet {kept.mac};{fixed} }}"


def _kea(kept: Reservation) -> str:
    values = {"hw-address": kept.mac, "ip-address": kept.address, "hostname": kept.name}
    return json.dumps({key: value for key, value in values.items() if value})


_SERVERS = (("dnsmasq", _dnsmasq), ("ISC dhcpd", _dhcpd), ("Kea", _kea))


def _steps(plan: Plan) -> Iterator[Line]:
    yield Line(f"{plan.command}: {counted(len(plan.planned), 'step')}", Style.HEADING)
    for number, planned in enumerate(plan.planned, start=1):
        yield from _step(number, planned)
    yield Line()


def _step(number: int, planned: Planned) -> Iterator[Line]:
    yield Line(f"{number:3}. {planned.step}" + (f" - {planned.why}" if planned.why else ""))
    if isinstance(planned.step, RestoreProfile):
        yield Line(f"{_INDENT}# the run restores the keyfile byte for byte from its own copy; then:", Style.QUIET)
    yield from (Line(_INDENT + text, Style.COMMAND) for text in planned.step.shell_lines())
    for call in planned.step.calls():
        yield Line(f"{_INDENT}{call.call}", Style.COMMAND)
        yield Line(f"{_INDENT}  by hand: {call.virsh}", Style.QUIET)
    yield from (Line(_INDENT + text, _diff_style(text)) for text in planned.step.diff())


def _diff_style(text: str) -> Style:
    if text.startswith(("+++", "---", "@@")):
        return Style.QUIET
    return {"+": Style.ADDED, "-": Style.REMOVED}.get(text[:1], Style.PLAIN)


def _undo(plan: Plan) -> Iterator[Line]:
    undo = [step for planned in reversed(plan.planned) for step in planned.undo]
    if not undo:
        return
    again = plan.command == "undo"
    yield Line(f"Rollback if a step fails{'' if again else ', or later by: sudo vmnet undo'}", Style.HEADING)
    if not again:
        yield Line(f"  without vmnet, from a console: {UNDO}", Style.QUIET)
    yield from (Line(f"  - {step}") for step in undo)
    yield Line()


# Tables of moved interfaces: what will become of each before a run, where each is afterwards.


def render_rows(rows: tuple[MovedInterface, ...]) -> Grid:
    """Return the table shown before a run: one row an interface, from where to where, and what the guest notices."""
    cells = tuple(
        (
            row.domain,
            row.state,
            row.mac or "",
            row.was,
            row.wanted,
            ", ".join(row.scopes) or "-",
            row.address_now or "-",
            row.remark,
        )
        for row in rows
    )
    columns = ("domain", "state", "interface", "from", "to", "changes in", "address now", "remark")
    spare = ("state", "changes in", "to")
    return Grid(columns=columns, rows=cells, styles=(Style.PLAIN,) * len(cells), spare=spare)


def render_rows_after(before: tuple[MovedInterface, ...], after: tuple[MovedInterface, ...]) -> Grid:
    """Return the table shown after a run: the guest's old address, its new one, and what is left to do by hand."""
    old = {(row.domain, row.mac): row.address_now for row in before}
    cells = tuple(
        (
            row.domain,
            row.state,
            row.mac or "",
            row.wanted,
            old.get((row.domain, row.mac)) or "-",
            row.address_now or "-",
            row.remark or "-",
        )
        for row in after
    )
    columns = ("domain", "state", "interface", "now on", "old address", "new address", "left to do")
    styles = tuple(Style.WARNING if row.remark else Style.PLAIN for row in after)
    return Grid(columns=columns, rows=cells, styles=styles, spare=("state", "now on"))


# A finished run for people.


def render_run(result: RunResult, findings: tuple[Finding, ...]) -> tuple[Block, ...]:
    """Return where the moved interfaces are now, what verify found, and how to undo the run."""
    return (*_rows(result), *_passed_over(result), *(render_differences(findings) if findings else ()), *_end(result))


def _rows(result: RunResult) -> Iterator[Block]:
    if result.rows:
        yield Line()
        yield render_rows_after(result.plan.rows, result.rows)
        yield Line()


def _passed_over(result: RunResult) -> Iterator[Block]:
    if result.passed_over:
        yield Line("Skipped, because others changed it during the run", Style.HEADING)
        yield from (Line(f"  - {text}", Style.WARNING) for text in result.passed_over)
        yield Line()


def _end(result: RunResult) -> Iterator[Block]:
    if result.undone:
        yield Line(f"{result.plan.command}: rolled back to the state before", Style.WARNING)
        return
    steps = f"{result.done} step{'' if result.done == 1 else 's'}"
    yield Line(f"{result.plan.command}: done, {steps}, run {result.run}", Style.GOOD)
    yield Line(f"journal: {result.directory}", Style.QUIET)
    if result.plan.command != "undo":
        yield Line(f"to undo it: {root('vmnet', 'undo', result.run)}", Style.QUIET)


# The runs on this host for people: a table of all, and one step by step.

_RUN_WORDS = {RunState.STANDS: "completed"}
_STEP_WORDS = {StepState.TAKEN_BACK: "rolled back", StepState.NOT_TAKEN_BACK: "could not be rolled back"}
"""Where a state is called otherwise than in JSON."""
_RUN_STYLES = {
    RunState.STANDS: Style.GOOD,
    RunState.OPEN: Style.BAD,
    RunState.INCOMPLETE: Style.BAD,
    RunState.UNREADABLE: Style.BAD,
    RunState.ROLLED_BACK: Style.WARNING,
    RunState.UNDONE: Style.QUIET,
}
_STEP_STYLES = {
    StepState.FAILED: Style.BAD,
    StepState.NOT_TAKEN_BACK: Style.BAD,
    StepState.BEGUN: Style.WARNING,
    StepState.TAKEN_BACK: Style.WARNING,
    StepState.WAITING: Style.QUIET,
}


def render_runs(records: tuple[RunRecord, ...]) -> tuple[Block, ...]:
    """Return the table of all runs, oldest first."""
    if not records:
        return (Line("no run is recorded on this host"),)
    rows = tuple((r.run, r.began, f"{r.done} of {len(r.steps)}", _state(r), printable(r.text)) for r in records)
    styles = tuple(_RUN_STYLES.get(record.state, Style.PLAIN) for record in records)
    columns = ("run", "began", "steps", "state", "why")
    return (Grid(columns=columns, rows=rows, styles=styles, spare=("began", "steps")),)


def _state(record: RunRecord) -> str:
    return _RUN_WORDS.get(record.state, record.state.value)


def render_run_record(record: RunRecord) -> tuple[Block, ...]:
    """Return one run: what became of it, then each of its steps."""
    return tuple(_run_lines(record))


def _run_lines(record: RunRecord) -> Iterator[Block]:
    why = f": {printable(record.text)}" if record.text else ""
    yield Line(f"{record.run}: {_state(record)}{why}", _RUN_STYLES.get(record.state, Style.PLAIN))
    yield Line(f"began {record.began}, last entry {record.ended}; journal: {record.directory}", Style.QUIET)
    yield Line()
    for number, step in enumerate(record.steps, 1):
        text = f": {printable(step.text)}" if step.text else ""
        words = f"{number:3}. {step.planned.step} ... {_STEP_WORDS.get(step.state, step.state.value)}{text}"
        yield Line(words, _STEP_STYLES.get(step.state, Style.PLAIN))
    if record.undoes is None and record.state in (RunState.STANDS, RunState.OPEN, RunState.INCOMPLETE):
        yield Line()
        yield Line(f"to undo it: {root('vmnet', 'undo', record.run)}", Style.QUIET)
