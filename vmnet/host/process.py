"""Run one tool to its end: the only place that starts processes.

An argv list, never a shell. UTF-8 without translations. Time and output of each tool are limited. Standard error is
kept for the message. A tool is found on a fixed PATH and gets an environment of vmnet's own. Nothing that the caller
exported (PATH, LD_PRELOAD, PYTHONPATH, proxies) reaches it.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from vmnet.errors import ToolError
from vmnet.shell_words import command

DEFAULT_TIMEOUT_S = 60.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where tools are looked for, whatever the caller's PATH is."""
OUTPUT_LIMIT = 64 * 1024 * 1024
"""Bytes that a tool may print. What prints more is ended: root's memory is not for others to fill."""
_CHUNK = 1 << 16


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
        ToolError: the tool is missing, took too long, printed more than `OUTPUT_LIMIT`, or returned another status; the
            message holds the command ready to paste, and its standard error.
    """
    end_s = time.monotonic() + timeout_s
    try:
        with _started(argv) as process:
            stdout, stderr = _collect(process, argv, end_s)
            process.wait(max(0.0, end_s - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise ToolError(f"{command(*argv)} did not end within {timeout_s:g} s", argv=argv) from None
    out = Output(
        exit_status=process.returncode,
        stdout=stdout.decode("utf-8", "replace"),
        stderr=stderr.decode("utf-8", "replace").strip(),
    )
    if out.exit_status not in accept:
        raise ToolError(
            f"{command(*argv)} failed with exit status {out.exit_status}: {out.stderr or 'no message'}",
            argv=argv,
            exit_status=out.exit_status,
            stderr=out.stderr,
        )
    return out


@contextmanager
def _started(argv: tuple[str, ...]) -> Iterator[subprocess.Popen[bytes]]:
    """Start a tool. If it has not ended at the end of the block, it is killed with its children, which share its
    session."""
    with _start(argv) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _start(argv: tuple[str, ...]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # C.UTF-8: messages in English, names in full. Plain C turns non-ASCII profile names into "?".
            env={"PATH": PATH, "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
            # A Ctrl-C of the terminal must not kill nmcli half-way: vmnet decides what is rolled back.
            start_new_session=True,
        )
    except FileNotFoundError:
        raise _not_installed(argv) from None
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise ToolError(f"vmnet cannot start {argv[0]}: {why}", argv=argv) from None


def _collect(process: subprocess.Popen[bytes], argv: tuple[str, ...], end_s: float) -> tuple[bytes, bytes]:
    """Return what the tool prints on its two streams until it closes them.

    Raises:
        TimeoutError: it has not closed them by `end_s` (time.monotonic).
        ToolError: it prints more than `OUTPUT_LIMIT`.
    """
    printed = {stream.fileno(): bytearray() for stream in (process.stdout, process.stderr) if stream}
    # Not select(2), which takes no descriptor above 1023: one that listens on a thousand taps has more.
    poll, unfinished = select.poll(), set(printed)
    for descriptor in printed:
        poll.register(descriptor, select.POLLIN)
    while unfinished:
        if (left_s := end_s - time.monotonic()) <= 0:
            raise TimeoutError
        for descriptor, _ in poll.poll(left_s * 1000):
            chunk = os.read(descriptor, _CHUNK)
            printed[descriptor].extend(chunk)
            if not chunk:
                unfinished.remove(descriptor)
                poll.unregister(descriptor)
        if sum(map(len, printed.values())) > OUTPUT_LIMIT:
            raise ToolError(f"{command(*argv)} printed more than {OUTPUT_LIMIT >> 20} MiB", argv=argv)
    stdout, stderr = map(bytes, printed.values())
    return stdout, stderr


def start_detached(argv: tuple[str, ...]) -> None:
    """Start `argv`, a part of vmnet itself, in a session of its own, without terminal, and leave it to itself.

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
        raise _not_installed(argv) from None


def _not_installed(argv: tuple[str, ...]) -> ToolError:
    return ToolError(f"{argv[0]} is not installed", f"install the package that contains {argv[0]}", argv=argv)


def has_tool(name: str) -> bool:
    """Return whether `name` is found on `PATH`."""
    return shutil.which(name, path=PATH) is not None
