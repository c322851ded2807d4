"""Rules about the LAN behind the bridge, where it was asked: doctor --probe."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks.findings import Finding
from vmnet.shell_words import root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts
    from vmnet.plan.steps import HostGoal

ASKED = "asked on the LAN"
ETHERNET_MTU = 1500
_SHOWN_BY = root("vmnet", "doctor", "--probe")


def gateway(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """lan.gateway: the gateway answers a MAC that nobody has heard before, as a guest's is."""
    lan = facts.lan
    if lan is None or lan.gateway_answered is None:
        return
    ok = lan.gateway_answered
    only_host = "this host, but not a new MAC" if lan.host_answered else "neither this host nor a new MAC"
    allow = "allow more MACs on the switch port (port security) or hypervisor (promiscuous mode, forged transmits)"
    yield Finding(
        rule="lan.gateway", layer="LAN", subject=lan.bridge, wanted="the gateway answers a new MAC",
        seen="it answers" if ok else f"it answers {only_host}", source=ASKED, ok=ok, shown_by=_SHOWN_BY,
        hint="" if ok else allow if lan.host_answered else "check the hops before it",
    )  # fmt: skip


def dhcp(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """lan.dhcp: a DHCP server offers an address to a new MAC; where the host has a fixed one, for information."""
    lan = facts.lan
    if lan is None:
        return
    ok = lan.dhcp_server is not None
    yield Finding(
        rule="lan.dhcp", layer="LAN", subject=lan.bridge, wanted="a DHCP server offers an address to a new MAC",
        seen=f"{lan.dhcp_server} does" if ok else "no server does", source=ASKED, ok=ok or not goal.dhcp,
        shown_by=_SHOWN_BY, hint="" if ok else "guests need fixed addresses, or reservations for their MACs",
    )  # fmt: skip


def mtu(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """lan.mtu: packets as large as the bridge lets them be come back from the gateway; above 1500, for information."""
    lan = facts.lan
    if lan is None or not lan.mtus_tried:
        return
    wanted = lan.mtus_tried[0]
    passes = lan.mtu or 0
    yield Finding(
        rule="lan.mtu", layer="LAN", subject=lan.bridge, wanted=f"packets of {wanted} bytes reach the gateway",
        seen=f"at most {passes} bytes do" if lan.mtu else "only small ones do", source=ASKED, shown_by=_SHOWN_BY,
        ok=passes >= min(wanted, ETHERNET_MTU),
        hint="" if passes >= wanted else "allow frames of that size on each switch and port on the way",
    )  # fmt: skip


CHECKS = (gateway, dhcp, mtu)
"""What doctor looks at."""
