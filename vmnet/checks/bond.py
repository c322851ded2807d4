"""Rules about bonds under bridges that guests are on: what of their settings harms guests, and what does not help."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks.findings import NETLINK, SYSFS, Finding
from vmnet.checks.ways import modify_profile
from vmnet.shell_words import command, pipe, root
from vmnet.spec import BondMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts, Link
    from vmnet.plan.steps import HostGoal
    from vmnet.shell_words import Command

UNFIT = {
    BondMode.BALANCE_RR: "sends one connection's frames over all ports, so they arrive out of order",
    BondMode.BROADCAST: "sends every frame over every port, so guests get duplicates",
    BondMode.BALANCE_TLB: "changes source MACs, so the switch learns guests' MACs on the wrong port",
    BondMode.BALANCE_ALB: "rewrites ARP answers, so guests behind the bridge lose their neighbours",
}
_TAPS = ("tun", "veth")
_MUCH = 1 << 30
"""Bytes: less than that may be one download."""
_SKEWED = 0.95
"""Of all that the bond has sent, what one port of several must have carried to be told of."""


def _bonds(goal: HostGoal, facts: Facts) -> list[Link]:
    """Return the bonds that are ports of the wanted bridge, or of one that taps are in."""
    bridges = {goal.bridge, *(link.controller for link in facts.links if link.kind in _TAPS)}
    return [link for link in facts.links if link.bond is not None and link.controller in bridges]


def _profile(bond: Link, facts: Facts) -> str:
    device = facts.device(bond.ifname)
    return (device.profile if device else None) or ""


def min_links(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """bond.min-links: no more ports are needed than carry frames."""
    link = facts.link(goal.bond)
    state = link.bond if link else None
    if link is None or state is None or not state.min_links:
        return
    ports = facts.ports(link.ifname)
    carry = sum(port.lacp.forwarding if port.lacp else port.carrier for port in ports)
    # With as many as there are, the first pulled cable takes the bond down.
    ok = state.min_links <= carry and (state.min_links < len(ports) or len(ports) == 1)
    yield Finding(
        rule="bond.min-links", layer="bond", subject=link.ifname, wanted="min_links below the number of ports",
        seen=f"min_links {state.min_links}; {carry} of {len(ports)} ports carry frames", source=NETLINK, ok=ok,
        hint="" if ok else "the bond loses its carrier as soon as fewer ports are up: min_links=1 is enough",
        shown_by=show_option(link.ifname, "min_links"),
        fix=() if ok else _option(link, facts, "min_links", "1"),
    )  # fmt: skip


def _option(bond: Link, facts: Facts, name: str, value: str) -> tuple[Command, ...]:
    return set_option(bond.ifname, _profile(bond, facts), name, value)


def show_option(bond: str, name: str) -> Command:
    """Return the command that shows an option of a bond as the kernel has it."""
    return command("cat", _file(bond, name))


def set_option(bond: str, uuid: str | None, name: str, value: str) -> tuple[Command, ...]:
    """Return the commands that set an option now and, in the bond's profile, for each boot to come, without a cut."""
    now = set_option_now(bond, name, value)
    return (now, modify_profile(uuid, "+bond.options", f"{name}={value}")) if uuid else (now,)


def set_option_now(bond: str, name: str, value: str) -> Command:
    """Return the command that sets an option in the kernel alone."""
    return pipe(command("echo", value), root("tee", _file(bond, name)))


def _file(bond: str, option: str) -> str:
    return f"/sys/class/net/{bond}/bonding/{option}"


def fit_mode(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """bond.unfit-mode: no bond under guests is in a mode that harms them."""
    for bond in _bonds(goal, facts):
        reason = next((why for mode, why in UNFIT.items() if bond.bond and mode.value == bond.bond.mode), "")
        if reason:
            yield Finding(
                rule="bond.unfit-mode", layer="bond", subject=bond.ifname,
                wanted="802.3ad, active-backup or balance-xor",
                seen=f"mode {bond.bond.mode if bond.bond else ''}, which {reason}", source=NETLINK, ok=False,
                hint="sudo vmnet host-setup creates the bond again; use --mode active-backup if the switch has no LACP",
                shown_by=show_option(bond.ifname, "mode"),
            )  # fmt: skip


def arp_monitor(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """bond.arp-monitor: no bond under a bridge watches its ports by ARP."""
    for bond in _bonds(goal, facts):
        interval = bond.bond.arp_interval_ms if bond.bond else 0
        if interval:
            uuid = _profile(bond, facts)
            gone = ("-bond.options", "arp_interval", "-bond.options", "arp_ip_target")
            now, *stored = set_option(bond.ifname, uuid, "miimon", "100")
            yield Finding(
                rule="bond.arp-monitor", layer="bond", subject=bond.ifname, wanted="links monitored by miimon",
                seen=f"ARP every {interval} ms", source=NETLINK, ok=False,
                shown_by=show_option(bond.ifname, "arp_interval"),
                fix=(
                    set_option_now(bond.ifname, "arp_interval", "0"),
                    now,
                    *((modify_profile(uuid, *gone), *stored) if uuid else ()),
                ),
            )  # fmt: skip


def quiet_failover(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """bond.quiet-failover: a note on what a failover of active-backup means for guests."""
    for bond in _bonds(goal, facts):
        if bond.bond and bond.bond.mode == BondMode.ACTIVE_BACKUP.value:
            yield Finding(
                rule="bond.quiet-failover", layer="bond", subject=bond.ifname, wanted="the switch learns of a failover",
                seen=f"active-backup over {bond.bond.active_port or 'no port'}", source=NETLINK, ok=True,
                hint="after a failover a guest is unreachable until it sends something; with LACP it is not",
                shown_by=show_option(bond.ifname, "active_slave"),
            )  # fmt: skip


def skewed(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """bond.skewed: a note where one port of several carries nearly all that is sent."""
    for bond in _bonds(goal, facts):
        sent = {port.ifname: port.sent_bytes for port in facts.bond_ports if port.bond == bond.ifname}
        total, most = sum(sent.values()), max(sent, key=lambda name: sent[name], default="")
        policy = bond.bond.hash_policy if bond.bond else None
        if policy and len(sent) > 1 and total >= _MUCH and sent[most] >= _SKEWED * total:
            yield Finding(
                rule="bond.skewed", layer="bond", subject=bond.ifname, wanted="all ports carry traffic",
                seen=f"{most} has sent {round(100 * sent[most] / total)} % of {total >> 30} GiB; hash policy {policy}",
                source=SYSFS, ok=True,
                shown_by=command("ip", "-s", "link", "show", "master", bond.ifname),
                hint="layer2 sends all traffic from one guest to one peer or the gateway over one port; "
                "layer2+3 also uses IP addresses, layer3+4 also TCP and UDP ports",
            )  # fmt: skip


CHECKS = (fit_mode, arp_monitor, quiet_failover, skewed)
"""What doctor looks at besides, on any host."""
