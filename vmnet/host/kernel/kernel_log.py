"""Read the lines of the kernel's log that mean trouble on a bridge."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from vmnet.facts import LogLine
from vmnet.lines import lines_of, number_of

KMSG = Path("/dev/kmsg")
RECENT_S = 600
"""Older lines tell of what was, not of what is."""
_MARKS = ("with own address as source address",)
_RECORD = 8192
"""A record is never longer (CONSOLE_EXT_LOG_MAX)."""


def read_log() -> tuple[LogLine, ...]:
    """Return the lines that matter, oldest first.

    It starts where `dmesg --clear` left off, so that who has put something right can see whether it comes back.

    Raises:
        OSError: it cannot be read; PermissionError without root.
    """
    handle = os.open(KMSG, os.O_RDONLY | os.O_NONBLOCK)
    try:
        os.lseek(handle, 0, os.SEEK_DATA)
        return tuple(parse_records(_records(handle), now_s=time.monotonic()))
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
        logged_us = number_of(fields[2]) if len(fields) > 2 else None
        if logged_us is None or not any(mark in text for mark in _MARKS):
            continue
        age_s = int(now_s - logged_us / 1_000_000)
        if age_s <= RECENT_S:
            yield LogLine(text=lines_of(text)[0], age_s=max(age_s, 0))
