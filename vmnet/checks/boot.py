"""Rules about the next boot: what would come up then, and is not as it is now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks.findings import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts
    from vmnet.plan.steps import HostGoal

COMMAND_LINE = "/proc/cmdline"


def kernel_address(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """boot.kernel-address: `ip=` makes the initrd configure a NIC, and NetworkManager a profile of it in /run."""
    words = [word for word in (facts.boot.kernel_arguments if facts.boot else ()) if word.startswith("ip=")]
    if words:
        yield Finding(
            rule="boot.kernel-address", layer="boot", subject="kernel command line", wanted="no ip=",
            seen=" ".join(words), source=COMMAND_LINE, ok=False, shown_by="cat /proc/cmdline",
            hint="take it out of the boot loader's configuration (GRUB_CMDLINE_LINUX in /etc/default/grub)",
            fix=("sudo editor /etc/default/grub", "sudo update-grub"),
        )  # fmt: skip
