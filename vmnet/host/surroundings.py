"""Read what works beside libvirt: filters on taps, units that start domains at boot, session domains of users."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.facts import BridgeHelper, DaemonUnit, FailedStart, Surroundings, TapFilter
from vmnet.host import process, sysfs
from vmnet.host.libvirt_calls import Code, ask, open_connection
from vmnet.host.session_domains import read_session_domains
from vmnet.lines import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts
    from vmnet.host.outside import Sources
    from vmnet.spec import IpAddress

DAEMONS = ("libvirtd.service", "virtqemud.service")
NETWORK_UP = "network-online.target"
BRIDGE_CONF = Path("/etc/qemu/bridge.conf")
HELPERS = (Path("/usr/lib/qemu/qemu-bridge-helper"), Path("/usr/libexec/qemu-bridge-helper"))

_SETUID = 0o4000
# libvirt names a tap's chains for what the guest sends so (nwfilter_ebiptables_driver.c).
_CHAIN = re.compile(r"^Bridge chain: I-(.+)-ipv4(?:-ip)?,")
# libvirt's own words (qemuAutostartDomain).
_FAILED = "Failed to autostart VM '"


def read_surroundings(facts: Facts, uri: str, sources: Sources) -> Surroundings:
    """Return what works beside libvirt.

    Args:
        facts: what is known already; what no domain has to do with is not asked for.
        uri: the hypervisor's URI.
        sources: where it is listed what could not be read.
    """
    what = "start order of libvirt's daemons at boot"
    return Surroundings(
        filters=sources.read("libvirt's network filters", lambda: _filters(facts, uri), None),
        tap_filters=_tap_filters(facts, sources),
        daemons=sources.read(what, lambda: _daemons(facts), ()),
        failed_starts=sources.read("libvirt's journal of this boot", lambda: _failed_starts(facts), ()),
        sessions=sources.read(
            "session domains of users", lambda: read_session_domains(sources, everybody=facts.root), ()
        ),
        helper=sources.read("the file of QEMU's bridge helper", _helper, None),
    )


def _filters(facts: Facts, uri: str) -> tuple[str, ...] | None:
    if facts.libvirt_version is None:
        return None
    connection = open_connection(uri, read_only=not facts.root)
    try:
        handles = ask(lambda: connection.listAllNWFilters(0), None, Code.NO_SUPPORT)
        return None if handles is None else tuple(sorted(handle.name() for handle in handles))
    finally:
        ask(connection.close, 0, *Code)


def _printed(argv: tuple[str, ...], *, accept: tuple[int, ...] = (0,)) -> str:
    return process.run(argv, timeout_s=20, accept=accept).stdout


def _tap_filters(facts: Facts, sources: Sources) -> tuple[TapFilter, ...]:
    if not any(interface.filter for domain in facts.domains for interface in domain.running):
        return ()
    argv = ("ebtables", "-t", "nat", "-L")
    what = "addresses that libvirt's filters allow"
    if not facts.root:
        sources.missing(what, "ebtables needs root")
        return ()
    return sources.read(what, lambda: parse_tap_filters(_printed(argv)), ())


def parse_tap_filters(listing: str) -> tuple[TapFilter, ...]:
    """Return the addresses that filters of libvirt's let guests send from, out of `ebtables -t nat -L`; 0.0.0.0, from
    which a DHCP client asks, is left out."""
    found: dict[str, list[IpAddress]] = {}
    tap = ""
    for line in lines_of(listing):
        chain = _CHAIN.match(line)
        if chain is not None or line.startswith("Bridge chain:"):
            tap = chain[1] if chain else ""
            continue
        words = line.split(" ")
        if tap and "--ip-src" in words and words[-2:] == ["-j", "RETURN"]:
            found.setdefault(tap, []).extend(_address(words[words.index("--ip-src") + 1]))
    return tuple(TapFilter(tap=tap, addresses=tuple(addresses)) for tap, addresses in found.items() if addresses)


def _address(text: str) -> Iterator[IpAddress]:
    try:
        address = ipaddress.ip_address(text.partition("/")[0])
    except ValueError:
        return
    if not address.is_unspecified:
        yield address


def _daemons(facts: Facts) -> tuple[DaemonUnit, ...]:
    if not any(domain.autostart for domain in facts.domains):
        return ()
    return parse_daemons(_printed(("systemctl", "show", "-p", "Id", "-p", "UnitFileState", "-p", "After", *DAEMONS)))


def parse_daemons(listing: str) -> tuple[DaemonUnit, ...]:
    """Return the daemons that are started at boot, out of `systemctl show -p Id -p UnitFileState -p After`."""
    units = (dict(line.partition("=")[::2] for line in lines_of(block)) for block in listing.split("\n\n"))
    return tuple(
        DaemonUnit(name=unit["Id"], waits=NETWORK_UP in unit.get("After", "").split())
        for unit in units
        if unit.get("UnitFileState") == "enabled" and "Id" in unit
    )


def _failed_starts(facts: Facts) -> tuple[FailedStart, ...]:
    if not any(domain.autostart and not domain.active for domain in facts.domains):
        return ()
    units = [word for unit in DAEMONS for word in ("-u", unit)]
    argv = ("journalctl", "--no-pager", "-q", "-b", "-o", "cat", *units, "-g", "Failed to autostart")
    # Status 1: no such line.
    return parse_failed_starts(_printed(argv, accept=(0, 1)))


def parse_failed_starts(listing: str) -> tuple[FailedStart, ...]:
    """Return what libvirt could not start at boot, out of its journal; the last reason where there are several."""
    found = {}
    for line in lines_of(listing):
        name, end, reason = line.partition(_FAILED)[2].partition("': ")
        if end and name and reason:
            found[name] = reason.strip()
    return tuple(FailedStart(domain=domain, reason=reason) for domain, reason in found.items())


def _helper() -> BridgeHelper:
    path = next((path for path in HELPERS if path.is_file()), None)
    setuid = path is not None and bool(path.stat().st_mode & _SETUID) and path.stat().st_uid == 0
    allowed = parse_bridge_conf(sysfs.read_text(BRIDGE_CONF) or "")
    return BridgeHelper(path=str(path) if path else None, setuid=setuid, allowed=allowed)


def parse_bridge_conf(text: str) -> tuple[str, ...]:
    """Return the bridges that the helper's file allows, in its order."""
    words = (line.split() for line in lines_of(text))
    return tuple(line[1] for line in words if len(line) == 2 and line[0] == "allow")
