"""How a call ends when it does not end well: the text or JSON of the error, and the exit code."""

from __future__ import annotations

import traceback
from collections.abc import Iterable
from contextlib import suppress

from vmnet.cli.output import show
from vmnet.cli.session import Session
from vmnet.errors import ToolError, VmnetError
from vmnet.names import printable_lines
from vmnet.report.errors import notes_of, render_error
from vmnet.report.json_forms import error_form, json_text

INTERRUPTED = 130


class Reported(VmnetError):
    """Ends the call with an exit code after the report itself has said all."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"reported, exit code {exit_code}")
        self.exit_code = exit_code


def fail(session: Session, error: VmnetError, notes: Iterable[str] = ()) -> int:
    """Report an error, with more notes, and return its exit code."""
    for note in notes:
        error.add_note(note)
    # With the terminal gone there is nobody to tell; the exit code still counts.
    with suppress(OSError):
        if isinstance(error, Reported):
            session.stdout.flush()
        elif session.json:
            session.stdout.write(json_text(error_form(error)))
            session.stdout.flush()
        else:
            session.stdout.flush()
            show(session, render_error(error), error=True)
    return error.exit_code


def interrupted(session: Session, interrupt: BaseException) -> int:
    """Report an interrupt. A run that was in progress is rolled back by now, and its notes say so."""
    notes = notes_of(interrupt)
    error = VmnetError("interrupted", "vmnet verify shows the state" if notes else "nothing was changed")
    error.exit_code = INTERRUPTED
    return fail(session, error, notes)


def refused_by_system(session: Session, error: OSError) -> int:
    """Report what the operating system refused: a full disk, a missing permission."""
    failed = ToolError(f"the system refused: {error}", "check for a full disk (df -h) and for permissions (ls -l)")
    return fail(session, failed, notes_of(error))


def bug(session: Session, error: Exception) -> int:
    """Report an error that nobody foresaw."""
    with suppress(OSError):
        session.stderr.write(printable_lines("".join(traceback.format_exception(error))))
    failed = VmnetError(
        f"a bug in vmnet: {type(error).__name__}: {error}",
        "please report it with the lines above and the output of the same command with --plan.\n"
        "vmnet verify shows the state. vmnet undo undoes the last run, also an interrupted one.",
    )
    return fail(session, failed)
