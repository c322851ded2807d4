"""Read what stands around libvirt: filters on taps, what starts domains at boot, users' own domains."""

from __future__ import annotations

import ipaddress
import pwd
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.documents.domains import parse_domain_interfaces
from vmnet.errors import HypervisorError, ToolError
from vmnet.facts import BridgeHelper, DaemonUnit, FailedStart, SessionDomain, Surroundings, TapFilter, Unread
from vmnet.host import process, sysfs
from vmnet.host.libvirt_calls import Code, ask, open_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts
    from vmnet.spec import IpAddress

DAEMONS = ("libvirtd.service", "virtqemud.service")
NETWORK_UP = "network-online.target"
BRIDGE_CONF = Path("/etc/qemu/bridge.conf")
HELPERS = (Path("/usr/lib/qemu/qemu-bridge-helper"), Path("/usr/libexec/qemu-bridge-helper"))
PEOPLE = range(1000, 65534)
"""The user ids of people (UID_MIN of login.defs; 65534 is nobody)."""
SESSION_DOMAINS = ".config/libvirt/qemu"

_SETUID = 0o4000
# libvirt names a tap's chains for what the guest sends so (nwfilter_ebiptables_driver.c).
_CHAIN = re.compile(r"^Bridge chain: I-(.+)-ipv4(?:-ip)?,")
_SENDER = re.compile(r"--ip-src (\S+) .*-j RETURN")
# libvirt's own words (qemuAutostartDomain).
_FAILED = re.compile(r"Failed to autostart VM '(.+?)': (.+)$")


def read_surroundings(facts: Facts, uri: str) -> tuple[Surroundings, tuple[Unread, ...]]:
    """Return what stands around libvirt, and what of it could not be read.

    Args:
        facts: what is known already; what no domain has to do with is not asked for.
        uri: the hypervisor's URI.
    """
    unread: list[Unread] = []
    found = Surroundings(
        filters=_filters(facts, uri, unread),
        tap_filters=_tap_filters(facts, unread),
        daemons=_daemons(facts, unread),
        failed_starts=_failed_starts(facts, unread),
        sessions=tuple(_sessions(unread)),
        helper=_helper(),
    )
    return found, tuple(unread)


def _filters(facts: Facts, uri: str, unread: list[Unread]) -> tuple[str, ...] | None:
    if facts.libvirt_version is None:
        return None
    try:
        connection = open_connection(uri, read_only=not facts.root)
        try:
            handles = ask(lambda: connection.listAllNWFilters(0), None, Code.NO_SUPPORT)
            return None if handles is None else tuple(sorted(handle.name() for handle in handles))
        finally:
            ask(connection.close, 0, *Code)
    except HypervisorError as error:
        unread.append(Unread(what="libvirt's network filters", why=error.message))
        return None


def _printed(argv: tuple[str, ...], what: str, unread: list[Unread], *, accept: tuple[int, ...] = (0,)) -> str:
    try:
        return process.run(argv, timeout_s=20, accept=accept).stdout
    except ToolError as error:
        unread.append(Unread(what=what, why=error.message))
        return ""


def _tap_filters(facts: Facts, unread: list[Unread]) -> tuple[TapFilter, ...]:
    if not any(interface.filter for domain in facts.domains for interface in domain.running):
        return ()
    what = "what libvirt's filters let through"
    if not facts.root:
        unread.append(Unread(what=what, why="ebtables needs root"))
        return ()
    return parse_tap_filters(_printed(("ebtables", "-t", "nat", "-L"), what, unread))


def parse_tap_filters(listing: str) -> tuple[TapFilter, ...]:
    """Return the addresses that filters of libvirt's let guests send from, out of `ebtables -t nat -L`; 0.0.0.0, from
    which a DHCP client asks, is left out."""
    found: dict[str, list[IpAddress]] = {}
    tap = ""
    for line in listing.splitlines():
        chain = _CHAIN.match(line)
        if chain is not None or line.startswith("Bridge chain:"):
            tap = chain[1] if chain else ""
        elif tap and (sender := _SENDER.search(line)):
            found.setdefault(tap, []).extend(_address(sender[1]))
    return tuple(TapFilter(tap=tap, addresses=tuple(addresses)) for tap, addresses in found.items() if addresses)


