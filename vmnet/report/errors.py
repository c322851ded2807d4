"""Errors for people: what happened, why, and what to do next."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.errors import HypervisorError, ToolError, UndoIncomplete, VmnetError
from vmnet.report.screen import Line, Style
from vmnet.shell_words import command


def render_error(error: VmnetError) -> tuple[Line, ...]:
    """Return the message, the command and its stderr where a tool failed, what became of the run, and the hint."""
    first, *rest = error.message.split("\n")
    more = (Line(f"  {text}") for text in rest if text.strip())
    head = Line(f"error: {first}", Style.BAD)
    return (head, *more, *_cause(error), *_why(error), *_notes(error), *_hint(error))


def notes_of(error: BaseException) -> tuple[str, ...]:
    """Return what was added to the error on its way up (`add_note`): what became of the run it ended."""
    return tuple(getattr(error, "__notes__", ()))


def _cause(error: VmnetError) -> Iterator[Line]:
    """What an incomplete undo was called for."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, UndoIncomplete) and isinstance(cause, VmnetError):
        yield Line(f"  first error: {cause.message}")
        yield from _why(cause)


def _notes(error: VmnetError) -> Iterator[Line]:
    yield from (Line(f"  {text}") for note in notes_of(error) for text in note.split("\n"))


def _why(error: VmnetError) -> Iterator[Line]:
    match error:
        case ToolError():
            yield from _failed_tool(error)
        case HypervisorError(code=code) if code:
            yield Line(f"  libvirt's error number: {code}")
        case UndoIncomplete(left=left) if left:
            yield Line("  to finish by hand:")
            yield from (Line(f"    {command}", Style.COMMAND) for command in left)
        case _:
            pass


def _failed_tool(error: ToolError) -> Iterator[Line]:
    """The command, its exit status and stderr, but for what the message says already."""
    run = command(*error.argv)
    if run not in error.message:
        yield Line(f"  command: {run}", Style.COMMAND)
    if error.exit_status is not None and f"exit status {error.exit_status}" not in error.message:
        yield Line(f"  exit status: {error.exit_status}")
    said = (text.strip() for text in error.stderr.split("\n"))
    yield from (Line(f"  stderr: {text}") for text in said if text and text not in error.message)


def _hint(error: VmnetError) -> Iterator[Line]:
    first, *rest = error.hint.split("\n")
    if first:
        yield Line(f"hint: {first}", Style.WARNING)
        yield from (Line(f"      {text}", Style.WARNING) for text in rest)
