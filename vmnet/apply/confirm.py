"""The confirmation by the admin that the host can still be reached."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.apply.handover import read_ending, write_confirmed
from vmnet.apply.journal import Journal, find_run, list_runs
from vmnet.errors import Refused, SpecError
from vmnet.host.run_mark import RUNS
from vmnet.host.ssh import own_session
from vmnet.plan import steps

if TYPE_CHECKING:
    from pathlib import Path

    from vmnet.facts import SshSession


def confirm(run: str | None = None, *, runs: Path = RUNS, ssh: SshSession | None = None) -> str:
    """Write down that the run is confirmed; return its id.

    Args:
        run: its id; None: the newest one.
        ssh: the connection of this command. None: detected.

    Raises:
        SpecError: there is no such run, or it does not wait.
        Refused: this is the connection that the run was started from.
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
    write_confirmed(journal)
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
