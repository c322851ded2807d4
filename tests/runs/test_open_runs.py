"""A run that is open is never given up, whatever the lock, the clock, an upgrade or a damaged file do."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.runs.test_run import FACTS, PLAN, RecordingExecutor
from vmnet.errors import Conflict, Refused, ToolError, UndoIncomplete, VmnetError
from vmnet.fields import encode
from vmnet.host import process
from vmnet.host.files.own_files import make_own_directory
from vmnet.host.files.run_mark import read_mark
from vmnet.runs import follow as following
from vmnet.runs import unit
from vmnet.runs.carry_out import carry_out
from vmnet.runs.follow import apply
from vmnet.runs.lock import locked
from vmnet.runs.progress import RunResult
from vmnet.runs.records.history import read_runs
from vmnet.runs.records.journal import Journal, RunState, list_runs
from vmnet.runs.records.journal_lines import Entry
from vmnet.runs.undo import last_goals, plan_undo, standing_runs
from vmnet.runs.undo_script import point_to_undo_script, write_undo_script
from vmnet.runs.worker import is_concluded, work
from vmnet.runs.worker_files import Ending, ErrorRecord, Request, write_ending, write_request

if TYPE_CHECKING:
    from collections.abc import Iterator

FIXTURE = Path(__file__).parent / "run-of-0.1"
"""A run's directory as the vmnet before this one left it when it was killed in the middle."""


@pytest.fixture(autouse=True)
def units(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "units" / "multi-user.target.wants").mkdir(parents=True)
    monkeypatch.setattr(unit, "UNITS", tmp_path / "units")
    return tmp_path / "units"


def finished(runs: Path) -> Journal:
    journal = Journal.create(PLAN, FACTS, runs)
    write_request(journal, Request(uri="test:///default"))
    write_undo_script(PLAN, journal, (), FACTS)
    carry_out(PLAN, RecordingExecutor(), journal, lambda _: None)
    journal.keep_after({"a": "[connection]\nuuid=a"})
    write_ending(journal, Ending(result=RunResult(run=journal.run, directory="", plan=PLAN, done=5)))
    return journal


def cut_off(runs: Path) -> Journal:
    journal = Journal.create(PLAN, FACTS, runs)
    write_request(journal, Request(uri="test:///default"))
    write_undo_script(PLAN, journal, (), FACTS)
    for step in range(3):
        journal.note("begin", step)
    return journal


def with_unit(units: Path, journal: Journal) -> Path:
    path = units / unit.name_of(journal.run)
    path.write_text("[Unit]\n")
    return path


def test_a_lock_that_is_held_leaves_an_open_run_its_unit(tmp_path: Path, units: Path) -> None:
    journal = cut_off(tmp_path / "runs")
    path = with_unit(units, journal)
    with locked(tmp_path / "lock"), pytest.raises(Conflict):
        work(journal, lock=tmp_path / "lock", patience_s=0.1)
    assert path.exists()
    assert journal.state() is RunState.OPEN
    assert not is_concluded(journal)


def test_a_lock_in_a_directory_of_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(mode=0o777)
    (tmp_path / "theirs").chmod(0o777)
    with pytest.raises(Refused, match="theirs"), locked(tmp_path / "theirs" / "lock"):
        pass
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError), locked(tmp_path / "lock"):  # noqa: PT011 - ELOOP
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.process
def test_no_umask_opens_what_is_ours(tmp_path: Path) -> None:
    script = (
        "import os, sys; os.umask(0); from pathlib import Path; from vmnet.runs.records.journal import Journal; "
        "from tests.runs.test_run import FACTS, PLAN; from vmnet.runs.lock import locked; base = Path(sys.argv[1]);\n"
        "with locked(base / 'run' / 'lock'): journal = Journal.create(PLAN, FACTS, base / 'lib' / 'vmnet' / 'runs')\n"
        "journal.write('profiles/x', b'')"
    )
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=True, cwd=Path(__file__).parents[2], timeout=60)
    paths = [path for top in ("run", "lib") for path in (tmp_path / top, *(tmp_path / top).rglob("*"))]
    modes = {str(path.relative_to(tmp_path)): path.stat().st_mode & 0o777 for path in paths}
    assert {name for name, mode in modes.items() if mode & 0o022} == set()
    assert {mode for name, mode in modes.items() if "/runs" in name} <= {0o700, 0o600}


def test_runs_in_a_directory_of_others_are_neither_made_nor_read(tmp_path: Path) -> None:
    finished(tmp_path / "runs")
    (tmp_path / "runs").chmod(0o777)
    for question in (
        lambda: list_runs(tmp_path / "runs"),
        lambda: plan_undo(FACTS, runs=tmp_path / "runs", saved={}),
        lambda: Journal.create(PLAN, FACTS, tmp_path / "runs"),
    ):
        with pytest.raises(Refused, match="is not safe to use"):
            question()
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(Refused):
        make_own_directory(tmp_path / "link", 0o700)


