"""The switches behind the NICs, as LLDP names them: one aggregate needs one switch."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from vmnet.plan.risks.accept import Risk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import SwitchPort
    from vmnet.plan.host.build import Build

FLAG = "--different-switches"


def switch_risks(build: Build) -> Iterator[Risk]:
    """Yield the risk that two NICs of an LACP bond are plugged into two switches.

    A port may hear several neighbours (through a switch that forwards LLDP): only what has none in common counts.
    """
    if not build.lacp:
        return
    for first, second in combinations(build.nics, 2):
        ours, theirs = _heard(first.ifname, build), _heard(second.ifname, build)
        if ours and theirs and not {port.chassis for port in ours} & {port.chassis for port in theirs}:
            yield Risk(
                message=f"{first.ifname} is on {_words(ours[0])}, {second.ifname} on {_words(theirs[0])}: LACP "
                "aggregates ports of one switch only, so one NIC would carry no traffic",
                hint="plug both into one switch, or use --mode active-backup; two switches that act as one for LACP "
                "(MLAG, vPC, a stack) work",
                flag=FLAG,
                accepted=build.spec.different_switches,
            )
            return


def _heard(ifname: str, build: Build) -> list[SwitchPort]:
    return [port for port in build.facts.switch_ports if port.ifname == ifname]


def _words(port: SwitchPort) -> str:
    return f"switch {port.system or port.chassis}, port {port.port or 'unknown'}"
