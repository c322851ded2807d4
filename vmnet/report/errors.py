"""Errors for people: what happened, why, and what to do next."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vmnet.errors import HypervisorError, ToolError, UndoIncomplete, VmnetError
from vmnet.report.blocks import Line, Style

if TYPE_CHECKING:
    from collections.abc import Iterator


def render_error(error: VmnetError) -> tuple[Line, ...]:
    """Return the message, the command and its stderr where a tool failed, what became of the run, and the hint."""
    return (Line(f"error: {error.message}", Style.BAD), *_cause(error), *_why(error), *_notes(error), *_hint(error))


def notes_of(error: BaseException) -> tuple[str, ...]:
    """Return what was added to the error on its way up (`add_note`): what became of the run it ended."""
    return tuple(getattr(error, "__notes__", ()))


def _cause(error: VmnetError) -> Iterator[Line]:
    """What an incomplete undo was called for."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, UndoIncomplete) and isinstance(cause, VmnetError):
        yield Line(f"  it began with: {cause.message}")
        yield from _why(cause)


def _notes(error: VmnetError) -> Iterator[Line]:
    yield from (Line(f"  {text}") for note in notes_of(error) for text in note.splitlines())


def _why(error: VmnetError) -> Iterator[Line]:
    match error:
        case ToolError(argv=argv, exit_status=status, stderr=stderr):
            if argv:
                yield Line(f"  command: {shlex.join(argv)}", Style.COMMAND)
            if status is not None:
                yield Line(f"  exit status: {status}")
            yield from (Line(f"  stderr: {text}") for text in stderr.splitlines() if text.strip())
        case HypervisorError(code=code) if code:
            yield Line(f"  libvirt's error number: {code}")
        case UndoIncomplete(left=left) if left:
            yield Line("  to finish by hand:")
            yield from (Line(f"    {command}", Style.COMMAND) for command in left)
        case _:
            pass


def _hint(error: VmnetError) -> Iterator[Line]:
    first, *rest = error.hint.splitlines() or [""]
    if first:
        yield Line(f"hint: {first}", Style.WARNING)
        yield from (Line(f"      {text}", Style.WARNING) for text in rest)