def test_runs_are_in_the_order_in_which_they_were_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = finished(tmp_path)
    earlier = time.gmtime(0)
    monkeypatch.setattr(time, "gmtime", lambda *_: earlier)
    second = finished(tmp_path)
    assert second.run < first.run
    assert [journal.run for journal in list_runs(tmp_path)] == [first.run, second.run]
    assert plan_undo(FACTS, runs=tmp_path, saved={}).undoes == second.run


def test_no_plan_is_carried_out_after_another_run_has_changed_the_host(tmp_path: Path) -> None:
    facts = replace(FACTS, runs_mark=read_mark(tmp_path / "runs"))
    finished(tmp_path / "runs")
    with pytest.raises(Conflict, match="another run"):
        apply(PLAN, facts, uri="test:///default", runs=tmp_path / "runs", lock=tmp_path / "lock")
    # One that waited for the lock meanwhile notices it, too, and takes no step.
    journal = Journal.create(PLAN, facts, tmp_path / "runs")
    write_request(journal, Request(uri="test:///default"))
    with pytest.raises(Conflict, match="another run"):
        work(journal, lock=tmp_path / "lock")
    assert journal.state() is RunState.UNUSED
    assert is_concluded(journal)


def test_a_run_that_goes_on_keeps_others_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = cut_off(tmp_path / "runs")
    monkeypatch.setattr(following, "worker_of", lambda _: 4711)
    with pytest.raises(Conflict, match=rf"{journal.run} is in progress: process 4711"):
        apply(PLAN, FACTS, uri="test:///default", runs=tmp_path / "runs", lock=tmp_path / "lock")


def questions(runs: Path, sound: str) -> Iterator[object]:
    """Yield what the commands that only look ask for, and the undo of a run that is sound."""
    yield read_runs(runs=runs)
    yield standing_runs(runs)
    yield last_goals(runs)
    yield plan_undo(FACTS, sound, runs=runs, saved={})
    point_to_undo_script(runs)


def damaged(directory: Path) -> Iterator[tuple[str, int]]:
    """Cut each file of the run at every byte, longest first; the file is whole again after each."""
    # The script is never read by vmnet.
    for path in sorted(path for path in directory.iterdir() if path.suffix != ".sh"):
        content = path.read_bytes()
        for size in range(len(content)):
            path.write_bytes(content[:size])
            yield path.name, size
        path.write_bytes(content)


def test_a_run_that_is_cut_at_any_byte_stops_no_other(tmp_path: Path) -> None:
    sound, bad = finished(tmp_path), finished(tmp_path)
    seen = set[RunState]()
    for name, size in damaged(bad.directory):
        if size % 16 == 0:
            assert len(list(questions(tmp_path, sound.run))) == 4, (name, size)
        states = {record.run: record.state for record in read_runs(runs=tmp_path)}
        assert states[sound.run] is RunState.STANDS
        seen.add(states[bad.run])
        if size % 16 == 0 and states[bad.run] is RunState.UNREADABLE:
            # It is not passed over: who undoes the last run does not want another one undone.
            with pytest.raises(Refused, match="cannot be read"):
                plan_undo(FACTS, runs=tmp_path, saved={})
    assert RunState.UNREADABLE in seen


