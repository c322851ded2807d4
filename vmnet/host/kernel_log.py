"""Read the lines of the kernel's log that mean trouble on a bridge."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.facts import LogLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

KMSG = Path("/dev/kmsg")
RECENT_S = 600
"""Older lines tell of what was, not of what is."""
_MARKS = ("with own address as source address",)
_RECORD = 8192
"""A record is never longer (CONSOLE_EXT_LOG_MAX)."""


def read_log() -> tuple[tuple[LogLine, ...], str]:
    """Return the lines that matter, oldest first, and why there are none where they could not be read.

    It starts where `dmesg --clear` left off, so that who has put something right can see whether it comes back.
    """
    try:
        handle = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK)
    except PermissionError:
        return (), "needs root"
    except OSError as error:
        return (), error.strerror or str(error)
    try:
        os.lseek(handle, 0, os.SEEK_DATA)
        return tuple(parse_records(_records(handle), now_s=time.monotonic())), ""
    finally:
        os.close(handle)


def _records(handle: int) -> Iterator[str]:
    """One read is one record; one that was overwritten meanwhile (EPIPE) is passed over."""
    while True:
        try:
            yield os.read(handle, _RECORD).decode("utf-8", "replace")
        except BlockingIOError:
            return
        except BrokenPipeError:
            continue


def parse_records(records: Iterable[str], *, now_s: float) -> Iterator[LogLine]:
    """Yield the recent lines that matter of records as /dev/kmsg has them ("4,1234,5678901,-;text", with microseconds
    since boot; Documentation/ABI/testing/dev-kmsg).

    Args:
        now_s: seconds since boot.
    """
    for record in records:
        prefix, _, text = record.partition(";")
        fields = prefix.split(",")
        if len(fields) < 3 or not fields[2].isdecimal() or not any(mark in text for mark in _MARKS):
            continue
        age_s = int(now_s - int(fields[2]) / 1_000_000)
        if age_s <= RECENT_S:
            yield LogLine(text=text.splitlines()[0], age_s=max(age_s, 0))
