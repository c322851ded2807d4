"""A run is handed to a worker and followed: what it leaves, what the follower sees, and what an interrupt does."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import replace
from importlib import import_module
from typing import TYPE_CHECKING

import pytest

from tests.runs.test_run import FACTS, PLAN, RecordingExecutor
from vmnet.errors import (
    Conflict,
    HypervisorError,
    LinkError,
    Refused,
    SpecError,
    ToolError,
    UndoIncomplete,
    VmnetError,
)
from vmnet.fields import decode, encode
from vmnet.runs import follow as following
from vmnet.runs import unit
from vmnet.runs.carry_out import carry_out
from vmnet.runs.follow import apply, follow
from vmnet.runs.lock import TerminalGone, locked, one_interrupt
from vmnet.runs.progress import Event, Progress, RunResult
from vmnet.runs.records.journal import Journal, RunState
from vmnet.runs.worker import work
from vmnet.runs.worker_files import (
    Ending,
    Word,
    error_of,
    has_word,
    leave_word,
    read_ending,
    record_of,
    write_ending,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

URI = "test:///default"


def result_of(journal: Journal) -> RunResult:
    return RunResult(run=journal.run, directory=str(journal.directory), plan=PLAN, done=5)


def in_another_thread(do: Callable[[Journal], None]) -> Callable[[Journal], None]:
    """Start the worker as `unit.start` does: it is there when this returns, and then goes its own way."""

    def start(journal: Journal) -> None:
        journal.note("worker", text=str(os.getpid()))
        threading.Thread(target=do, args=(journal,), daemon=True).start()

    return start


def carries_out(journal: Journal) -> None:
    carry_out(PLAN, RecordingExecutor(), journal, lambda _: None)
    write_ending(journal, Ending(result=result_of(journal)))


def fails(journal: Journal) -> None:
    try:
        carry_out(PLAN, RecordingExecutor(fail_at=3), journal, lambda _: None)
    except LinkError as error:
        write_ending(journal, Ending(error=record_of(error, "unit")))


def test_who_follows_sees_what_the_worker_does(tmp_path: Path) -> None:
    told: list[Progress] = []
    start = in_another_thread(carries_out)
    kwargs = {"uri": URI, "runs": tmp_path / "runs", "lock": tmp_path / "lock"}
    result = apply(PLAN, FACTS, progress=told.append, start=start, **kwargs)  # type: ignore[arg-type]
    assert (result.done, result.plan) == (5, PLAN)
    assert [p.event for p in told] == [Event.BEGIN, Event.DONE] * 5
    again: list[Progress] = []
    assert follow(result.run, progress=again.append, runs=tmp_path / "runs") == result
    assert again == told


def test_a_failure_reaches_who_follows_as_it_was_raised(tmp_path: Path) -> None:
    told: list[Progress] = []
    with pytest.raises(LinkError, match="no carrier") as caught:
        apply(
            PLAN, FACTS, uri=URI, progress=told.append, runs=tmp_path / "runs", lock=tmp_path / "lock",
            start=in_another_thread(fails),
        )  # fmt: skip
    assert caught.value.hint == "check the cable"
    assert "rolled back" in caught.value.__notes__[0]
    undone = [(p.index, p.total, getattr(p.step, "name", "")) for p in told if p.event is Event.UNDO]
    assert undone == [(1, 4, ""), (2, 4, "c"), (3, 4, "b"), (4, 4, "a")]


@pytest.mark.parametrize(
    "error",
    [
        VmnetError("a", "b"),
        SpecError("a"),
        Refused("a", "b"),
        ToolError("a", "b", argv=("x", "y z"), exit_status=4, stderr="z"),
        HypervisorError("a", code=42),
        LinkError("a"),
        Conflict("a"),
        UndoIncomplete("a", "b", left=("c", "d")),
    ],
)
def test_errors_survive_the_way(error: VmnetError) -> None:
    error.add_note("a note")
    there = record_of(error, "unit")
    back = error_of(decode(type(there), encode(there)))
    assert type(back) is type(error)
    assert (vars(back), str(back)) == (vars(error), str(error))


def test_what_nobody_foresaw_names_the_log() -> None:
    bug = record_of(ZeroDivisionError("division by zero"), "vmnet-1.service")
    assert "bug in vmnet: ZeroDivisionError: division by zero" in bug.message
    assert "journalctl -u vmnet-1.service" in bug.hint
    assert isinstance(error_of(bug), VmnetError)
    full = error_of(record_of(OSError(28, "No space left on device"), "unit"))
    assert isinstance(full, ToolError)
    assert "No space left" in full.message
    assert isinstance(error_of(record_of(KeyboardInterrupt(), "unit")), KeyboardInterrupt)


def test_while_another_runs_no_run_is_opened(tmp_path: Path) -> None:
    with locked(tmp_path / "lock"), pytest.raises(Conflict, match="another vmnet"):
        apply(PLAN, FACTS, uri=URI, runs=tmp_path / "runs", lock=tmp_path / "lock")
    assert not (tmp_path / "runs").exists()


def test_no_run_to_follow(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no run is in progress"):
        follow(runs=tmp_path)
    journal = Journal.create(PLAN, FACTS, tmp_path)
    write_ending(journal, Ending(result=result_of(journal)))
    with pytest.raises(SpecError, match="no run is in progress"):
        follow(runs=tmp_path)


def test_an_interrupt_cancels_and_waits_for_the_end(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, FACTS, tmp_path)

    def take_back() -> None:
        while not has_word(journal, Word.CANCELLED):
            time.sleep(0.01)
        write_ending(journal, Ending(error=record_of(KeyboardInterrupt(), "unit")))

    worker = threading.Thread(target=take_back)
    worker.start()
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGTERM))
    timer.start()
    with one_interrupt(), pytest.raises(KeyboardInterrupt):
        following.watch(journal, PLAN, lambda _: None)
    worker.join()


@pytest.fixture
def heeds_hangups() -> Iterator[None]:
    """Whoever runs the tests may have had them ignore SIGHUP (nohup)."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.mark.usefixtures("heeds_hangups")
