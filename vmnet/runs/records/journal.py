"""What a run does is written down, and on the disk, before it is done.

A run's directory, readable by root only, holds `plan.jsonl`, `facts.json` (the host before), `profiles/` (byte copies
of every NetworkManager profile), `domains.tar` (every document, with its secrets, of the domains that change) and
`journal.jsonl`: one line for each step begun, done, failed or undone.

What has to be written although the disk is full or read-only goes to a directory of the same name in memory (`SPARE`),
which a boot forgets: there the run is open again, and is brought to its end.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, TypeVar

from vmnet import fields
from vmnet.errors import Refused, SpecError, VmnetError, attempt
from vmnet.facts import Facts
from vmnet.host.files.own_files import check_own, make_own_directory, sync
from vmnet.host.files.run_mark import JOURNAL, RUNS
from vmnet.plan.steps import Plan, Planned
from vmnet.runs.records.journal_lines import Entry, append, open_own, parse_entry
from vmnet.runs.records.plan_file import plan_lines, read_outline, read_plan

T = TypeVar("T")

SPARE = Path("/run/vmnet/runs")
_PLAN = "plan.jsonl"
_FACTS = "facts.json"
_AFTER = "after.json"
UNDO_SCRIPT = "undo.sh"
"""In a run's directory: the script that undoes the run without vmnet. A link of that name, beside the directory of all
runs, leads to the script of the newest run that can be undone."""


class RunState(StrEnum):
    """State of a run. `UNUSED`: no step was begun. `OPEN`: in progress, or interrupted (power loss, kill -9). `STANDS`:
    completed. `STOPPED`: a step failed, and the steps before it were kept. `INCOMPLETE`: the rollback is incomplete.
    `UNREADABLE`: its files are damaged, or another version of vmnet wrote them."""

    UNUSED = "not begun"
    OPEN = "open"
    STANDS = "stands"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled back"
    UNDONE = "undone"
    INCOMPLETE = "undo incomplete"
    UNREADABLE = "unreadable"


_FINAL = {
    "committed": RunState.STANDS,
    "stopped": RunState.STOPPED,
    "rolled-back": RunState.ROLLED_BACK,
    "undone": RunState.UNDONE,
    "incomplete": RunState.INCOMPLETE,
}


@dataclass(frozen=True, slots=True)
class Journal:
    """A run's directory."""

    directory: Path

    @property
    def run(self) -> str:
        """The run's id."""
        return self.directory.name

    @property
    def spare(self) -> Path:
        """Where in memory goes what cannot be written to the run's directory."""
        return SPARE / self.run

    @classmethod
    def create(cls, plan: Plan, facts: Facts, runs: Path = RUNS) -> Journal:
        """Make a new run's directory with its plan and the facts of before, all on the disk.

        Raises:
            OSError: the directory cannot be written.
            Refused: others than root can write there.
        """
        for parent in reversed(runs.parents):
            if not parent.exists():
                make_own_directory(parent, 0o755)
        make_own_directory(runs, 0o700)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        number = max((journal.number for journal in list_runs(runs)), default=0) + 1
        journal = cls(_new_directory(runs, f"{stamp}-{plan.command}"))
        journal.keep_plan(plan)
        journal.write(_FACTS, [json.dumps(fields.encode(_without_documents(facts))).encode()])
        journal.note("opened", text=str(number))
        sync(runs)
        return journal

    @property
    def opened_ns(self) -> int:
        """When the run was opened, in nanoseconds of the epoch.

        Raises:
            OSError: its directory cannot be read.
        """
        return (self.directory / _FACTS).stat().st_ctime_ns

    @property
    def order(self) -> tuple[int, str]:
        """What runs are sorted by."""
        return (self.number, self.run)

    @property
    def number(self) -> int:
        """The run's place among all on this host, counted from 1: the clock may have been set back between two. 0 for
        one that does not tell."""
        path = self.directory / JOURNAL
        with path.open("r", encoding="utf-8", errors="replace") as file:
            entry = parse_entry(file.readline())
        return int(entry.text) if entry and entry.event == "opened" and entry.text.isdecimal() else 0

    def write(self, name: str, content: bytes | Iterable[bytes]) -> Path:
        """Write a file of the run, whole or not at all, so that it survives a loss of power; return its path."""
        with self.writing(name) as file:
            file.writelines([content] if isinstance(content, bytes) else content)
        return self.directory / name

    def write_anyway(self, name: str, content: bytes) -> None:
        """Write a file of the run, in memory where the disk does not take it.

        Raises:
            OSError: the memory does not, either.
        """
        try:
            self.write(name, content)
        except OSError:
            self._make_spare()
            Journal(self.spare).write(name, content)

    def place_of(self, name: str) -> Path:
        """Return where a file of the run is: in its directory, or in memory."""
        spare = self.spare / name
        return spare if spare.exists() else self.directory / name

    def _make_spare(self) -> None:
        for path in (self.spare.parent.parent, self.spare.parent, self.spare):
            make_own_directory(path, 0o700)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file of the run for writing; it is there, and on the disk, once the block has ended without error."""
        path = self.directory / name
        if path.parent != self.directory:
            make_own_directory(path.parent, 0o700)
        begun = path.with_name(f".{path.name}.new")
        whole = False
        try:
            # Room that was reserved for it (`reserve`) stays until it is whole.
            with open(open_own(begun, os.O_WRONLY), "wb") as file:  # noqa: PTH123 - the descriptor carries the mode
                yield file
                file.flush()
                os.ftruncate(file.fileno(), file.tell())
                os.fsync(file.fileno())
            begun.rename(path)
            whole = True
        finally:
            if not whole:
                begun.unlink(missing_ok=True)
        sync(path.parent)

    def note(self, event: str, step: int = -1, text: str = "") -> Entry:
        """Append a line, wait until it is on the disk, and return it."""
        entry = Entry.now(event, step, text)
        self.note_all((entry,))
        return entry

    def note_all(self, entries: Iterable[Entry]) -> None:
        """Append lines and wait until all are on the disk; one that a crash cut short stays apart.

        Raises:
            OSError: not all could be written; then none of them is there.
        """
        # What the disk did not take until now comes first: of two lines that end a run, the later one counts.
        spared = [entry for line in _lines_of(self.spare / JOURNAL) if (entry := parse_entry(line))]
        append(self.directory / JOURNAL, [*spared, *entries])
        if spared:
            (self.spare / JOURNAL).unlink()

    def leave_memory(self) -> None:
        """Write to the disk what had to go to memory.

        Raises:
            OSError: the disk does not take it yet.
        """
        for path in tuple(self.spare.iterdir()) if self.spare.is_dir() else ():
            if path.name == JOURNAL:
                self.note_all(())
            else:
                self.write(path.name, path.read_bytes())
                path.unlink()
        if self.spare.is_dir():
            self.spare.rmdir()

    def note_anyway(self, entries: Iterable[Entry]) -> None:
        """Append lines, in memory where the disk does not take them.

        Raises:
            OSError: the memory does not, either.
        """
        entries = tuple(entries)
        try:
            self.note_all(entries)
        except OSError:
            self._make_spare()
            append(self.spare / JOURNAL, entries)

    def entries(self, *events: str) -> Iterator[Entry]:
        """Yield the journal's lines, or those of some events; one that a crash cut short is passed over.

        With thousands of domains there are many, so a line that cannot be of these events is not parsed.
        """
        for line in self._lines():
            entry = parse_entry(line) if not events or any(event in line for event in events) else None
            if entry is not None and (not events or entry.event in events):
                yield entry

    def last(self) -> Entry | None:
        """Return the journal's last line that is whole."""
        parsed = (parse_entry(line) for line in reversed(self._lines()))
        return next((entry for entry in parsed if entry is not None), None)

    def _lines(self) -> list[str]:
        return [*_lines_of(self.directory / JOURNAL), *_lines_of(self.spare / JOURNAL)]

    def state(self) -> RunState:
        """Return what became of the run."""
        finals = [_FINAL[entry.event] for entry in self.entries(*_FINAL)]
        if finals:
            return finals[-1]
        if not any(self.entries("opened")):
            return RunState.UNREADABLE
        return RunState.OPEN if any(self.entries("begin")) else RunState.UNUSED

    def checkpoint(self) -> str | None:
        """Return the D-Bus path of the run's last checkpoint; it may be gone."""
        paths = [entry.text for entry in self.entries("checkpoint")]
        return paths[-1] if paths else None

    def keep_plan(self, plan: Plan) -> None:
        """Keep the run's plan, in place of one that it goes on after."""
        self.write(_PLAN, plan_lines(plan))

    def keep_after(self, profiles: dict[str, str]) -> None:
        """Keep the text of each profile as the run left it."""
        self.write(_AFTER, json.dumps(profiles).encode())

    def after(self) -> dict[str, str]:
        """Return the text of each profile, by its uuid, as the run left it; empty when that was not kept.

        Raises:
            Refused: it cannot be read.
        """
        if not (self.directory / _AFTER).exists():
            return {}
        pairs = self._readable(_AFTER, lambda path: [list(pair) for pair in json.loads(path.read_bytes()).items()])
        return dict(fields.decode(tuple[tuple[str, str], ...], pairs, "after"))

    def plan(self) -> Plan:
        """Return the run's plan.

        Raises:
            Refused: it cannot be read.
        """
        return self._readable(_PLAN, read_plan)

    def outline(self) -> Plan:
        """Return the run's plan without its steps and rows.

        Raises:
            Refused: it cannot be read.
        """
        return self._readable(_PLAN, read_outline)

    def facts(self) -> Facts:
        """Return the host as it was before the run.

        Raises:
            Refused: it cannot be read.
        """
        return self.record(_FACTS, Facts)

    def record(self, name: str, want: type[T]) -> T:
        """Return the record in a file of the run, whichever version of vmnet wrote it.

        Raises:
            Refused: it cannot be read.
            PermissionError: only root may.
        """
        return self._readable(
            name, lambda path: fields.decode(want, json.loads(path.read_bytes()), name, tolerant=True)
        )

    def _readable(self, name: str, read: Callable[[Path], T]) -> T:
        found = attempt(lambda: read(self.place_of(name)))
        if not isinstance(found, VmnetError):
            return found
        if isinstance(found.__cause__, PermissionError):
            raise found.__cause__
        why = found.message if isinstance(found, SpecError) else str(found.__cause__ or found.message)
        script = self.directory / UNDO_SCRIPT
        hint = f"to undo the run anyway: sudo sh {script}" if script.exists() else ""
        raise Refused(f"run {self.run} cannot be read: {name}: {why}", hint)

    def begun(self) -> tuple[Planned, ...]:
        """Return the planned steps that were begun, in order: done, or perhaps half done; not those passed over."""
        planned = self.plan().planned
        steps: dict[str, set[int]] = {}
        for entry in self.entries():
            steps.setdefault(entry.event, set()).add(entry.step)
        indexes = sorted(steps.get("begin", set()) - steps.get("passed-over", set()))
        return tuple(planned[index] for index in indexes if 0 <= index < len(planned))


