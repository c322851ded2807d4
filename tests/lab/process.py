"""The one place of the lab that starts processes: an argv, never a shell; always a time limit."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import LabError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# An ordinary user's PATH lacks the administrator's directories, where mkfs and chroot live.
PATH = os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A process that has run to its end."""

    argv: tuple[str, ...]
    returncode: int
    stdout: str
    stderr: str

    def describe(self) -> str:
        """The command ready to paste, its exit code and what it said."""
        said = (self.stderr.strip() or self.stdout.strip())[-2000:]
        return f"exit code {self.returncode} from: {shlex.join(self.argv)}\n{said}".rstrip()


def find(program: str) -> str | None:
    """The path of a program, or None."""
    return shutil.which(program, path=PATH)


def _environment() -> dict[str, str]:
    return {**os.environ, "PATH": PATH, "LC_ALL": "C.UTF-8"}


def run(
    argv: Sequence[str],
    *,
    timeout: float,
    stdin: bytes | None = None,
    check: bool = True,
    cwd: Path | None = None,
    shown: Sequence[str] = (),
) -> Completed:
    """Run to the end and keep what was printed; errors show the command, or ``shown`` in its place."""
    command = tuple(shown or argv)
    try:
        done = subprocess.run(
            list(argv),
            input=b"" if stdin is None else stdin,
            capture_output=True,
            timeout=timeout,
            cwd=cwd,
            env=_environment(),
            check=False,
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end after {timeout:.0f} s: {shlex.join(command)}") from error
    completed = Completed(
        argv=command,
        returncode=done.returncode,
        stdout=done.stdout.decode(errors="replace"),
        stderr=done.stderr.decode(errors="replace"),
    )
    if check and completed.returncode:
        raise LabError(completed.describe())
    return completed


def stream(argv: Sequence[str], *, timeout: float, cwd: Path | None = None) -> int:
    """Run with our own stdin, stdout and stderr; return the exit code."""
    try:
        return subprocess.run(list(argv), timeout=timeout, cwd=cwd, env=_environment(), check=False).returncode
    except subprocess.TimeoutExpired as error:
        raise LabError(f"no end after {timeout:.0f} s: {shlex.join(argv)}") from error


def background(argv: Sequence[str], *, cwd: Path | None = None) -> subprocess.Popen[str]:
    """Start and return at once, with pipes for stdin and stdout (stderr joins stdout)."""
    return subprocess.Popen(
        list(argv),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=cwd,
        env=_environment(),
    )
