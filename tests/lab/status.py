"""What a lab is doing and what it costs."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .machine import Lab

SAMPLE_S = 1.0


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _memory_mib(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def cpu_percent(pid: int, seconds: float = SAMPLE_S) -> float:
    """How much of one processor a process takes, measured now."""
    before = _cpu_seconds(pid)
    time.sleep(seconds)
    return 100 * (_cpu_seconds(pid) - before) / seconds


def render_status(lab: Lab) -> str:
    """A few lines for people."""
    record = lab.running()
    if record is None:
        others = ", ".join(sorted(path.parent.name for path in lab.directory.parent.glob("*/lab.json")))
        return f"{lab.name}: not running" + (f" (there are: {others})" if others else "")
    with lab.monitor() as monitor:
        states = ", ".join(monitor.snapshots())
    return "\n".join(
        [
            f"{lab.name}: {record.release}, state {record.state} (of {states})",
            f"  process {record.pid}: {_memory_mib(record.pid)} MiB, {cpu_percent(record.pid):.0f} % of a processor",
            f"  ssh port {record.port}, key {lab.directory / 'key'}",
        ]
    )
