"""Rules about bonds under bridges that guests are on: what of their settings harms guests, and what does not help."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks.commands import modify_profile, show_link
from vmnet.checks.findings import NETLINK, SYSFS, Finding
from vmnet.checks.registry import diagnosed, verified
from vmnet.facts import BondPort, Facts, LacpPort, Link
from vmnet.shell_words import Command, command, in_turn, pipe, root
from vmnet.spec import BondMode, BridgeSpec

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


def _bonds(goal: BridgeSpec, facts: Facts) -> list[Link]:
    """Return the bonds that are ports of the wanted bridge, or of one that taps are in."""
    bridges = {goal.ifname, *(link.controller for link in facts.links if link.kind in _TAPS)}
    return [link for link in facts.links if link.bond is not None and link.controller in bridges]


def _profile(bond: Link, facts: Facts) -> str:
    device = facts.device(bond.ifname)
    return (device.profile if device else None) or ""


@verified("bond.min-links")
def min_links(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No more ports are needed than carry frames."""
    link = facts.link(goal.bond_name)
    state = link.bond if link else None
    if link is None or state is None or not state.min_links:
        return
    ports = facts.ports(link.ifname)
    carry = sum(port.lacp.forwarding if port.lacp else port.carrier for port in ports)
    # With as many as there are, the first pulled cable takes the bond down.
    ok = state.min_links <= carry and (state.min_links < len(ports) or len(ports) == 1)
    yield Finding(
        subject=link.ifname, wanted="min_links below the number of ports",
        seen=f"min_links {state.min_links}; {carry} of {len(ports)} ports carry frames", source=NETLINK,
        shown_by=show_option(link.ifname, "min_links"),
        hint="the bond loses its carrier as soon as fewer ports are up: min_links=1 is enough",
        fix=set_option(link.ifname, _profile(link, facts), "min_links", "1"),
    ).judged(ok)  # fmt: skip


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


