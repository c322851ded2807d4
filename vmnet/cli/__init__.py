"""The command line: the one place that knows click, and the one that turns errors into exit codes."""

from __future__ import annotations

import gc
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NoReturn

import click

import vmnet
from vmnet.cli.commands import COMPLETE_VARIABLE, Commands, load
from vmnet.cli.session import Session
from vmnet.errors import SpecError, VmnetError
from vmnet.runs.lock import TerminalGone, one_interrupt

READER_GONE = 141
"""As for a program that SIGPIPE ended: whoever read our output went away."""
TERMINAL_GONE = 129
"""As for a program that SIGHUP ended. A run that was begun goes on."""

HELP = """Move a libvirt host and its VMs from NAT to a bonded bridge on the LAN, and back.

Each command that changes the host reads its state, plans, shows the plan, and asks. Then it applies the plan with a
journal, and verifies. With --plan it stops after showing the plan: it changes nothing and needs no root.

\b
Examples, in the order of use:
  vmnet host-setup em1 p4p1 --plan          show the plan as nmcli commands, change nothing
  sudo vmnet host-setup em1 p4p1            build bond0 on two NICs, and br0 on it with the host's address
  sudo vmnet attach-domain web01            move one VM onto the bridge
  sudo vmnet migrate-from-virbr0            move all other VMs from libvirt's NAT network onto the bridge
  vmnet verify                              compare what is wanted with nmcli, the kernel and libvirt
  vmnet status                              show the host as a tree, or with --picture as a drawing
  sudo vmnet undo                           undo the last run
"""

EPILOG = """\b
Exit codes:
  0 done, or nothing to do    4 a tool, libvirt or the kernel failed
  1 a bug in vmnet            5 another process is changing the same thing
  2 the request is wrong      6 the host differs from what is wanted
  3 refused, nothing changed  7 the undo is incomplete
  130 interrupted; a run that had begun was rolled back
"""


@click.command(
    "vmnet", cls=Commands, help=HELP, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(vmnet.__version__, prog_name="vmnet", message="%(prog)s %(version)s")
def group() -> None:
    """Hold all commands; each reads its own options."""


def main(argv: Sequence[str] | None = None, *, session: Session | None = None) -> int:
    """Run vmnet as from a shell and return its exit code.

    Args:
        argv: the words after `vmnet`; None: those of this process.
        session: the streams and the environment to use; None: those of this process.
    """
    if argv is None and not sys.flags.utf8_mode and sys.getfilesystemencoding() != "utf-8":
        _start_in_utf8()
    words = tuple(sys.argv[1:] if argv is None else argv)
    if session is None:
        # Nothing that is written may be written to by others, whatever makes it; an umask that allows less stays.
        os.umask(os.umask(0o022) | 0o022)
        # Records hold no circles, and with thousands of domains there are so many that looking for some is felt.
        gc.set_threshold(100_000)
        session = Session(argv=words)
        for stream in (session.stdin, session.stdout, session.stderr):
            if isinstance(stream, io.TextIOWrapper):
                # A name that the terminal's encoding lacks is no reason to die in the middle of a run.
                stream.reconfigure(errors="backslashreplace")
    if COMPLETE_VARIABLE in session.environ:
        group.main(list(words), prog_name="vmnet", complete_var=COMPLETE_VARIABLE, obj=session)
    with one_interrupt():
        return _guarded(session, words)


def _start_in_utf8() -> NoReturn:
    """Start this process again in Python's UTF-8 mode; the terminal keeps its encoding.

    The kernel, NetworkManager and libvirt name things in UTF-8; in another encoding no file can have such a name.
    """
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    environ = {**os.environ, "PYTHONUTF8": "1", "PYTHONIOENCODING": f"{encoding}:backslashreplace"}
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], environ)  # noqa: S606 - itself


def _guarded(session: Session, words: Sequence[str]) -> int:
    try:
        code = _run(session, words)
        session.stdout.flush()
    except VmnetError as error:
        code = _outcome().fail(session, error)
    except TerminalGone:
        code = TERMINAL_GONE
    except (KeyboardInterrupt, click.Abort) as interrupt:
        code = _outcome().interrupted(session, interrupt)
    except BrokenPipeError:
        code = READER_GONE
    except OSError as error:
        code = _outcome().refused_by_system(session, error)
    except Exception as error:  # noqa: BLE001 - the one place where a bug ends
        code = _outcome().bug(session, error)
    return code if _flushed(session) else code or READER_GONE


def _run(session: Session, words: Sequence[str]) -> int:
    try:
        with group.make_context("vmnet", list(words) or ["--help"], obj=session) as context:
            group.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        path = error.ctx.command_path if error.ctx else "vmnet"
        raise SpecError(error.format_message().rstrip("."), f"{path} --help") from None
    except click.ClickException as error:
        raise SpecError(error.format_message()) from None
    return 0


def _outcome() -> Any:
    return load("vmnet.cli.outcome")


def _flushed(session: Session) -> bool:
    """Return whether all was written; when the reader has gone, see that Python's own last flush is quiet."""
    try:
        session.stdout.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), session.stdout.fileno())
        return False
    return True
