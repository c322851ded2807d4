"""Every report as text, compared with golden files; `pytest --regenerate` writes them anew."""

from __future__ import annotations

import io
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import facts_samples
from tests.report import samples
from vmnet.checks.diagnostics import check_host, diagnose
from vmnet.errors import HypervisorError, SpecError, ToolError, UndoIncomplete, VmnetError
from vmnet.facts import Reservation
from vmnet.fields import concrete
from vmnet.plan import steps
from vmnet.plan.steps import Plan
from vmnet.report.errors import render_error
from vmnet.report.findings import render_differences, render_findings, render_paths, render_trouble
from vmnet.report.plan import (
    render_nothing_to_do,
    render_plan,
    render_rows,
    render_rows_after,
    render_run,
    render_run_record,
    render_runs,
)
from vmnet.report.progress import progress_text
from vmnet.report.screen import Block, Grid, Line, Screen, Style
from vmnet.runs.progress import Event, Progress
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterable

GOLDEN = Path(__file__).parent / "golden"
GOOD = facts_samples.end_state()
DEGRADED = facts_samples.with_link(GOOD, "p4p1", carrier=False, lacp=None)
TOOL_ERROR = ToolError(
    "nmcli could not activate em1", "journalctl -u NetworkManager",
    argv=("nmcli", "connection", "up", "uuid", "it's one"), exit_status=4, stderr="Error: no\n\nreally\n",
)  # fmt: skip


def incomplete() -> UndoIncomplete:
    error = UndoIncomplete("not all could be taken back", "finish by hand", left=("nmcli connection up uuid 1",))
    error.__context__ = TOOL_ERROR
    return error


def noted() -> VmnetError:
    error = HypervisorError("libvirt is out of reach", code=38)
    error.add_note("all that was done is taken back; the journal is in /var/lib/vmnet/runs/1")
    return error


REPORTS: dict[str, Iterable[Block]] = {
    "plan": render_plan(samples.plan()),
    "plan-of-undo": render_plan(replace(samples.plan(), command="undo", rows=(), planned=(samples.add_bridge(),))),
    "nothing-to-do": render_nothing_to_do(Plan(command="host-setup", kept=("br0 is as wanted",))),
    "findings-good": render_findings(check_host(facts_samples.goal(), GOOD)),
    "findings-degraded": render_findings(check_host(facts_samples.goal(), DEGRADED)),
    "differences": render_differences(check_host(facts_samples.goal(), DEGRADED)),
    "run": render_run(samples.result(), check_host(facts_samples.goal(), GOOD)),
    "run-undone": render_run(replace(samples.result(), undone=True, rows=()), ()),
    "paths": render_paths(samples.paths(), ()),
    "runs": render_runs(samples.run_records()),
    "run-record": render_run_record(samples.run_record()),
    "no-runs": render_runs(()),
    "error-spec": render_error(SpecError("'br 0' is no name", "use br0\nor br1")),
    "error-tool": render_error(TOOL_ERROR),
    "error-tool-said-all": render_error(
        ToolError(
            "ip link failed with exit status 2: no\nreally", argv=("ip", "link"), exit_status=2, stderr="no\nreally"
        )
    ),
    "error-noted": render_error(noted()),
    "error-incomplete": render_error(incomplete()),
}


def text_of(blocks: Iterable[Block], *, width: int = 120, colour: bool = False) -> str:
    stream = io.StringIO()
    Screen(stream, width=width, colour=colour).show(blocks)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


@pytest.mark.parametrize("name", REPORTS)
def test_golden(name: str, regenerate: bool) -> None:
    text = text_of(REPORTS[name])
    path = GOLDEN / f"{name}.txt"
    if regenerate:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


def test_every_step_is_described_and_differently() -> None:
    every = (*samples.HOST_STEPS, *samples.LIBVIRT_STEPS, *samples.UNDO_STEPS, samples.add_bridge().step)
    assert {type(step) for step in every} == set(concrete(steps.Step))
    assert all(map(str, every))


def test_commands_are_one_line_each_however_narrow_the_screen() -> None:
    plan = samples.plan()
    lines = [line.strip() for line in text_of(render_plan(plan), width=40).splitlines()]
    commands = [line for planned in plan.planned for line in planned.step.shell_lines()]
    assert len(commands) > 10
    assert set(commands) <= set(lines)


