"""Undo a run that this vmnet cannot read: by the script that the vmnet which made it has left beside its journal."""

from __future__ import annotations

from typing import NoReturn

from vmnet.apply.handover import read_request
from vmnet.apply.journal import UNDO_SCRIPT, Journal, find_run
from vmnet.apply.journal_lines import Entry, now
from vmnet.errors import Refused, ToolError, UndoIncomplete, VmnetError, attempt
from vmnet.host import nmcli, process
from vmnet.shell_words import root

_SCRIPT_S = 3600.0


def undo_unread(journal: Journal, why: VmnetError) -> NoReturn:
    """Undo the run, or finish one that is itself an undo, and say in the journal what came of it.

    Raises:
        Refused: nothing can be done; the run stays as it is.
        ToolError: the run is undone.
        UndoIncomplete: not all of it.
    """
    request = attempt(lambda: read_request(journal))
    undoes = None if isinstance(request, VmnetError) else request.undoes
    made = find_run(undoes, journal.directory.parent) if undoes else journal
    script = made.directory / UNDO_SCRIPT
    if not script.exists():
        raise Refused(why.message, "the run has no undo script; vmnet doctor shows the state of the host")
    _note(journal, "recovering")
    checkpoint = journal.checkpoint()
    if checkpoint:
        attempt(lambda: nmcli.roll_back_checkpoint(checkpoint))
    # The script asks for the lock, which we hold.
    argv = ("env", "VMNET_LOCKED=1", "sh", str(script))
    ran = attempt(lambda: process.run(argv, timeout_s=_SCRIPT_S))
    if isinstance(ran, VmnetError):
        by_hand = root("sh", str(script))
        _note(journal, "incomplete", text=by_hand)
        raise UndoIncomplete(f"{why.message}; {ran.message}", "finish by hand:", left=(by_hand,))
    _note(journal, "committed" if undoes else "rolled-back")
    if undoes:
        _note(made, "undone", text=journal.run)
    raise ToolError(f"{why.message}; it was undone by {script}", "run the command again; vmnet verify shows the state")


def _note(journal: Journal, event: str, *, text: str = "") -> None:
    attempt(lambda: journal.note_anyway([Entry(event=event, text=text, time=now())]))
