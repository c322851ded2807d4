"""The errors of vmnet. Each class has a stable exit code.

Every error says what happened (`message`) and what to do next (`hint`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class VmnetError(Exception):
    """Base of all errors that vmnet raises on purpose. Exit code 1.

    Args:
        message: what happened, one sentence, without a final full stop.
        hint: what to do next; empty when there is nothing to add.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class SpecError(VmnetError):
    """The request is wrong: correct it and run again. Exit code 2, as for click's usage errors."""

    exit_code = 2


class Refused(VmnetError):
    """The host is not in a state in which the request is safe; nothing was changed. Exit code 3."""

    exit_code = 3


class ToolError(VmnetError):
    """A tool of the host failed or is missing. Exit code 4.

    Args:
        argv: the command that was run; empty if none was.
        exit_status: exit status of the command. None: it was not started or timed out.
        stderr: what the command printed to standard error, unchanged.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        hint: str = "",
        *,
        argv: tuple[str, ...] = (),
        exit_status: int | None = None,
        stderr: str = "",
    ) -> None:
        super().__init__(message, hint)
        self.argv = argv
        self.exit_status = exit_status
        self.stderr = stderr


class HypervisorError(VmnetError):
    """libvirt refused or is out of reach. Exit code 4.

    Args:
        code: libvirt's error number (virErrorNumber); 0 when there is none.
    """

    exit_code = 4

    def __init__(self, message: str, hint: str = "", *, code: int = 0) -> None:
        super().__init__(message, hint)
        self.code = code


class LinkError(VmnetError):
    """The kernel refused a change of a link, or a link did not reach the wanted state in time. Exit code 4."""

    exit_code = 4


class Conflict(VmnetError):
    """Another process is changing the same thing: vmnet, a checkpoint, a client of libvirt. Exit code 5."""

    exit_code = 5


class VerifyError(VmnetError):
    """The host differs from what is wanted. Exit code 6."""

    exit_code = 6


class UndoIncomplete(VmnetError):
    """A rollback or undo is incomplete; `left` holds the commands to finish by hand. Exit code 7."""

    exit_code = 7

    def __init__(self, message: str, hint: str = "", *, left: tuple[str, ...] = ()) -> None:
        super().__init__(message, hint)
        self.left = left


def attempt(action: Callable[[], T]) -> T | VmnetError:
    """Run `action` and return its value, or what it raised, as a VmnetError.

    This is the one place below the command line that catches every exception: undos and optional readers go through it,
    because none of them may keep the next one from being tried. KeyboardInterrupt and SystemExit pass.
    """
    try:
        return action()
    except Exception as error:  # noqa: BLE001 - see above
        return as_vmnet_error(error)


def as_vmnet_error(error: Exception) -> VmnetError:
    """Return the error itself if vmnet raised it on purpose, else a VmnetError that says what it was."""
    if isinstance(error, VmnetError):
        return error
    if isinstance(error, OSError):
        found: VmnetError = ToolError(f"the system refused: {error}", "check free space and permissions: df -h, ls -l")
    else:
        text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        found = VmnetError(
            f"a bug in vmnet: {text}", "report it with the file that this writes: sudo vmnet support-bundle FILE"
        )
    found.__cause__ = error
    return found


def value_of(outcome: T | VmnetError) -> T:
    """Return what `attempt` returned, or raise it where it is an error."""
    if isinstance(outcome, VmnetError):
        raise outcome
    return outcome
