"""Gather what a helper elsewhere needs to see of this host: what tools print, and files of the system.

Secrets are in what is returned; `vmnet.redact` removes them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from vmnet.errors import VmnetError, attempt
from vmnet.facts.evidence import Evidence, Form
from vmnet.facts.surroundings import Unread
from vmnet.host import process
from vmnet.host.files.mentions import LEGACY_TABLES
from vmnet.host.kernel import sysfs
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.lines import lines_of
from vmnet.shell_words import command

Found = Evidence | Unread

TIMEOUT_S = 20
LOG_LINES = "3000"
BONDING = Path("/proc/net/bonding")
BRIDGE_FILTERS = Path("/proc/sys/net/bridge")
OS_RELEASE = Path("/etc/os-release")
PROFILE_FOLDERS = tuple(
    Path(folder, "NetworkManager/system-connections") for folder in ("/etc", "/run", "/usr/lib", "/usr/local/lib")
)
_UNITS = ("NetworkManager", "libvirtd", "virtqemud", "virtnetworkd", "vmnet-*")
_LOG = tuple(word for unit in _UNITS for word in ("-u", unit))

COMMANDS: dict[str, tuple[str, ...]] = {
    "ip-link": ("ip", "-d", "-s", "link", "show"),
    "ip-address": ("ip", "-d", "address", "show"),
    "ip-route": ("ip", "-d", "route", "show", "table", "all"),
    "ip-6-route": ("ip", "-6", "-d", "route", "show", "table", "all"),
    "ip-rule": ("ip", "rule", "show"),
    "ip-6-rule": ("ip", "-6", "rule", "show"),
    "ip-neighbour": ("ip", "-s", "neighbour", "show"),
    "bridge-link": ("bridge", "-d", "link", "show"),
    "bridge-vlan": ("bridge", "-d", "vlan", "show"),
    "bridge-fdb": ("bridge", "fdb", "show"),
    "nmcli-general": ("nmcli", "general", "status"),
    "nmcli-device": ("nmcli", "-f", "GENERAL,IP4,IP6,DHCP4,DHCP6", "device", "show"),
    "nmcli-connection": ("nmcli", "-f", "all", "connection", "show"),
    "nft": ("nft", "list", "ruleset"),
    "systemctl": ("systemctl", "list-units", "--all", "--no-pager", "--plain", "--no-legend", *_UNITS),
    "journalctl": ("journalctl", "--no-pager", "-o", "short-iso", "--since", "-7days", "-n", LOG_LINES, *_LOG),
}
LEGACY_COMMANDS = {
    "iptables-legacy": ("iptables-legacy-save",),
    "ip6tables-legacy": ("ip6tables-legacy-save",),
}
"""Only where the old interface is in use: asking loads its modules."""


def read_commands() -> Iterator[Found]:
    """Yield what each command prints."""
    legacy = LEGACY_COMMANDS if sysfs.read_text(LEGACY_TABLES) else {}
    for name, argv in {**COMMANDS, **legacy}.items():
        yield from _read(f"commands/{name}.txt", partial(_printed, argv), how=command(*argv))


def _printed(argv: tuple[str, ...]) -> str:
    return process.run(argv, timeout_s=TIMEOUT_S).stdout


def read_system_files() -> Iterator[Found]:
    """Yield what the kernel says of bonds, and of the packets on bridges that it hands to the firewall."""
    for path in sorted(BONDING.glob("*")):
        yield from read_file(path, f"bonding/{path.name}.txt")
    switches = sorted(BRIDGE_FILTERS.glob("*"))
    values = "".join(f"{path.name} = {sysfs.read_text(path)}\n" for path in switches)
    if values:
        yield Evidence(name="bridge-filters.txt", how=f"the files in {BRIDGE_FILTERS}", text=values)


def read_file(path: Path, name: str, form: Form = Form.TEXT) -> Iterator[Found]:
    """Yield a file's text."""
    yield from _read(name, partial(path.read_text, "utf-8", "replace"), how=f"copy of {path}", form=form)


def _read(name: str, read: Callable[[], str], *, how: str, form: Form = Form.TEXT) -> Iterator[Found]:
    text = attempt(read)
    if isinstance(text, VmnetError):
        yield Unread(what=name, why=text.message)
    else:
        yield Evidence(name=name, how=how, text=text, form=form)


def read_versions(vmnet: str, network_manager: str | None, libvirt: str | None) -> Evidence:
    """Return the versions of all that matters."""
    release = sysfs.read_text(OS_RELEASE) or ""
    system = dict(line.split("=", 1) for line in lines_of(release) if "=" in line)
    # Not platform.uname(), which starts a process for a word that nobody asked for.
    kernel = os.uname()
    versions = {
        "vmnet": vmnet,
        "Python": sys.version.split()[0],
        "kernel": f"{kernel.release} {kernel.machine} ({kernel.version})",
        "NetworkManager": network_manager or "none that answers",
        "libvirt": libvirt or "none that answers",
        "distribution": system.get("PRETTY_NAME", kernel.sysname).strip('"'),
    }
    text = "".join(f"{name}: {version}\n" for name, version in versions.items())
    return Evidence(name="versions.txt", how="asked of each, the distribution from /etc/os-release", text=text)


def read_documents(uri: str, uuids: frozenset[str]) -> Iterator[Found]:
    """Yield libvirt's documents of these domains and of all networks, with their secrets; that takes root."""
    found = attempt(partial(_documents, uri, uuids))
    if isinstance(found, VmnetError):
        yield Unread(what="libvirt", why=found.message)
    else:
        yield from found


def _documents(uri: str, uuids: frozenset[str]) -> tuple[Found, ...]:
    with Hypervisor(uri, read_only=not sysfs.is_root()) as libvirt:
        if libvirt.read_only:
            return (Unread(what="libvirt", why="domains' documents need root"),)
        how = "virsh dumpxml or net-dumpxml, with what is known to be harmless only"
        return tuple(
            Evidence(name=f"libvirt/{name}", how=how, text=document, form=Form.XML)
            for name, document in libvirt.read_documents(uuids)
        )


def read_keyfiles(*more: Path) -> Iterator[str]:
    """Yield the text of all of NetworkManager's keyfiles, and of copies in `more`: only to know this host's secrets."""
    folders = (*PROFILE_FOLDERS, *more)
    for path in (path for folder in folders for path in sorted(folder.glob("*"))):
        text = sysfs.read_text(path) if path.is_file() and path.suffix != ".json" else None
        if text:
            yield text
