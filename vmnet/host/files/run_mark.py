"""What tells whether a run of vmnet has written something since: facts carry it, so that no plan outlives them."""

from __future__ import annotations

import hashlib
from pathlib import Path

from vmnet.errors import Conflict

RUNS = Path("/var/lib/vmnet/runs")
JOURNAL = "journal.jsonl"


def read_mark(runs: Path = RUNS, *, without: str = "") -> str:
    """Return a hash of all runs and the lengths of their journals; "" where they cannot be read.

    Args:
        without: leave the run with this id out.
    """
    try:
        sizes = [(path.name, _size(path)) for path in runs.iterdir() if path.name != without]
    except FileNotFoundError:
        sizes = []
    except OSError:
        return ""
    return hashlib.sha256(repr(sorted(sizes)).encode()).hexdigest()


def check_mark(mark: str, runs: Path, *, without: str = "") -> None:
    """Raise Conflict if vmnet has written something since the mark was read; "" is no mark."""
    if mark and mark != read_mark(runs, without=without):
        raise Conflict(
            "another run of vmnet has changed this host after this plan was made; this run changed nothing",
            "run the command again: it makes a new plan from the host as it is now",
        )


def _size(directory: Path) -> int:
    try:
        return (directory / JOURNAL).stat().st_size
    except OSError:
        return -1
