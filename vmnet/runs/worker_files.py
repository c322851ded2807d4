"""What a run's worker is given, and what it leaves: two files beside the journal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from vmnet import errors, fields
from vmnet.errors import Refused, SpecError
from vmnet.facts import DomainState, SshSession
from vmnet.host.files.run_mark import RUNS
from vmnet.host.files.ssh import own_session
from vmnet.plan import steps
from vmnet.runs.progress import RunResult
from vmnet.runs.records.journal import Journal, find_run, list_runs
from vmnet.runs.records.journal_lines import Entry

_REQUEST = "request.json"
ENDING = "ending.json"
_KINDS = {
    name: kind for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.VmnetError)
}
_DETAILS = ("argv", "exit_status", "stderr", "code", "left")
"""What some of them hold besides message and hint."""
_INTERRUPT = "KeyboardInterrupt"

FORMAT = 1
"""Of the files of a run. It counts up when an older vmnet can no longer read them: that one undoes by script."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the worker needs besides plan and facts: the hypervisor's URI, and which domains there were in what states
    (see `digest`). `undoes` is the run that this one undoes, also for the case that the plan
    cannot be read."""

    uri: str
    domains: str = ""
    undoes: str | None = None
    format: int = FORMAT


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorRecord:
    """An error as a record: its class's name, and all that the classes of `vmnet.errors` hold."""

    type: str
    message: str
    hint: str = ""
    notes: tuple[str, ...] = ()
    argv: tuple[str, ...] = ()
    exit_status: int | None = None
    stderr: str = ""
    code: int = 0
    left: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a run ended: the result of one that holds, or the error of one that does not."""

    result: RunResult | None = None
    error: ErrorRecord | None = None


def digest(states: Iterable[tuple[str, DomainState]]) -> str:
    """Return what tells whether domains have come, gone, started or stopped: a hash of their names and states."""
    text = "\n".join(sorted(f"{state.value} {name}" for name, state in states))
    return hashlib.sha256(text.encode()).hexdigest()


def write_request(journal: Journal, request: Request) -> None:
    """Leave the request for the worker."""
    journal.write(_REQUEST, json.dumps(fields.encode(request)).encode())


def read_request(journal: Journal) -> Request:
    """Return what the worker is given.

    Raises:
        Refused: it cannot be read.
    """
    return journal.record(_REQUEST, Request)


def write_ending(journal: Journal, ending: Ending) -> None:
    """Leave the ending for whoever follows, and say in the journal that it is there; the plan is in the run already."""
    result = ending.result
    if result is not None:
        ending = replace(ending, result=replace(result, plan=replace(result.plan, planned=(), rows=())))
    journal.write_anyway(ENDING, json.dumps(fields.encode(ending)).encode())
    note_ended(journal)


def note_ended(journal: Journal) -> None:
    """Say in the journal that the ending is there, as its last line; once is enough."""
    last = journal.last()
    if last is None or last.event != "ended":
        journal.note_anyway([Entry.now("ended")])


def read_ending(journal: Journal) -> Ending | None:
    """Return how the run ended, its result with the plan's outline; None while it has not."""
    return journal.record(ENDING, Ending) if journal.place_of(ENDING).exists() else None


class Word(StrEnum):
    """A word to the worker, as an empty file: the run is not to be begun, or the admin has confirmed it."""

    CANCELLED = "cancelled"
    CONFIRMED = "confirmed"


def leave_word(journal: Journal, word: Word) -> None:
    """Leave this word for the worker."""
    journal.write(word, b"")


def has_word(journal: Journal, word: Word) -> bool:
    """Return whether this word was left."""
    return (journal.directory / word).exists()


def record_of(error: BaseException, unit: str) -> ErrorRecord:
    """Return an error as a record; what nobody foresaw becomes a VmnetError that names the `unit` of its log."""
    notes = tuple(getattr(error, "__notes__", ()))
    match error:
        case errors.VmnetError():
            details = {name: getattr(error, name) for name in _DETAILS if hasattr(error, name)}
            kind = type(error).__name__
            return ErrorRecord(type=kind, message=error.message, hint=error.hint, notes=notes, **details)
        case KeyboardInterrupt():
            return ErrorRecord(type=_INTERRUPT, message="interrupted", notes=notes)
        case Exception():
            known = errors.as_vmnet_error(error)
            hint = known.hint if isinstance(error, OSError) else f"report it with the output of: journalctl -u {unit}"
            return replace(record_of(known, unit), hint=hint, notes=notes)
        case _:
            return ErrorRecord(type="VmnetError", message=f"the worker ended: {type(error).__name__}", notes=notes)


def error_of(record: ErrorRecord) -> BaseException:
    """Return the error that a record tells of, to be raised again."""
    error: BaseException
    if record.type == _INTERRUPT:
        error = KeyboardInterrupt()
    else:
        error = _KINDS.get(record.type, errors.VmnetError)(record.message, record.hint)
        for name in (name for name in _DETAILS if hasattr(error, name)):
            setattr(error, name, getattr(record, name))
    for note in record.notes:
        error.add_note(note)
    return error


# The confirmation by the admin that the host can still be reached.


def confirm(run: str | None = None, *, runs: Path = RUNS, ssh: SshSession | None = None) -> str:
    """Confirm a run that waits for confirmation (host-setup with `confirm_s`), from a new connection; return its id.

    Args:
        run: id of the run. None: the newest one.
        ssh: the connection of this command. None: detected.

    Raises:
        SpecError: there is no such run, or it does not wait.
        Refused: this is the connection that started the run; it does not prove that new connections work.
        PermissionError: only root may confirm a run.
    """
    journal = _journal(run, runs)
    if not _waits(journal):
        raise SpecError(f"run {journal.run} does not wait for a confirmation", "sudo vmnet runs shows its state")
    started_from = journal.facts().ssh
    if started_from is not None and started_from == (ssh or own_session()):
        raise Refused(
            "this is the connection that started the run: an existing connection does not prove that new ones work",
            "log in again, and run there: sudo vmnet confirm",
        )
    leave_word(journal, Word.CONFIRMED)
    return journal.run


def _journal(run: str | None, runs: Path) -> Journal:
    if run is not None:
        return find_run(run, runs)
    newest = list_runs(runs)[-1:]
    if not newest:
        raise SpecError("no run waits for a confirmation", "host-setup --confirm SECONDS starts one that does")
    return newest[0]


def _waits(journal: Journal) -> bool:
    last = list(journal.entries("begin", "undo"))[-1:]
    planned = journal.plan().planned
    step = planned[last[0].step].step if last and last[0].event == "begin" else None
    return isinstance(step, steps.WaitConfirmation) and read_ending(journal) is None
