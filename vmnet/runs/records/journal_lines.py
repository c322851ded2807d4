"""The lines of a journal, and how they get onto the disk."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vmnet import fields
from vmnet.errors import VmnetError, attempt


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A line of the journal. `step` counts from 0 in the plan, -1 for the run as a whole; `undo` is the place of an
    undo among those of its step; `seconds` is how long what ended here has taken."""

    event: str
    step: int = -1
    text: str = ""
    time: str = ""
    undo: int = 0
    seconds: float = 0.0

    @classmethod
    def now(cls, event: str, step: int = -1, text: str = "", *, undo: int = 0, seconds: float = 0.0) -> Entry:
        """Return a line with the time of now: "2026-01-02T03:04:05Z"."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        return cls(event=event, step=step, text=text, time=stamp, undo=undo, seconds=seconds)


def parse_entry(line: str) -> Entry | None:
    """Return a line of a journal; None where a crash cut it short, or it is damaged."""
    found = attempt(lambda: fields.decode(Entry, json.loads(line), "journal", tolerant=True))
    return None if isinstance(found, VmnetError) else found


def open_own(path: Path, flags: int) -> int:
    """Open a file that root alone may read, and make it where there is none; a link is not followed."""
    return os.open(path, flags | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def append(path: Path, entries: Iterable[Entry]) -> None:
    """Append lines to the file and wait until they are on the disk; one that a crash cut short stays apart.

    Raises:
        OSError: not all could be written; then none of them is there.
    """
    text = "".join(f"{json.dumps(fields.encode(entry))}\n" for entry in entries).encode()
    handle = open_own(path, os.O_RDWR | os.O_APPEND)
    try:
        size = os.fstat(handle).st_size
        cut_short = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        left = memoryview(b"\n" * cut_short + text)
        try:
            while left:
                left = left[os.write(handle, left) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
