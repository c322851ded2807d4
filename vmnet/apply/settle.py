"""Rollback on a switch with LACP: in which order the ports leave the bond, and the pause between them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from vmnet.facts.bonding import leaves_last
from vmnet.host import nmcli
from vmnet.host.bonding import read_ports_of
from vmnet.plan import steps
from vmnet.plan.commands import take_down

if TYPE_CHECKING:
    from collections.abc import Iterable


def settle(step: steps.LetSettle | steps.LeaveLast) -> None:
    """Wait for the switch; before, take the other ports out of the bond where the step's link must be its last one.

    Raises:
        ToolError: NetworkManager refused to take a port out.
    """
    if isinstance(step, steps.LeaveLast):
        ports = read_ports_of(step.bond)
        if leaves_last(step.ifname, ports) == step.turned:
            return
        there = {port.ifname for port in ports}
        _take_down(uuid for ifname, uuid in step.others if ifname in there)
    time.sleep(step.seconds)


def _take_down(uuids: Iterable[str]) -> None:
    for uuid in uuids:
        nmcli.call(take_down(uuid), accept=(0, nmcli.NOT_ACTIVE, nmcli.NOT_FOUND))