def test_a_lost_terminal_leaves_the_run_alone(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, FACTS, tmp_path)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGHUP)).start()
    with one_interrupt(), pytest.raises(TerminalGone) as caught:
        following.watch(journal, PLAN, lambda _: None)
    assert "sudo vmnet follow" in caught.value.__notes__[0]
    assert not has_word(journal, Word.CANCELLED)


def test_an_interrupt_that_comes_too_late_says_that_the_run_stands(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, FACTS, tmp_path)
    carries_out(journal)
    with pytest.raises(KeyboardInterrupt) as caught:
        following.watch(journal, PLAN, lambda _: None, cancelled=True)
    assert f"vmnet undo {journal.run}" in caught.value.__notes__[0]


def test_a_worker_that_is_gone_is_not_waited_for(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, FACTS, tmp_path)
    journal.note("worker", text="1")
    with pytest.raises(ToolError, match="is gone"):
        following.watch(journal, PLAN, lambda _: None, give_up_s=0.3)


def test_a_cancelled_run_is_not_begun(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, FACTS, tmp_path)
    leave_word(journal, Word.CANCELLED)
    with pytest.raises(KeyboardInterrupt):
        work(journal, lock=tmp_path / "lock")
    assert journal.state() is RunState.UNUSED
    ending = read_ending(journal)
    assert ending is not None
    assert ending.error is not None
    assert ending.error.type == "KeyboardInterrupt"


def test_a_cancelled_run_that_had_begun_is_brought_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed while it was taken back, say: the interrupt has been heard already."""
    concluded: list[str] = []

    def conclude(journal: Journal, _report: object) -> None:
        concluded.append(journal.run)

    monkeypatch.setattr(import_module("vmnet.runs.worker"), "conclude", conclude)
    journal = Journal.create(PLAN, FACTS, tmp_path)
    journal.note("begin", 0)
    leave_word(journal, Word.CANCELLED)
    work(journal, lock=tmp_path / "lock")
    assert concluded == [journal.run]


def test_a_worker_that_finds_the_lock_taken_says_so(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, FACTS, tmp_path)
    with locked(tmp_path / "lock"), pytest.raises(Conflict):
        work(journal, lock=tmp_path / "lock", patience_s=0.1)
    ending = read_ending(journal)
    assert ending is not None
    assert ending.error is not None
    assert ending.error.type == "Conflict"


def test_an_ending_that_a_loss_of_power_cut_off_is_said_again(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, FACTS, tmp_path)
    carries_out(journal)
    lines = (journal.directory / "journal.jsonl").read_text("utf-8").splitlines(keepends=True)
    assert '"ended"' in lines[-1]
    (journal.directory / "journal.jsonl").write_text("".join(lines[:-1]), "utf-8")
    for _ in range(2):
        work(journal, lock=tmp_path / "lock")
        assert [entry.event for entry in journal.entries()].count("ended") == 1
    following.watch(journal, PLAN, lambda _: None, give_up_s=1)


def test_a_line_that_a_loss_of_power_cut_short_stays_apart(tmp_path: Path) -> None:
    journal = Journal.create(PLAN, FACTS, tmp_path)
    with (journal.directory / "journal.jsonl").open("ab") as file:
        file.write('{"event": "begin", "step": 0, "text": "é'.encode()[:-1])
    journal.note("begin", 1)
    assert [(entry.event, entry.step) for entry in journal.entries()] == [("opened", -1), ("begin", 1)]


def test_the_unit_is_quoted_for_systemd(tmp_path: Path) -> None:
    journal = Journal(tmp_path / 'a "b" 100% $x')
    text = unit.unit_text(journal, ("/opt/my venv/bin/python", "-m", "vmnet", str(journal.directory)), "/a b")
    assert 'ExecStart="/opt/my venv/bin/python" "-m" "vmnet" ' in text
    assert r'/a \"b\" 100%% $$x"' in text
    assert 'Environment="PYTHONPATH=/a b"' in text
    assert "Environment" not in unit.unit_text(replace(journal), ("x",), "")