def test_commands_can_be_pasted() -> None:
    (line,) = samples.HOST_STEPS[-3].shell_lines()
    assert shlex.split(line) == [
        "nmcli", "connection", "modify", "uuid", samples.OLD_UUID, "connection.autoconnect", "no",
    ]  # fmt: skip
    (modify,) = samples.HOST_STEPS[5].shell_lines()
    assert shlex.split(modify)[-1] == ""


def test_a_command_within_a_text_stays_in_one_line() -> None:
    (trouble, *_) = diagnose(facts_samples.goal(), DEGRADED)
    words = " ".join(["word"] * 30)
    hint = f"{words}: {command('nmcli', 'device', 'show', 'br0 touch x')}"
    odd = replace(trouble, finding=replace(trouble.finding, hint=hint))
    assert [line.text for line in render_trouble(odd) if "'br0" in line.text] == [f"  helps     {hint}"]


def test_no_name_adds_a_line_to_an_error() -> None:
    error = SpecError("no br0\u2028sudo x", "did you mean br0\u2028sudo x?")
    assert text_of(render_error(error)) == "error: no br0\\u2028sudo x\nhint: did you mean br0\\u2028sudo x?\n"


def test_no_name_of_a_reservation_adds_to_a_servers_file() -> None:
    kept = Reservation(mac=facts_samples.WEB_MAC, name="a { } include", address="192.0.2.7")
    text = text_of(render_plan(replace(samples.plan(), reservations=(kept,))))
    assert "include" not in text
    assert f"dhcp-host={facts_samples.WEB_MAC},192.0.2.7" in text


def test_elements_cut_out_of_a_document_lose_its_depth() -> None:
    text = samples.BEFORE.replace("\n", "\n    ")
    step = replace(samples.move("running"), document=text)
    assert step.diff() == samples.move("running").diff()


def test_names_cannot_steer_the_terminal_or_the_markup() -> None:
    blocks: list[Block] = [
        Line("a \x1b[31mred\x1b[0m \x07 [bold]name[/bold]"),
        Grid(columns=("c",), rows=(("\x1b]0;x\x07 [red]y",),), styles=(Style.PLAIN,)),
    ]
    text = text_of(blocks)
    assert "\x1b" not in text
    assert "[bold]name[/bold]" in text
    assert "[red]y" in text


def test_colour_only_where_it_is_asked_for() -> None:
    blocks = render_findings(check_host(facts_samples.goal(), DEGRADED))
    assert "\x1b" not in text_of(blocks)
    assert "\x1b[" in text_of(blocks, colour=True)


@pytest.mark.parametrize("width", [20, 60, 120, 200])
def test_tables_keep_every_word_whole_at_every_width(width: int) -> None:
    grid = render_rows(samples.ROWS)
    words = {word for row in grid.rows for cell in row for word in cell.split()}
    assert words <= set(text_of([grid], width=width).replace("|", " ").split())


@pytest.mark.parametrize("width", [80, 100, 120, 200])
def test_tables_fit_the_screen(width: int) -> None:
    findings = render_findings(check_host(facts_samples.goal(), DEGRADED))
    grids = (render_rows(samples.ROWS), render_rows_after(samples.ROWS, samples.ROWS_AFTER), findings[0])
    for grid in grids:
        text = text_of([grid], width=width)
        assert max(len(line) for line in text.splitlines()) <= width
        assert " | " in text.splitlines()[0]


def event(event: Event, seconds: float = 0.0, index: int = 3) -> str:
    step = steps.ActivateProfile(uuid="1", name="p4p1", ifname="p4p1")
    return progress_text(Progress(index=index, total=21, step=step, why="", event=event, seconds=seconds))


def test_progress() -> None:
    assert event(Event.BEGIN) + event(Event.DONE, 1.23) == "[ 3/21] activate p4p1 ... 1.2 s\n"
    assert event(Event.BEGIN, index=12) + event(Event.DONE, 0.01) == "[12/21] activate p4p1 ... done\n"
    assert event(Event.FAILED, 45.0) == " FAILED after 45.0 s\n"
    assert event(Event.UNDO) == "[ 3/21] undo: activate p4p1\n"
