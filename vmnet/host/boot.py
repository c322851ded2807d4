"""What the next boot makes of the network, besides NetworkManager's profiles: read from the files that say so."""

from __future__ import annotations

from pathlib import Path

from vmnet.facts import Boot
from vmnet.host import sysfs

COMMAND_LINE = Path("/proc/cmdline")


def read_boot() -> Boot:
    """Read what is known of the next boot; files that are not there say nothing."""
    return Boot(kernel_arguments=tuple((sysfs.read_text(COMMAND_LINE) or "").split()))
