"""Rules about what starts domains at boot, and about users' own domains."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks import commands
from vmnet.checks.findings import Finding
from vmnet.checks.registry import diagnosed
from vmnet.checks.rules.network import named
from vmnet.errors import SpecError
from vmnet.facts import BridgeHelper, Facts
from vmnet.names import check_ifname
from vmnet.shell_words import Command, command, in_turn, root, write
from vmnet.spec import BridgeSpec

SYSTEMD = "systemd"
JOURNAL = "journal"
_BRIDGE_CONF = "/etc/qemu/bridge.conf"


@diagnosed("boot.guest-not-started")
def not_started(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """What libvirt could not start at this boot, and what has not been started since."""
    failed = {start.domain: start.reason for start in (facts.surroundings.failed_starts if facts.surroundings else ())}
    for domain in facts.domains:
        if domain.name in failed and not domain.active:
            yield Finding(
                subject=domain.name, wanted="started at boot", seen=failed[domain.name], source=JOURNAL,
                shown_by=command("journalctl", "-b", "-u", "libvirtd", "-u", "virtqemud", "-g", "autostart"),
                hint="if the domain starts now, the bridge came up after libvirt: let libvirt wait for the network",
                fix=(*_wait_for_network(facts), root("virsh", "start", *commands.named(domain))),
            )  # fmt: skip


def _early(facts: Facts) -> tuple[str, ...]:
    daemons = facts.surroundings.daemons if facts.surroundings else ()
    return tuple(unit.name for unit in daemons if not unit.waits)


def _wait_for_network(facts: Facts) -> Iterator[Command]:
    units = _early(facts)
    for unit in units:
        folder = f"/etc/systemd/system/{unit}.d"
        yield root("mkdir", "-p", folder)
        lines = ("[Unit]", "Wants=network-online.target", "After=network-online.target")
        yield write(f"{folder}/network-online.conf", *lines)
    if units:
        yield root("systemctl", "daemon-reload")


@diagnosed("boot.guests-before-network")
def before_network(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """libvirt starts domains without waiting for their bridge; for information."""
    starting = tuple(
        domain
        for domain in facts.domains
        if domain.autostart and any(facts.on_lan(i.source) for i in domain.persistent)
    )
    units = _early(facts)
    if starting and units:
        yield Finding(
            subject=", ".join(units), wanted="starts domains after network-online.target",
            seen=f"does not wait; autostarted domains: {named(starting)}", source=SYSTEMD, ok=True,
            shown_by=command("systemctl", "show", "-p", "After", "--", *units),
            hint="NetworkManager makes the bridge early, so this usually works; to be sure, let libvirt wait",
            fix=tuple(_wait_for_network(facts)),
        )  # fmt: skip


@diagnosed("domain.session-bridge")
def session_bridges(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A user's own domain that names a bridge can get onto it."""
    around = facts.surroundings
    for domain in around.sessions if around is not None and around.helper is not None else ():
        assert around is not None
        assert around.helper is not None
        for bridge in domain.bridges:
            problem, fix = _helper_problem(bridge, around.helper)
            if problem:
                yield Finding(
                    subject=f"{domain.user}: {domain.name}", wanted=f"QEMU's helper allows users to use {bridge}",
                    seen=problem, source=domain.file, shown_by=_show_helper(around.helper),
                    hint="or define the domain in the system's libvirt: vmnet moves only domains of qemu:///system",
                    fix=fix,
                )  # fmt: skip


def _show_helper(helper: BridgeHelper) -> Command:
    conf = command("cat", _BRIDGE_CONF)
    return in_turn(conf, command("ls", "-l", helper.path)) if helper.path else conf


def _helper_problem(bridge: str, helper: BridgeHelper) -> tuple[str, tuple[Command, ...]]:
    problems, fix = [], []
    try:
        # Any user chooses what his document says: "all" would let him onto every bridge.
        check_ifname(bridge)
    except SpecError:
        return f"no bridge can be called {bridge!r}", ()
    if helper.path is None:
        return "no qemu-bridge-helper", ()
    if not {bridge, "all"} & set(helper.allowed):
        problems.append(f"no line 'allow {bridge}' in {_BRIDGE_CONF}")
        allow = write(_BRIDGE_CONF, f"allow {bridge}", append=True)
        fix += [root("mkdir", "-p", _BRIDGE_CONF.rpartition("/")[0]), allow]
    if not helper.setuid:
        problems.append(f"{helper.path} does not run as root")
        fix.append(root("chmod", "u+s", helper.path))
    return "; ".join(problems), tuple(fix)


# Rules about the LAN behind the bridge, where it was asked: doctor --probe.

ASKED = "asked on the LAN"
ETHERNET_MTU = 1500
_SHOWN_BY = root("vmnet", "doctor", "--probe")


@diagnosed("lan.gateway")
def gateway(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The gateway answers a MAC that nobody has heard before, as a guest's is."""
    lan = facts.lan
    if lan is None or lan.gateway_answered is None:
        return
    ok = lan.gateway_answered
    only_host = "this host, but not a new MAC" if lan.host_answered else "neither this host nor a new MAC"
    allow = "allow more MACs on the switch port (port security) or hypervisor (promiscuous mode, forged transmits)"
    yield Finding(
        subject=lan.bridge, wanted="the gateway answers a new MAC",
        seen="it answers" if ok else f"it answers {only_host}", source=ASKED, shown_by=_SHOWN_BY,
        hint=allow if lan.host_answered else "check the hops before it",
    ).judged(ok)  # fmt: skip


@diagnosed("lan.dhcp")
def dhcp(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A DHCP server offers an address to a new MAC; where the host has a fixed one, for information."""
    lan = facts.lan
    if lan is None:
        return
    ok = lan.dhcp_server is not None
    yield Finding(
        subject=lan.bridge, wanted="a DHCP server offers an address to a new MAC",
        seen=f"{lan.dhcp_server} does" if ok else "no server does", source=ASKED, ok=ok or not goal.requested.dhcp,
        shown_by=_SHOWN_BY, hint="" if ok else "guests need fixed addresses, or reservations for their MACs",
    )  # fmt: skip


@diagnosed("lan.mtu")
def mtu(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Packets as large as the bridge lets them be come back from the gateway; above 1500, for information."""
    lan = facts.lan
    if lan is None or not lan.mtus_tried:
        return
    wanted = lan.mtus_tried[0]
    passes = lan.mtu or 0
    yield Finding(
        subject=lan.bridge, wanted=f"packets of {wanted} bytes reach the gateway",
        seen=f"at most {passes} bytes do" if lan.mtu else "only small ones do", source=ASKED,
        ok=passes >= min(wanted, ETHERNET_MTU), shown_by=_SHOWN_BY,
        hint="" if passes >= wanted else "allow frames of that size on each switch and port on the way",
    )  # fmt: skip
