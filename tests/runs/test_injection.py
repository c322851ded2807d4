"""Whatever goes wrong and wherever, each undo is tried: every step of every kind of plan, every usual exception."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from zlib import crc32

import pytest

from tests.fake_libvirt import FakeConnection, FakeNetwork
from tests.plan.hosts import addressed_host
from tests.plan.standing import as_set_up
from tests.plan.test_host_setup import ADOPT
from tests.runs.libvirt_runs import facts_of, migration, running
from tests.runs.test_run import FACTS, RecordingExecutor
from tests.specs import host_spec
from vmnet.errors import LinkError, UndoIncomplete, VmnetError
from vmnet.fields import encode
from vmnet.plan import steps
from vmnet.plan.domains.attach import plan_attach_domain
from vmnet.plan.host.setup import plan_host_setup
from vmnet.runs.carry_out import carry_out
from vmnet.runs.records import journal as journals
from vmnet.runs.records.journal import Journal, RunState
from vmnet.runs.records.journal_lines import Entry
from vmnet.runs.resume import take_up
from vmnet.runs.undo import plan_undo
from vmnet.spec import AttachSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmnet.plan.steps import Plan
    from vmnet.runs.progress import Progress

EXCEPTIONS: tuple[Exception, ...] = (
    LinkError("no carrier"),
    OSError(28, "No space left on device"),
    OSError(30, "Read-only file system"),
    PermissionError(13, "denied"),
    FileNotFoundError(2, "gone"),
    TimeoutError("late"),
    ConnectionResetError("gone"),
    BlockingIOError("busy"),
    ValueError("odd"),
    UnicodeEncodeError("latin-1", "\u2603", 0, 1, "no snowman"),
    UnicodeDecodeError("utf-8", b"\xff", 0, 1, "no text"),
    json.JSONDecodeError("no JSON", "", 0),
    KeyError("key"),
    IndexError("index"),
    TypeError("type"),
    AttributeError("attribute"),
    NotImplementedError(),
    RecursionError("deep"),
    RuntimeError("odd"),
    MemoryError(),
    AssertionError("a bug"),
    ZeroDivisionError("0"),
    OverflowError("large"),
    StopIteration(),
    EOFError(),
    subprocess.TimeoutExpired(["nmcli"], 60),
)


def _libvirt() -> FakeConnection:
    libvirt = FakeConnection()
    libvirt.networks += [FakeNetwork("default", "virbr7", libvirt), FakeNetwork("host-bridge", "br0", libvirt)]
    return libvirt


@cache
def _plans() -> dict[str, Plan]:
    libvirt = _libvirt()
    running(libvirt, 1, 2)

    return {
        "host-setup": plan_host_setup(ADOPT, addressed_host()),
        "mtu": plan_host_setup(host_spec(ADOPT, mtu=9000), as_set_up(ADOPT)),
        "attach-domain": plan_attach_domain(AttachSpec(domain="web", indexes=(1,)), facts_of(libvirt)),
        "migrate": migration(libvirt),
    }


def third_of(step: steps.Step) -> int:
    """One of three groups of steps, the same in each run of the tests."""
    return crc32(repr(step).encode()) % 3


@dataclass
class Host(RecordingExecutor):
    """A host on which a step stands from its beginning until its undos were carried out.

    `bad` raises at the step of this number; `stubborn` are the undos that raise, each time; both raise `error`.
    """

    bad: int = -1
    error: BaseException = field(default_factory=RuntimeError)
    stubborn: frozenset[int] = frozenset()
    tried: list[steps.Step] = field(default_factory=list)
    seen: int = 0

    def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
        if undoing:
            self.tried.append(step)
            if third_of(step) in self.stubborn:
                raise self.error
            return
        self.seen += 1
        if self.seen == self.bad:
            raise self.error

    def execute_together(self, taken: Sequence[steps.Step], *, undoing: bool = False) -> None:
        for step in taken:
            self.execute(step, undoing=undoing)


@dataclass
class Lines:
    """What a journal holds, and the write from which on each fails."""

    fails_at: int
    error: Exception
    kept: list[Entry] = field(default_factory=lambda: [Entry(event="opened", text="1")])


class InMemory(Journal):
    """A journal whose lines stay in memory, so that thousands of runs take seconds."""

    lines: Lines

    def note_all(self, entries: Iterable[Entry]) -> None:
        entries = tuple(entries)
        self.lines.fails_at -= 1
        if self.lines.fails_at < 0:
            raise self.lines.error
        self.lines.kept.extend(entries)

    def _lines(self) -> list[str]:
        return [json.dumps(encode(line)) for line in self.lines.kept]


def journal_of(directory: Path, fails_at: int = 1 << 30, error: Exception | None = None) -> InMemory:
    journal = InMemory(directory)
    object.__setattr__(journal, "lines", Lines(fails_at, error or RuntimeError()))
    return journal


def quiet(_: Progress) -> None:
    pass


def undos_of(plan: Plan, begun: int) -> list[steps.Step]:
    return [step for planned in plan.planned[:begun] for step in planned.undo]


def run_of(plan: Plan, host: Host, journal: Journal, report: object = quiet) -> BaseException | None:
    try:
        carry_out(plan, host, journal, report)  # type: ignore[arg-type]
    except (VmnetError, KeyboardInterrupt) as error:
        return error
    return None


@pytest.fixture(autouse=True)
def facts_on_disk(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text(json.dumps({"hostname": "h", "machine_id": "0", "root": True}))


KINDS = ("host-setup", "mtu", "attach-domain", "migrate")


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_step_that_raises_anything_has_all_undone(tmp_path: Path, kind: str, error: Exception) -> None:
    plan = replace(_plans()[kind], keeps=False)
    for at in range(1, len(plan.planned) + 1):
        host, journal = Host(bad=at, error=error), journal_of(tmp_path)
        raised = run_of(plan, host, journal)
        assert isinstance(raised, VmnetError), (at, raised)
        assert set(undos_of(plan, at)) <= set(host.tried), at
        assert journal.state() is RunState.ROLLED_BACK


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_undos_that_raise_anything_keep_no_other_from_being_tried(tmp_path: Path, kind: str, error: Exception) -> None:
    plan = replace(_plans()[kind], keeps=False)
    for at in range(1, len(plan.planned) + 1):
        host, journal = Host(bad=at, error=error, stubborn=frozenset({at % 3})), journal_of(tmp_path)
        raised = run_of(plan, host, journal)
        assert set(undos_of(plan, at)) <= set(host.tried), at
        stubborn = [step for step in host.tried if third_of(step) in host.stubborn]
        assert isinstance(raised, UndoIncomplete if stubborn else VmnetError)
        assert journal.state() is (RunState.INCOMPLETE if stubborn else RunState.ROLLED_BACK)


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_journal_that_fails_from_any_write_on_has_all_undone(
    tmp_path: Path, kind: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not even memory takes the lines.
    (tmp_path / "no-directory").write_text("")
    monkeypatch.setattr(journals, "SPARE", tmp_path / "no-directory" / "runs")
    plan = replace(_plans()[kind], keeps=False)
    sound = journal_of(tmp_path, 1000)
    assert run_of(plan, Host(), sound) is None
    last = 1000 - sound.lines.fails_at - 1
    for at in range(last):
        host, journal = Host(), journal_of(tmp_path, at, error)
        raised = run_of(plan, host, journal)
        assert isinstance(raised, VmnetError), at
        assert "cannot be written" in raised.message
        assert set(undos_of(plan, host.seen)) <= set(host.tried), at
    host, journal = Host(), journal_of(tmp_path, last, error)
    # All was done by then: that it cannot be written down is no reason to undo it.
    assert run_of(plan, host, journal) is None
    assert host.tried == []


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_a_report_that_raises_anything_changes_nothing(tmp_path: Path, kind: str, error: Exception) -> None:
    plan = _plans()[kind]

    def report(_: Progress) -> None:
        raise error

    host, journal = Host(), journal_of(tmp_path)
    assert run_of(plan, host, journal, report) is None
    assert journal.state() is RunState.STANDS
    host, journal = Host(bad=len(plan.planned), error=LinkError("no carrier")), journal_of(tmp_path)
    assert run_of(replace(plan, keeps=False), host, journal, report) is not None
    assert set(undos_of(plan, len(plan.planned))) <= set(host.tried)


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
def test_what_keeps_what_was_done_does_so_whatever_is_raised(tmp_path: Path, error: Exception) -> None:
    plan = _plans()["migrate"]
    assert plan.keeps
    for at in range(1, len(plan.planned) + 1):
        host, journal = Host(bad=at, error=error), journal_of(tmp_path)
        assert isinstance(run_of(plan, host, journal), VmnetError)
        assert journal.state() is RunState.STOPPED


@pytest.mark.parametrize("error", EXCEPTIONS, ids=lambda error: type(error).__name__)
def test_an_undo_that_fails_brings_back_what_worked(tmp_path: Path, error: Exception) -> None:
    runs = tmp_path / "runs"
    plan = _plans()["host-setup"]
    journal = Journal.create(plan, FACTS, runs)
    carry_out(plan, Host(), journal, quiet)
    undo = plan_undo(FACTS, runs=runs, saved={})
    for at in range(1, len(undo.planned) + 1, 5):
        host, memory = Host(bad=at, error=error), journal_of(tmp_path)

        class Undoing(Host):
            def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
                # An undo's own steps are carried out as such.
                self.seen += 1
                self.tried.append(step)
                if self.seen == self.bad:
                    raise self.error

        host = Undoing(bad=at, error=error)
        assert isinstance(run_of(undo, host, memory), VmnetError)
        assert set(undos_of(undo, at)) <= set(host.tried)


@pytest.mark.parametrize("kind", KINDS)
def test_one_that_was_cut_off_is_brought_to_its_end_though_nothing_can_be_written(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "no-directory").write_text("")
    monkeypatch.setattr(journals, "SPARE", tmp_path / "no-directory" / "runs")
    plan = replace(_plans()[kind], keeps=False)
    for at in range(1, len(plan.planned)):
        journal = journal_of(tmp_path, 0, OSError(30, "Read-only file system"))
        journal.lines.kept.extend(Entry(event="begin", step=step) for step in range(at))
        host = Host()
        with pytest.raises(VmnetError):
            take_up(plan, host, journal, quiet)
        assert set(undos_of(plan, at)) <= set(host.tried)


def test_lines_that_the_disk_does_not_take_are_in_memory_and_count(tmp_path: Path) -> None:
    plan = _plans()["host-setup"]
    journal = Journal.create(plan, FACTS, tmp_path / "runs")
    broken = tmp_path / "elsewhere"

    class Breaking(Host):
        def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
            super().execute(step, undoing=undoing)
            if self.seen == 5 and not broken.exists():
                # From now on the journal is no file that can be written.
                (journal.directory / "journal.jsonl").rename(broken)
                (journal.directory / "journal.jsonl").symlink_to(broken)

    with pytest.raises(VmnetError, match="cannot be written"):
        carry_out(plan, Breaking(), journal, quiet)
    assert (journal.spare / "journal.jsonl").exists()
    assert journal.state() is RunState.ROLLED_BACK
    # Once it can be written again, they are there first, and what comes later counts.
    (journal.directory / "journal.jsonl").unlink()
    broken.rename(journal.directory / "journal.jsonl")
    seen = [*journal.entries()]
    later = journal.note("undone", text="another run")
    assert [*journal.entries()] == [*seen, later]
    assert not (journal.spare / "journal.jsonl").exists()
    assert journal.state() is RunState.UNDONE


def test_a_disk_that_is_full_leaves_an_incomplete_run_open(tmp_path: Path) -> None:
    plan = _plans()["host-setup"]
    host = Host(bad=30, error=OSError(28, "full"), stubborn=frozenset({0, 1}), disk="/etc is full")
    journal = Journal.create(plan, FACTS, tmp_path / "runs")
    with pytest.raises(UndoIncomplete, match="/etc is full"):
        carry_out(plan, host, journal, quiet)
    assert journal.state() is RunState.OPEN