def _address(text: str) -> Iterator[IpAddress]:
    try:
        address = ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return
    if not address.is_unspecified:
        yield address


def _daemons(facts: Facts, unread: list[Unread]) -> tuple[DaemonUnit, ...]:
    if not any(domain.autostart for domain in facts.domains):
        return ()
    argv = ("systemctl", "show", "-p", "Id", "-p", "UnitFileState", "-p", "After", *DAEMONS)
    return parse_daemons(_printed(argv, "what the daemons of libvirt wait for at boot", unread))


def parse_daemons(listing: str) -> tuple[DaemonUnit, ...]:
    """Return the daemons that are started at boot, out of `systemctl show -p Id -p UnitFileState -p After`."""
    units = (dict(line.split("=", 1) for line in block.splitlines() if "=" in line) for block in listing.split("\n\n"))
    return tuple(
        DaemonUnit(name=unit["Id"], waits=NETWORK_UP in unit.get("After", "").split())
        for unit in units
        if unit.get("UnitFileState") == "enabled"
    )


def _failed_starts(facts: Facts, unread: list[Unread]) -> tuple[FailedStart, ...]:
    if not any(domain.autostart and not domain.active for domain in facts.domains):
        return ()
    units = [word for unit in DAEMONS for word in ("-u", unit)]
    argv = ("journalctl", "--no-pager", "-q", "-b", "-o", "cat", *units, "-g", "Failed to autostart")
    # Status 1: no such line.
    return parse_failed_starts(_printed(argv, "libvirt's journal of this boot", unread, accept=(0, 1)))


def parse_failed_starts(listing: str) -> tuple[FailedStart, ...]:
    """Return what libvirt could not start at boot, out of its journal; the last reason where there are several."""
    lines = (_FAILED.search(line) for line in listing.splitlines())
    found = {line[1]: line[2].strip() for line in lines if line}
    return tuple(FailedStart(domain=domain, reason=reason) for domain, reason in found.items())


def _sessions(unread: list[Unread]) -> Iterator[SessionDomain]:
    hidden = []
    for user in (user for user in pwd.getpwall() if user.pw_uid in PEOPLE):
        folder = Path(user.pw_dir, SESSION_DOMAINS)
        try:
            files = sorted(folder.glob("*.xml")) if folder.is_dir() else []
            yield from (found for file in files if (found := _session_domain(user.pw_name, file)))
        except PermissionError:
            hidden.append(user.pw_name)
    if hidden:
        unread.append(Unread(what=f"users' own domains ({', '.join(hidden)})", why="needs root"))


def _session_domain(user: str, file: Path) -> SessionDomain | None:
    try:
        interfaces = parse_domain_interfaces(file.read_text("utf-8", "replace"))
    except HypervisorError:
        # Not a document of libvirt's, or a half written one: its owner's libvirt says so.
        return None
    bridges = {i.source.bridge for i in interfaces if i.source.bridge is not None}
    return SessionDomain(user=user, name=file.stem, file=str(file), bridges=tuple(sorted(bridges)))


def _helper() -> BridgeHelper:
    path = next((path for path in HELPERS if path.is_file()), None)
    setuid = path is not None and bool(path.stat().st_mode & _SETUID) and path.stat().st_uid == 0
    allowed = parse_bridge_conf(sysfs.read_text(BRIDGE_CONF) or "")
    return BridgeHelper(path=str(path) if path else None, setuid=setuid, allowed=allowed)


def parse_bridge_conf(text: str) -> tuple[str, ...]:
    """Return the bridges that the helper's file allows, in its order."""
    words = (line.split() for line in text.splitlines())
    return tuple(line[1] for line in words if len(line) == 2 and line[0] == "allow")
