"""What a run does is written down, and on the disk, before it is done.

A run's directory, readable by root only, holds `plan.jsonl`, `facts.json` (the host before), `profiles/` (byte copies
of every NetworkManager profile), `domains.tar` (every document, with its secrets, of the domains that change) and
`journal.jsonl`: one line for each step begun, done, failed or undone.
"""

from __future__ import annotations

import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from vmnet import fields
from vmnet.apply.plan_file import plan_lines, read_outline, read_plan
from vmnet.errors import SpecError
from vmnet.facts import Facts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.plan.steps import Plan, Planned

RUNS = Path("/var/lib/vmnet/runs")
_PLAN = "plan.jsonl"
_FACTS = "facts.json"
_AFTER = "after.json"
UNDO_SCRIPT = "undo.sh"
"""In a run's directory: what takes the run back without vmnet. A link of that name, beside the directory of all runs,
leads to that of the newest run that is left to undo."""


class RunState(StrEnum):
    """What became of a run. `UNUSED`: no step was begun. `OPEN`: it goes on, or was cut off (power loss, kill -9).
    `STANDS`: finished and in force. `STOPPED`: a step failed, and what was done before it is in force."""

    UNUSED = "not begun"
    OPEN = "open"
    STANDS = "stands"
    STOPPED = "stopped"
    ROLLED_BACK = "rolled back"
    UNDONE = "undone"
    INCOMPLETE = "undo incomplete"


_FINAL = {
    "committed": RunState.STANDS,
    "stopped": RunState.STOPPED,
    "rolled-back": RunState.ROLLED_BACK,
    "undone": RunState.UNDONE,
    "incomplete": RunState.INCOMPLETE,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the journal. `step` counts from 0 in the plan, -1 for the run as a whole; `undo` is the place of an
    undo among those of its step; `seconds` is how long what ended here has taken."""

    event: str
    step: int = -1
    text: str = ""
    time: str = ""
    undo: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Journal:
    """A run's directory."""

    directory: Path

    @property
    def run(self) -> str:
        """The run's id."""
        return self.directory.name

    @classmethod
    def create(cls, plan: Plan, facts: Facts, runs: Path = RUNS) -> Journal:
        """Make a new run's directory with its plan and the facts of before, all on the disk.

        Raises:
            OSError: the directory cannot be written.
        """
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        directory = _new_directory(runs, f"{stamp}-{plan.command}")
        journal = cls(directory)
        journal.keep_plan(plan)
        journal.write(_FACTS, [json.dumps(fields.encode(_without_documents(facts))).encode()])
        journal.note("opened")
        sync_directory(runs)
        return journal

    @property
    def opened_ns(self) -> int:
        """When the run was opened, in nanoseconds of the epoch.

        Raises:
            OSError: its directory cannot be read.
        """
        return (self.directory / _FACTS).stat().st_ctime_ns

    def write(self, name: str, content: bytes | Iterable[bytes]) -> Path:
        """Write a file of the run, whole or not at all, so that it survives a loss of power; return its path."""
        with self.writing(name) as file:
            file.writelines([content] if isinstance(content, bytes) else content)
        return self.directory / name

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Open a file of the run for writing; it is there, and on the disk, once the block has ended without error."""
        path = self.directory / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        begun = path.with_name(f".{path.name}.new")
        handle = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(handle, "wb") as file:  # noqa: PTH123 - the descriptor carries the mode
            yield file
            file.flush()
            os.fsync(file.fileno())
        begun.rename(path)
        sync_directory(path.parent)

    def note(self, event: str, step: int = -1, text: str = "", *, undo: int = 0, seconds: float = 0.0) -> Entry:
        """Append a line, wait until it is on the disk, and return it."""
        entry = Entry(event=event, step=step, text=text, time=now(), undo=undo, seconds=seconds)
        self.note_all((entry,))
        return entry

    def note_all(self, entries: Iterable[Entry]) -> None:
        """Append lines and wait until all are on the disk; one that a crash cut short stays apart."""
        text = "".join(f"{json.dumps(fields.encode(entry))}\n" for entry in entries)
        handle = os.open(self.directory / "journal.jsonl", os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            size = os.fstat(handle).st_size
            cut_short = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
            os.write(handle, b"\n" * cut_short + text.encode())
            os.fsync(handle)
        finally:
            os.close(handle)

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
        return (self.directory / "journal.jsonl").read_text("utf-8", "replace").splitlines()

    def state(self) -> RunState:
        """Return what became of the run."""
        finals = [_FINAL[entry.event] for entry in self.entries(*_FINAL)]
        if finals:
            return finals[-1]
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
            SpecError: it cannot be read.
        """
        path = self.directory / _AFTER
        raw = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return dict(fields.decode(tuple[tuple[str, str], ...], [list(pair) for pair in raw.items()], "after"))

    def plan(self) -> Plan:
        """Return the run's plan."""
        return read_plan(self.directory / _PLAN)

    def outline(self) -> Plan:
        """Return the run's plan without its steps and rows."""
        return read_outline(self.directory / _PLAN)

    def facts(self) -> Facts:
        """Return the host as it was before the run."""
        return fields.decode(Facts, json.loads((self.directory / _FACTS).read_text("utf-8")), "facts")

    def begun(self) -> tuple[Planned, ...]:
        """Return the planned steps that were begun, in order: done, or perhaps half done; not those passed over."""
        planned = self.plan().planned
        steps: dict[str, set[int]] = {}
        for entry in self.entries():
            steps.setdefault(entry.event, set()).add(entry.step)
        indexes = sorted(steps.get("begin", set()) - steps.get("passed-over", set()))
        return tuple(planned[index] for index in indexes if 0 <= index < len(planned))


def now() -> str:
    """Return the time as the journal writes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _without_documents(facts: Facts) -> Facts:
    """Leave out what is kept elsewhere and may be large: of the domains, only the running interfaces are asked for."""
    domains = (
        replace(d, running=tuple(replace(i, document="") for i in d.running), persistent=(), saved=None, snapshots=())
        for d in facts.domains
        if d.running
    )
    return replace(facts, domains=tuple(domains))


def parse_entry(line: str) -> Entry | None:
    """Return a line of a journal; None where a crash cut it short.

    Raises:
        SpecError: it is whole, and no line of a journal.
    """
    try:
        raw = json.loads(line)
    except ValueError:
        return None
    return fields.decode(Entry, raw, "journal")


def _new_directory(runs: Path, name: str) -> Path:
    for suffix in ("", *(f"-{n}" for n in range(2, 100))):
        directory = runs / f"{name}{suffix}"
        try:
            directory.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return directory
    raise FileExistsError(f"{runs / name} and 98 more exist already")


def sync_directory(path: Path) -> None:
    """Wait until the directory's entries are on the disk (fsync(2): the file's own fsync does not do it)."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def list_runs(runs: Path = RUNS) -> tuple[Journal, ...]:
    """Return all runs, oldest first."""
    if not runs.is_dir():
        return ()
    found = [Journal(path) for path in runs.iterdir() if (path / "journal.jsonl").exists()]
    return tuple(sorted(found, key=lambda journal: journal.run))


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
