"""Who else configures a NIC: ifupdown, systemd-networkd, netplan, cloud-init, NetworkManager's own configuration.

All by small files, each read once; one that is not there means that nobody said anything in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from vmnet.facts import Link, Owner, Tool
from vmnet.host.kernel.sysfs import read_text
from vmnet.lines import LONGEST_PATTERN, fits_pattern, lines_of

_SOURCES = 32
_WILD = frozenset("*?[")
_MOST_WILD = 2
_STANZAS = ("auto", "iface", "bridge_ports", "bridge-ports", "bond-slaves", "slaves", "vlan-raw-device")
_NETPLAN_NAME = re.compile(r"""^\s+(?:name:\s*)?["']?([^\s"':]+)["']?\s*(?::|$)""")
_NETWORK_DISABLED = re.compile(r"^[ \t]*network:\s*\{?\s*config:\s*[\"']?disabled", re.MULTILINE)
_UNMANAGED = re.compile(r"^(unmanaged-devices\s*\+?=\s*(.+))$", re.MULTILINE)
_NOT_CONTROLLED = re.compile(r"NM_CONTROLLED=[\"']?(?:no|false|0)[\"']?", re.IGNORECASE)
_RENDERED = (
    "etc/NetworkManager/system-connections/cloud-init-*",
    "etc/netplan/50-cloud-init.yaml",
    "etc/network/interfaces.d/50-cloud-init*",
    "etc/systemd/network/10-cloud-init-*",
)


def read_owners(links: Iterable[Link], root: Path = Path("/")) -> tuple[Owner, ...]:
    """Return who else configures the NICs, bonds and bridges among `links`.

    Args:
        root: where /etc, /run and /usr are.
    """
    nics = [link for link in links if link.hardware or link.kind in ("bond", "bridge")]
    files = _Files(root)
    interfaces, netplan, manager = files.interfaces(), files.netplan(), files.network_manager()
    found: list[Owner] = []
    for nic in nics:
        found += _named(Tool.NETPLAN, nic, ((path, netplan_names(text, nic.ifname, nic.mac)) for path, text in netplan))
        found += _named(Tool.IFUPDOWN, nic, ((path, interfaces_name(text, nic.ifname)) for path, text in interfaces))
        found += files.networkd(nic)
        found += files.ifcfg(nic)
        found += _unmanaged(nic, manager)
        found += files.udev(nic)
    return (*found, *files.cloud_init())


def _named(tool: Tool, nic: Link, files: Iterable[tuple[str, bool]]) -> Iterator[Owner]:
    yield from (Owner(tool=tool, file=path, ifname=nic.ifname) for path, names in files if names)


def _unmanaged(nic: Link, files: Iterable[tuple[str, str]]) -> Iterator[Owner]:
    lines = ((path, unmanages(text, nic.ifname, nic.mac, nic.kind or "ethernet")) for path, text in files)
    yield from (Owner(tool=Tool.UNMANAGED, file=path, ifname=nic.ifname, line=line) for path, line in lines if line)


class _Files:
    """The files below a root, with their names as the admin knows them."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _read(self, *patterns: str) -> list[tuple[str, str]]:
        paths = (path for pattern in patterns for path in self._found(pattern))
        return [(f"/{path.relative_to(self._root)}", text) for path in paths if (text := read_text(path))]

    def _found(self, pattern: str) -> list[Path]:
        try:
            return sorted(self._root.glob(pattern))
        except (OSError, ValueError):
            # Too long a name, a null byte, a pattern that is none: such a file is not there.
            return []

    def interfaces(self) -> list[tuple[str, str]]:
        """/etc/network/interfaces and what it includes (interfaces(5)), in breadth."""
        found = self._read("etc/network/interfaces")
        for _, text in found:
            # `found` grows while it is gone through; a file that includes itself comes to an end by the limit.
            patterns = included(text) if len(found) < _SOURCES else ()
            found += (entry for entry in self._read(*patterns) if entry not in found)
        return found

    def netplan(self) -> list[tuple[str, str]]:
        return self._read("usr/lib/netplan/*.yaml", "etc/netplan/*.yaml", "run/netplan/*.yaml")

    def network_manager(self) -> list[tuple[str, str]]:
        places = ("usr/lib", "run", "etc")
        return self._read(
            "etc/NetworkManager/NetworkManager.conf", *(f"{p}/NetworkManager/conf.d/*.conf" for p in places)
        )

    def networkd(self, nic: Link) -> Iterator[Owner]:
        """systemd keeps a link there for each unit that runs; networkd's state files outlive it."""
        if not (self._root / "run/systemd/units/invocation:systemd-networkd.service").is_symlink():
            return
        state = dict(line.partition("=")[::2] for line in self._lines(f"run/systemd/netif/links/{nic.ifindex}"))
        if state.get("NETWORK_FILE") and state.get("ADMIN_STATE") != "unmanaged":
            yield Owner(tool=Tool.NETWORKD, file=state["NETWORK_FILE"], ifname=nic.ifname)

    def ifcfg(self, nic: Link) -> Iterator[Owner]:
        path = f"etc/sysconfig/network-scripts/ifcfg-{nic.ifname}"
        if any(_NOT_CONTROLLED.fullmatch(line.strip()) for line in self._lines(path)):
            yield Owner(tool=Tool.IFCFG, file=f"/{path}", ifname=nic.ifname)

    def udev(self, nic: Link) -> Iterator[Owner]:
        path = f"run/udev/data/n{nic.ifindex}"
        if "E:NM_UNMANAGED=1" in self._lines(path):
            yield Owner(tool=Tool.UDEV, file=f"/{path}", ifname=nic.ifname)

    def cloud_init(self) -> Iterator[Owner]:
        """Its generator says whether it runs at boot; it leaves the network alone where that is disabled."""
        settings = self._read("etc/cloud/cloud.cfg", "etc/cloud/cloud.cfg.d/*.cfg")
        disabled = "network-config=disabled" in (read_text(self._root / "proc/cmdline") or "").split()
        disabled = disabled or any(_NETWORK_DISABLED.search(text) for _, text in settings)
        if (self._root / "run/cloud-init/enabled").exists() and not disabled:
            yield from (Owner(tool=Tool.CLOUD_INIT, file=path) for path, _ in self._read(*_RENDERED)[:1])

    def _lines(self, path: str) -> list[str]:
        return lines_of(read_text(self._root / path) or "")