def test_one_that_was_cut_off_and_damaged_is_undone_by_its_script(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    ran: list[tuple[str, ...]] = []
    monkeypatch.setattr(process, "run", lambda argv, **_: ran.append(argv))
    for name in ("plan.jsonl", "facts.json", "request.json"):
        journal = cut_off(tmp_path / name)
        path = journal.directory / name
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(ToolError, match=r"it was undone by .*undo\.sh"):
            work(journal, lock=tmp_path / "lock")
        assert ran.pop()[-2:] == ("sh", str(journal.directory / "undo.sh"))
        assert journal.state() is RunState.ROLLED_BACK
        assert is_concluded(journal)


def test_one_whose_script_fails_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    def fail(argv: tuple[str, ...], **_: object) -> None:
        raise ToolError("exit status 1", argv=argv)

    monkeypatch.setattr(process, "run", fail)
    journal = cut_off(tmp_path / "runs")
    (journal.directory / "plan.jsonl").write_text("")
    with pytest.raises(UndoIncomplete) as caught:
        work(journal, lock=tmp_path / "lock")
    assert caught.value.left == (f"sudo sh {journal.directory}/undo.sh",)
    assert journal.state() is RunState.INCOMPLETE


def test_a_plan_of_another_version_is_read(tmp_path: Path) -> None:
    journal = cut_off(tmp_path / "runs")
    for name in ("plan.jsonl", "facts.json", "request.json"):
        path = journal.directory / name
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        path.write_text("".join(json.dumps({**line, "of_a_later_vmnet": [1]}) + "\n" for line in lines))
    assert journal.plan() == PLAN
    assert journal.facts() == FACTS
    assert plan_undo(FACTS, runs=tmp_path / "runs", saved={}).planned


def test_a_later_format_is_left_to_the_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(process, "run", lambda *_, **__: None)
    journal = cut_off(tmp_path / "runs")
    write_request(journal, Request(uri="test:///default", format=99))
    with pytest.raises(ToolError, match="made by another version of vmnet"):
        work(journal, lock=tmp_path / "lock")
    assert journal.state() is RunState.ROLLED_BACK


def test_a_run_of_the_version_before_can_be_listed_shown_and_undone(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    make_own_directory(runs, 0o700)
    shutil.copytree(FIXTURE, runs / "20261130T073524Z-host-setup")
    (record,) = read_runs(runs=runs)
    assert (record.command, record.state, len(record.steps)) == ("host-setup", RunState.STANDS, 35)
    (goal,) = last_goals(runs)
    assert goal.nics == ("em1", "em2")
    undo = plan_undo(FACTS, runs=runs, saved={})
    assert undo.undoes == record.run
    assert len(undo.planned) > 10


@pytest.mark.process
def test_lines_are_whole_or_not_there(tmp_path: Path) -> None:
    """A file that may grow by some bytes only, as on a disk that is nearly full (RLIMIT_FSIZE)."""
    journal = Journal.create(PLAN, FACTS, tmp_path / "runs")
    path = journal.directory / "journal.jsonl"
    before = path.read_bytes()
    script = (
        "import resource, signal, sys; from pathlib import Path; from vmnet.runs.records.journal import Journal;\n"
        "from vmnet.runs.records.journal_lines import Entry; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))\n"
        "try: Journal(Path(sys.argv[1])).note_all(Entry(event='begin', step=n) for n in range(200))\n"
        "except OSError: sys.exit(28)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(journal.directory), "5000"],
        check=False, cwd=Path(__file__).parents[2], timeout=60,
    )  # fmt: skip
    assert ended.returncode == 28
    assert path.read_bytes() == before
    assert isinstance(journal.state(), RunState)


@pytest.mark.process
def test_what_the_worker_says_is_never_a_reason_to_fail(tmp_path: Path) -> None:
    """A domain is called \u2603, and standard output takes Latin-1 only."""
    journal = cut_off(tmp_path / "runs")
    (journal.directory / "plan.jsonl").write_text("\u2603")
    (journal.directory / "undo.sh").unlink()
    script = (
        "import sys; from vmnet.runs import worker, unit; from pathlib import Path; worker.PAUSE_S = 0;\n"
        "unit.UNITS = Path(sys.argv[2]); from vmnet.runs.lock import LOCK\n"
        "worker.work.__kwdefaults__['lock'] = Path(sys.argv[2]) / 'lock'\n"
        "sys.exit(worker.main(['', sys.argv[1]]))"
    )
    environ = {"PYTHONIOENCODING": "latin-1", "PATH": "/usr/sbin:/usr/bin", "PYTHONPATH": ":".join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", script, str(journal.directory), str(tmp_path / "units")],
        check=False, cwd=Path(__file__).parents[2], timeout=60, capture_output=True, env=environ,
    )  # fmt: skip
    assert ended.returncode == 1, ended
    assert journal.run.encode() in ended.stdout
    assert journal.state() is RunState.OPEN


def test_a_newline_in_the_environment_is_no_line_of_the_unit(tmp_path: Path) -> None:
    text = unit.unit_text(Journal(tmp_path), ("x",), "/a\nExecStartPre=/bin/evil")
    assert "\nExecStartPre" not in text
    assert r"/a\x0aExecStartPre=/bin/evil" in text


def test_a_run_that_is_told_in_memory_keeps_its_unit_until_the_disk_has_it(tmp_path: Path, units: Path) -> None:
    journal = cut_off(tmp_path / "runs")
    path = with_unit(units, journal)
    whole = journal.directory / "journal.jsonl"
    whole.rename(tmp_path / "elsewhere")
    whole.symlink_to(tmp_path / "elsewhere")  # which no line is written to
    journal.note_anyway([Entry(event="rolled-back")])
    ending = Ending(error=ErrorRecord(type="ToolError", message="x"))
    journal.write_anyway("ending.json", json.dumps(encode(ending)).encode())
    work(journal, lock=tmp_path / "lock")
    assert journal.state() is RunState.ROLLED_BACK
    assert path.exists()
    whole.unlink()
    (tmp_path / "elsewhere").rename(whole)
    work(journal, lock=tmp_path / "lock")
    assert not path.exists()
    assert not journal.spare.exists()
    assert journal.state() is RunState.ROLLED_BACK


def test_errors_say_what_to_do(tmp_path: Path) -> None:
    journal = finished(tmp_path)
    (journal.directory / "plan.jsonl").write_bytes(b"\xff\x00")
    with pytest.raises(VmnetError) as caught:
        plan_undo(FACTS, journal.run, runs=tmp_path, saved={})
    assert f"sh {journal.directory}/undo.sh" in caught.value.hint
