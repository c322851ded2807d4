"""Rules about LACP: a partner, one group, and each port taking and sending frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks.findings import NETLINK, SYSFS, Finding
from vmnet.checks.ways import show_link
from vmnet.shell_words import command, in_turn
from vmnet.spec import BondMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import BondPort, Facts, LacpPort, Link
    from vmnet.plan.steps import HostGoal
    from vmnet.shell_words import Command

NOBODY = "00:00:00:00:00:00"
PROC = "kernel (proc)"
_EXPIRED, _DEFAULTED, _SYNCHRONISED = 0x80, 0x40, 0x08
_COLLECTING, _DISTRIBUTING = 0x10, 0x20


def lacp_aggregator(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """lacp.aggregator: all ports are in one aggregator; a port in another carries nothing."""
    link = _lacp_bond(goal, facts)
    if link is None or link.bond is None:
        return
    ids = sorted({port.lacp.aggregator_id for port in facts.ports(link.ifname) if port.lacp})
    seen = link.bond.aggregator_ports or 0
    ok = seen == len(goal.nics) and ids == [link.bond.aggregator_id]
    listed = ", ".join(str(number) for number in ids) or "none"
    yield Finding(
        rule="lacp.aggregator", layer="LACP", subject=link.ifname,
        wanted=f"one aggregator with {_ports(len(goal.nics))}",
        seen=f"active aggregator with {_ports(seen)}; ports in {listed}", source=NETLINK, ok=ok,
        hint="" if ok else _why_apart(goal, facts), shown_by=_show(link.ifname),
    )  # fmt: skip


def _ports(number: int) -> str:
    return f"{number} port{'' if number == 1 else 's'}"


def _why_apart(goal: HostGoal, facts: Facts) -> str:
    links = [link for link in map(facts.link, goal.nics) if link is not None]
    if len({(link.speed_mbit, link.duplex) for link in links}) > 1:
        speeds = ", ".join(f"{link.ifname} {link.speed_mbit} Mbit/s {link.duplex}" for link in links)
        return f"ports of different speed or duplex do not aggregate: {speeds}"
    return "put the switch ports into one LACP channel group, on one switch (or an MLAG pair)"


def lacp_partner(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """lacp.partner: a switch answers LACP."""
    link = _lacp_bond(goal, facts)
    if link is None or link.bond is None:
        return
    partner = link.bond.partner_mac
    ok = partner is not None and partner != NOBODY
    yield Finding(
        rule="lacp.partner", layer="LACP", subject=link.ifname, wanted="the switch's MAC",
        seen=f"partner {partner}" if ok else "no partner", source=NETLINK, ok=ok,
        hint="" if ok else "configure LACP on the switch ports, or use --mode active-backup, which needs none",
        shown_by=show_link(link.ifname),
    )  # fmt: skip


def lacp_ports(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """lacp.port: each port collects and distributes frames, and so does the switch's end of it."""
    bond = _lacp_bond(goal, facts)
    told = {port.ifname: port for port in facts.bond_ports}
    for name in goal.nics if bond else ():
        link = facts.link(name)
        if link is None:
            continue
        ok = link.lacp is not None and link.lacp.both_forwarding
        state = f"port state {link.lacp.actor_state}" if link.lacp else "not an LACP port"
        yield Finding(
            rule="lacp.port", layer="LACP", subject=name, wanted="collecting, distributing",
            seen=f"collecting, distributing ({state})" if ok else f"{_ailing(link.lacp, told.get(name))}{state}",
            source=SYSFS, ok=ok, hint="" if ok else _port_hint(link, told.get(name)),
            shown_by=_show(bond.ifname if bond else ""),
        )  # fmt: skip


def _ailing(lacp: LacpPort | None, port: BondPort | None) -> str:
    """Say in words what the bits of both ends (IEEE 802.1AX 6.4.2.3) mean for a port that carries nothing."""
    if lacp is None:
        return ""
    words = []
    if lacp.actor_state & _DEFAULTED:
        words.append("no partner answers")
    if lacp.actor_state & _EXPIRED:
        words.append("the partner stopped answering")
    if not lacp.actor_state & _SYNCHRONISED:
        words.append("not in the group")
    elif lacp.forwarding:
        words.append("the switch's end does not collect and distribute")
    if port is not None and port.churned:
        words.append("for a minute or longer")
    return "".join(f"{word}; " for word in words)


def _port_hint(link: Link, port: BondPort | None) -> str:
    if link.lacp is None:
        return "it is not a port of an LACP bond: see nic.controller"
    if link.lacp.actor_state & (_DEFAULTED | _EXPIRED):
        return "its switch port does not use LACP: put it into the channel group, mode active"
    if port is not None and port.churned:
        return "the switch does not accept this port into the group: check its LACP state there"
    return "LACP is still negotiating; half a minute after the link came up, check its LACP state on the switch"


def same_partner(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """lacp.same-partner: all ports end in one group of one switch; root alone can see it."""
    if _lacp_bond(goal, facts) is None:
        return
    ports = [port for port in facts.bond_ports if port.bond == goal.bond and port.partner_mac not in (None, NOBODY)]
    if not ports:
        return
    ok = len({(port.partner_mac, port.partner_key) for port in ports}) == 1
    apart = ", ".join(f"{port.ifname} in key {port.partner_key} of {port.partner_mac}" for port in ports)
    yield Finding(
        rule="lacp.same-partner", layer="LACP", subject=goal.bond or "", wanted="one group of one switch",
        seen=f"key {ports[0].partner_key} of {ports[0].partner_mac}" if ok else apart, source=PROC, ok=ok,
        hint="" if ok else "the cables lead to two channel groups, or to two switches that are not one LACP system",
        shown_by=_show(goal.bond or "", "sudo"),
    )  # fmt: skip


def same_speed(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """lacp.same-speed: all ports with carrier have one speed, full duplex; others do not aggregate."""
    bond = _lacp_bond(goal, facts)
    links = [link for link in facts.ports(bond.ifname) if link.carrier] if bond else []
    if not links:
        return
    ok = len({link.speed_mbit for link in links}) == 1 and {link.duplex for link in links} == {"full"}
    yield Finding(
        rule="lacp.same-speed", layer="LACP", subject=goal.bond or "", wanted="one speed, full duplex",
        seen=_speed(links[0]) if ok else ", ".join(f"{link.ifname} {_speed(link)}" for link in links), source=SYSFS,
        ok=ok, hint="" if ok else "check the cables and the speed that is set on the switch ports",
        # ethtool would take a name with a dash in front for an option.
        shown_by=in_turn(*(command("ethtool", link.ifname) for link in links if not link.ifname.startswith("-"))),
    )  # fmt: skip


def _show(bond: str, *how: str) -> Command:
    return command(*how, "cat", f"/proc/net/bonding/{bond}")


def _speed(link: Link) -> str:
    speed = f"{link.speed_mbit} Mbit/s" if link.speed_mbit else "speed unknown"
    return f"{speed} {link.duplex or 'duplex unknown'}"


def _lacp_bond(goal: HostGoal, facts: Facts) -> Link | None:
    return facts.link(goal.bond) if goal.bond_mode == BondMode.LACP.value else None


CHECKS = (lacp_aggregator, lacp_partner, lacp_ports, same_partner, same_speed)
"""What verify looks at where the bond speaks LACP."""