@diagnosed("bond.unfit-mode")
def fit_mode(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No bond under guests is in a mode that harms them."""
    for bond in _bonds(goal, facts):
        reason = next((why for mode, why in UNFIT.items() if bond.bond and mode.value == bond.bond.mode), "")
        if reason:
            yield Finding(
                subject=bond.ifname, wanted="802.3ad, active-backup or balance-xor",
                seen=f"mode {bond.bond.mode if bond.bond else ''}, which {reason}", source=NETLINK,
                shown_by=show_option(bond.ifname, "mode"),
                hint="sudo vmnet host-setup creates the bond again; use --mode active-backup if the switch has no LACP",
            )  # fmt: skip


@diagnosed("bond.arp-monitor")
def arp_monitor(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No bond under a bridge watches its ports by ARP."""
    for bond in _bonds(goal, facts):
        interval = bond.bond.arp_interval_ms if bond.bond else 0
        if interval:
            uuid = _profile(bond, facts)
            gone = ("-bond.options", "arp_interval", "-bond.options", "arp_ip_target")
            now, *stored = set_option(bond.ifname, uuid, "miimon", "100")
            yield Finding(
                subject=bond.ifname, wanted="links monitored by miimon", seen=f"ARP every {interval} ms",
                source=NETLINK, shown_by=show_option(bond.ifname, "arp_interval"), fix=(
                    set_option_now(bond.ifname, "arp_interval", "0"),
                    now,
                    *((modify_profile(uuid, *gone), *stored) if uuid else ()),
                ),
            )  # fmt: skip


@diagnosed("bond.quiet-failover")
def quiet_failover(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A note on what a failover of active-backup means for guests."""
    for bond in _bonds(goal, facts):
        if bond.bond and bond.bond.mode == BondMode.ACTIVE_BACKUP.value:
            yield Finding(
                subject=bond.ifname, wanted="the switch learns of a failover",
                seen=f"active-backup over {bond.bond.active_port or 'no port'}", source=NETLINK, ok=True,
                shown_by=show_option(bond.ifname, "active_slave"),
                hint="after a failover a guest is unreachable until it sends something; with LACP it is not",
            )  # fmt: skip


@diagnosed("bond.skewed")
def skewed(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A note where one port of several carries nearly all that is sent."""
    for bond in _bonds(goal, facts):
        sent = {port.ifname: port.sent_bytes for port in facts.bond_ports if port.bond == bond.ifname}
        total, most = sum(sent.values()), max(sent, key=lambda name: sent[name], default="")
        policy = bond.bond.hash_policy if bond.bond else None
        if policy and len(sent) > 1 and total >= _MUCH and sent[most] >= _SKEWED * total:
            yield Finding(
                subject=bond.ifname, wanted="all ports carry traffic",
                seen=f"{most} has sent {round(100 * sent[most] / total)} % of {total >> 30} GiB; hash policy {policy}",
                source=SYSFS, ok=True, shown_by=command("ip", "-s", "link", "show", "master", bond.ifname),
                hint="layer2 sends all traffic from one guest to one peer or the gateway over one port; "
                "layer2+3 also uses IP addresses, layer3+4 also TCP and UDP ports",
            )  # fmt: skip


# Rules about LACP: a partner, one group, and each port taking and sending frames.

NOBODY = "00:00:00:00:00:00"
PROC = "kernel (proc)"
_EXPIRED, _DEFAULTED, _SYNCHRONISED = 0x80, 0x40, 0x08


@verified("lacp.aggregator")
def lacp_aggregator(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """All ports are in one aggregator; a port in another carries nothing."""
    link = _lacp_bond(goal, facts)
    if link is None or link.bond is None:
        return
    ids = sorted({port.lacp.aggregator_id for port in facts.ports(link.ifname) if port.lacp})
    seen = link.bond.aggregator_ports or 0
    ok = seen == len(goal.nics) and ids == [link.bond.aggregator_id]
    listed = ", ".join(str(number) for number in ids) or "none"
    yield Finding(
        subject=link.ifname, wanted=f"one aggregator with {_ports(len(goal.nics))}",
        seen=f"active aggregator with {_ports(seen)}; ports in {listed}", source=NETLINK, shown_by=_show(link.ifname),
        hint=_why_apart(goal, facts),
    ).judged(ok)  # fmt: skip


def _ports(number: int) -> str:
    return f"{number} port{'' if number == 1 else 's'}"


def _why_apart(goal: BridgeSpec, facts: Facts) -> str:
    links = [link for link in map(facts.link, goal.nics) if link is not None]
    if len({(link.speed_mbit, link.duplex) for link in links}) > 1:
        speeds = ", ".join(f"{link.ifname} {link.speed_mbit} Mbit/s {link.duplex}" for link in links)
        return f"ports of different speed or duplex do not aggregate: {speeds}"
    return "put the switch ports into one LACP channel group, on one switch (or an MLAG pair)"


@verified("lacp.partner")
def lacp_partner(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A switch answers LACP."""
    link = _lacp_bond(goal, facts)
    if link is None or link.bond is None:
        return
    partner = link.bond.partner_mac
    answers = partner not in (None, NOBODY)
    yield Finding(
        subject=link.ifname, wanted="the switch's MAC", seen=f"partner {partner}" if answers else "no partner",
        source=NETLINK, shown_by=show_link(link.ifname),
        hint="configure LACP on the switch ports, or use --mode active-backup, which needs none",
    ).judged(answers)  # fmt: skip


@verified("lacp.port")
def lacp_ports(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each port collects and distributes frames, and so does the switch's end of it."""
    bond = _lacp_bond(goal, facts)
    told = {port.ifname: port for port in facts.bond_ports}
    links = [link for link in map(facts.link, goal.nics) if link is not None]
    for link in links if bond else ():
        port, ok = told.get(link.ifname), link.lacp is not None and link.lacp.both_forwarding
        state = f"port state {link.lacp.actor_state}" if link.lacp else "not an LACP port"
        yield Finding(
            subject=link.ifname, wanted="collecting, distributing",
            seen=f"collecting, distributing ({state})" if ok else f"{_ailing(link.lacp, port)}{state}", source=SYSFS,
            shown_by=_show(goal.bond_name or ""), hint=_port_hint(link, port),
        ).judged(ok)  # fmt: skip


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


@verified("lacp.same-partner")
def same_partner(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """All ports end in one group of one switch; root alone can see it."""
    if _lacp_bond(goal, facts) is None:
        return
    ports = [
        port for port in facts.bond_ports if port.bond == goal.bond_name and port.partner_mac not in (None, NOBODY)
    ]
    if not ports:
        return
    ok = len({(port.partner_mac, port.partner_key) for port in ports}) == 1
    apart = ", ".join(f"{port.ifname} in key {port.partner_key} of {port.partner_mac}" for port in ports)
    yield Finding(
        subject=goal.bond_name or "", wanted="one group of one switch",
        seen=f"key {ports[0].partner_key} of {ports[0].partner_mac}" if ok else apart, source=PROC,
        shown_by=_show(goal.bond_name or "", "sudo"),
        hint="the cables lead to two channel groups, or to two switches that are not one LACP system",
    ).judged(ok)  # fmt: skip


@verified("lacp.same-speed")
def same_speed(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """All ports with carrier have one speed, full duplex; others do not aggregate."""
    bond = _lacp_bond(goal, facts)
    links = [link for link in facts.ports(bond.ifname) if link.carrier] if bond else []
    if not links:
        return
    ok = len({link.speed_mbit for link in links}) == 1 and {link.duplex for link in links} == {"full"}
    yield Finding(
        subject=goal.bond_name or "", wanted="one speed, full duplex",
        seen=_speed(links[0]) if ok else ", ".join(f"{link.ifname} {_speed(link)}" for link in links), source=SYSFS,
        shown_by=in_turn(*(command("ethtool", link.ifname) for link in links if not link.ifname.startswith("-"))),
        hint="check the cables and the speed that is set on the switch ports",
    ).judged(ok)  # fmt: skip


def _show(bond: str, *how: str) -> Command:
    return command(*how, "cat", f"/proc/net/bonding/{bond}")


def _speed(link: Link) -> str:
    speed = f"{link.speed_mbit} Mbit/s" if link.speed_mbit else "speed unknown"
    return f"{speed} {link.duplex or 'duplex unknown'}"


def _lacp_bond(goal: BridgeSpec, facts: Facts) -> Link | None:
    return facts.link(goal.bond_name) if goal.bond and goal.bond.mode is BondMode.LACP else None
