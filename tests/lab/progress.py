"""Progress on stderr: what the lab does now, and how long that took."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

HEARTBEAT_S = 15.0


def say(line: str) -> None:
    """Print one line of progress."""
    print(f"lab: {line}", file=sys.stderr, flush=True)


def _beat(what: str, started: float, done: threading.Event) -> None:
    while not done.wait(HEARTBEAT_S):
        say(f"{what}: still at it after {time.monotonic() - started:.0f} s")


@contextmanager
def step(what: str) -> Iterator[None]:
    """Announce a step, show that it is alive, and say how long it took."""
    say(f"{what} ...")
    started = time.monotonic()
    done = threading.Event()
    threading.Thread(target=_beat, args=(what, started, done), daemon=True).start()
    try:
        yield
    finally:
        done.set()
    say(f"{what}: {time.monotonic() - started:.1f} s")