def included(text: str) -> tuple[str, ...]:
    """Return the patterns, without a leading slash, of the files that an /etc/network/interfaces includes."""
    found = []
    for line in lines_of(text):
        words = line.split()
        if len(words) == 2 and words[0] in ("source", "source-directory"):
            pattern = words[1].lstrip("/") if words[1].startswith("/") else f"etc/network/{words[1]}"
            pattern = re.sub(r"\*+", "*", pattern)
            found.append(f"{pattern}/*" if words[0] == "source-directory" else pattern)
    return tuple(pattern for pattern in found if pattern and not _is_endless(pattern))


def _is_endless(pattern: str) -> bool:
    """Return whether looking for the pattern may take for ever, as */../*/../*/../* does: nobody means that."""
    parts = pattern.split("/")
    if max(map(len, parts)) > LONGEST_PATTERN:
        return True
    wild = [part for part in parts if not _WILD.isdisjoint(part)]
    return len(wild) > _MOST_WILD or (".." in parts and len(wild) > 0)


def interfaces_name(text: str, ifname: str) -> bool:
    """Return whether a file of ifupdown has a stanza for the link, by name or pattern, or makes it a port."""
    for line in lines_of(text):
        words = line.split()
        if not words or not (words[0] in _STANZAS or words[0].startswith("allow-")):
            continue
        named = words[1:2] if words[0] == "iface" else words[1:]
        if any(fits_pattern(ifname, word.removeprefix("/")) for word in named):
            return True
    return False


def netplan_names(text: str, ifname: str, mac: str) -> bool:
    """Return whether a netplan file has a definition or a `match` for the link.

    A key of its name, a `name:` pattern or its MAC is looked for line by line: the standard library reads no YAML.
    """
    lines = [line.partition("#")[0] for line in lines_of(text)]
    names = (found[1] for line in lines if (found := _NETPLAN_NAME.match(line)))
    return any(fits_pattern(ifname, name) for name in names) or any(mac in line.lower() for line in lines)


def unmanages(text: str, ifname: str, mac: str, kind: str = "ethernet") -> str:
    """Return the `unmanaged-devices` of NetworkManager's that covers the link (NetworkManager.conf(5)), "" for none."""
    for line, value in _UNMANAGED.findall(text):
        items = [item.strip() for item in re.split(r"[;,]", value) if item.strip()]
        spared = [item.removeprefix("except:") for item in items if item.startswith("except:")]
        covered = [item for item in items if not item.startswith("except:")]
        if any(_fits(i, ifname, mac, kind) for i in covered) and not any(_fits(i, ifname, mac, kind) for i in spared):
            return str(line)
    return ""


def _fits(item: str, ifname: str, mac: str, type_: str) -> bool:
    kind, _, value = item.partition(":")
    if kind == "interface-name":
        return fits_pattern(ifname, value.removeprefix("="))
    if kind == "mac":
        return value.lower() == mac
    return item in ("*", f"type:{type_}", ifname)
