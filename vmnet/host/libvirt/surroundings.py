"""Read what works beside libvirt: filters on taps, units that start domains at boot, session domains of users."""

from __future__ import annotations

import os
import pwd
import re
from collections.abc import Collection
from functools import partial
from pathlib import Path

from vmnet.documents.domains import parse_domain_interfaces
from vmnet.errors import ToolError, VmnetError, attempt
from vmnet.facts import BridgeHelper, DaemonUnit, Facts, FailedStart, SessionDomain, Surroundings, TapFilter
from vmnet.host import process
from vmnet.host.kernel import sysfs
from vmnet.host.kernel.mounts import read_mounts
from vmnet.host.libvirt.libvirt_calls import Code, ask, open_connection
from vmnet.host.outside import Sources, names_in, open_folder, read_file
from vmnet.lines import address_of, lines_of
from vmnet.names import is_ifname
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
    return Surroundings(
        filters=sources.read("libvirt's network filters", lambda: _filters(facts, uri), None),
        tap_filters=_tap_filters(facts, sources),
        daemons=sources.collect("start order of libvirt's daemons at boot", lambda: _daemons(facts)),
        failed_starts=sources.collect("libvirt's journal of this boot", lambda: _failed_starts(facts)),
        sessions=sources.collect(
            "session domains of users", lambda: read_session_domains(sources, everybody=facts.root)
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
    what = "addresses that libvirt's filters allow"
    if not facts.root:
        sources.missing(what, "ebtables needs root")
        return ()
    return sources.collect(what, lambda: parse_tap_filters(_printed(("ebtables", "-t", "nat", "-L"))))


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
            address = address_of(words[words.index("--ip-src") + 1].partition("/")[0])
            found.setdefault(tap, []).extend([address] if address and not address.is_unspecified else [])
    return tuple(TapFilter(tap=tap, addresses=tuple(addresses)) for tap, addresses in found.items() if addresses)


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


# Domains of users' own libvirt (qemu:///session), from the files that it keeps in their homes.

PEOPLE = range(1000, 65534)
"""The user ids of people (UID_MIN of login.defs; 65534 is nobody)."""
SESSION_DOMAINS = ".config/libvirt/qemu"
_DISTANT = ("9p", "afs", "autofs", "ceph", "cifs", "fuse", "glusterfs", "nfs", "smb3")
"""How filesystems begin whose server may be gone, or a user's own program: opening a file there may take for ever."""
_SHOWN = 5
"""How many files of one user are listed if they cannot be read."""


def read_session_domains(sources: Sources, *, everybody: bool) -> tuple[SessionDomain, ...]:
    """Return users' own domains. What cannot be read is listed in `sources`.

    Args:
        everybody: whether this process may look into all homes; if not, only its own user's is read.
    """
    people = [user for user in pwd.getpwall() if user.pw_uid in PEOPLE]
    mine = [user for user in people if everybody or user.pw_uid == os.geteuid()]
    if len(mine) < len(people):
        sources.missing("session domains of other users", "needs root")
    distant = [Path(mount.mountpoint) for mount in read_mounts(Path("/")) if mount.fstype.startswith(_DISTANT)]
    found: list[SessionDomain] = []
    for user in mine:
        read = partial(_domains_of, user, distant, sources)
        found += sources.collect(f"session domains of {user.pw_name}", read)
    return tuple(found)


def _domains_of(user: pwd.struct_passwd, distant: Collection[Path], sources: Sources) -> tuple[SessionDomain, ...]:
    _check_near(Path(user.pw_dir, SESSION_DOMAINS), distant)
    # The admin may keep homes behind a link. From there on there is none.
    folder = Path(user.pw_dir).resolve() / SESSION_DOMAINS
    _check_near(folder, distant)
    try:
        with open_folder(folder, user.pw_uid) as directory:
            names = names_in(directory, ".xml")
            found = [attempt(partial(_domain, user, folder, name, directory)) for name in names]
    except FileNotFoundError:
        return ()
    bad = [(name, one.message) for name, one in zip(names, found, strict=True) if isinstance(one, VmnetError)]
    for name, why in bad[:_SHOWN]:
        sources.missing(_text(folder / name), why)
    if len(bad) > _SHOWN:
        sources.missing(f"{len(bad) - _SHOWN} more files in {folder}", bad[-1][1])
    return tuple(one for one in found if isinstance(one, SessionDomain))


def _check_near(folder: Path, distant: Collection[Path]) -> None:
    if any(folder.is_relative_to(mountpoint) for mountpoint in distant):
        raise ToolError(f"{folder} is on a filesystem that may not answer")


def _domain(user: pwd.struct_passwd, folder: Path, name: str, directory: int) -> SessionDomain:
    interfaces = parse_domain_interfaces(read_file(name, directory, user.pw_uid))
    bridges = {i.source.bridge for i in interfaces if i.source.bridge is not None and is_ifname(i.source.bridge)}
    file = _text(folder / name)
    return SessionDomain(user=user.pw_name, name=Path(file).stem, file=file, bridges=tuple(sorted(bridges)))


def _text(path: Path) -> str:
    """Return a path as text that can be printed, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "replace")
