"""Run one tool to its end: the only place that starts processes.

An argv list, never a shell; UTF-8 without translations; a timeout on each; standard error kept for the message.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass

from vmnet.errors import ToolError

DEFAULT_TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """What a tool left: its exit status and what it printed."""

    exit_status: int
    stdout: str
    stderr: str


def run(argv: tuple[str, ...], *, timeout_s: float = DEFAULT_TIMEOUT_S, accept: tuple[int, ...] = (0,)) -> Output:
    """Run `argv` to its end and return what it printed.

    Args:
        timeout_s: seconds after which the tool is killed.
        accept: exit statuses that are not errors.

    Raises:
        ToolError: the tool is missing, took too long, or returned another status; the message holds the command
            ready to paste, and its standard error.
    """
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            # C.UTF-8: messages in English, names in full. Plain C turns non-ASCII profile names into "?".
            env={**os.environ, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
            # A Ctrl-C of the terminal must not kill nmcli half-way: vmnet decides what is rolled back.
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ToolError(f"{argv[0]} is not installed", f"install the package that has {argv[0]}", argv=argv) from None
    except subprocess.TimeoutExpired:
        raise ToolError(f"no answer within {timeout_s:g} s: {shlex.join(argv)}", argv=argv) from None
    out = Output(
        exit_status=done.returncode,
        stdout=done.stdout.decode("utf-8", "replace"),
        stderr=done.stderr.decode("utf-8", "replace").strip(),
    )
    if out.exit_status not in accept:
        raise ToolError(
            f"{shlex.join(argv)} failed with exit status {out.exit_status}: {out.stderr or 'no message'}",
            argv=argv,
            exit_status=out.exit_status,
            stderr=out.stderr,
        )
    return out


def start_detached(argv: tuple[str, ...]) -> None:
    """Start `argv` in a session of its own, without terminal, and leave it to itself.

    Raises:
        ToolError: it is not there.
    """
    try:
        subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
        )
    except FileNotFoundError:
        raise ToolError(f"{argv[0]} is not installed", f"install the package that has {argv[0]}", argv=argv) from None


def has_tool(name: str) -> bool:
    """Return whether `name` is found on the PATH."""
    return shutil.which(name) is not None