def _without_documents(facts: Facts) -> Facts:
    """Leave out what is kept elsewhere and may be large: of the domains, only the running interfaces are asked for."""
    domains = (
        replace(d, running=tuple(replace(i, document="") for i in d.running), persistent=(), saved=None, snapshots=())
        for d in facts.domains
        if d.running
    )
    return replace(facts, domains=tuple(domains))


def _lines_of(path: Path) -> list[str]:
    return path.read_text("utf-8", "replace").split("\n") if path.exists() else []


def _new_directory(runs: Path, name: str) -> Path:
    for suffix in ("", *(f"-{n}" for n in range(2, 100))):
        directory = runs / f"{name}{suffix}"
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return directory
    raise FileExistsError(f"{runs / name} and 98 more exist already")


def list_runs(runs: Path = RUNS) -> tuple[Journal, ...]:
    """Return all runs, oldest first, whatever the clock said.

    Raises:
        Refused: others than root can write there.
        PermissionError: only root may read them.
    """
    if not runs.is_dir():
        return ()
    check_own(runs)
    found = [Journal(path) for path in runs.iterdir() if (path / JOURNAL).is_file()]
    return tuple(sorted(found, key=lambda journal: journal.order))


def find_run(run: str, runs: Path = RUNS) -> Journal:
    """Return the run with this id.

    Raises:
        SpecError: there is none.
    """
    for journal in list_runs(runs):
        if journal.run == run:
            return journal
    known = ", ".join(journal.run for journal in list_runs(runs)) or "none yet"
    raise SpecError(f"there is no run {run!r}", f"runs on this host: {known}")
