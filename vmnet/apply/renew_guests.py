"""Have guests' DHCP clients ask for new addresses by a command that their agents carry out."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import TYPE_CHECKING

from vmnet.errors import HypervisorError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmnet.host.hypervisor import Hypervisor
    from vmnet.plan.steps import BouncedLink

AT_ONCE = 8
DEADLINE_S = 20.0
"""systemd-networkd and NetworkManager answer at once; dhclient first tells the old server, which nobody hears."""
POLL_S = 0.2


def renew_by_agents(links: Sequence[BouncedLink], hypervisor: Hypervisor) -> frozenset[BouncedLink]:
    """Run `renew_guest.sh` in the guests, several at a time, and return the links where it was done.

    Where there is no agent, or one that carries out no commands (distributions block guest-exec), where the guest has
    no shell or a DHCP client that is not known, the link is not among them.
    """
    if not links:
        return frozenset()
    script = (files("vmnet.apply") / "renew_guest.sh").read_text("utf-8")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(lambda link: _renew(link, script, hypervisor), links)
        return frozenset(link for link, well in zip(links, done, strict=True) if well)


def _renew(link: BouncedLink, script: str, hypervisor: Hypervisor) -> bool:
    words = ["-c", script, "vmnet", link.mac]
    deadline = time.monotonic() + DEADLINE_S
    try:
        begun = hypervisor.command_agent(link.domain_uuid, "guest-exec", path="/bin/sh", arg=words)
        if not isinstance(begun, dict):
            return False
        while time.monotonic() < deadline:
            ended = hypervisor.command_agent(link.domain_uuid, "guest-exec-status", pid=begun.get("pid"))
            if not isinstance(ended, dict):
                return False
            if ended.get("exited"):
                return ended.get("exitcode") == 0
            time.sleep(POLL_S)
    except HypervisorError:
        return False
    return False
