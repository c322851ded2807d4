"""Read br_netfilter's switches: what they are now, what the next boot makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.facts import BridgeNetfilter, StoredSwitch
from vmnet.host.sysfs import read_int, read_text
from vmnet.lines import fits_pattern, lines_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Link

SWITCHES = ("iptables", "ip6tables")
MODULE = "br_netfilter"
KERNEL = "the kernel"
_PLACES = ("usr/lib", "usr/local/lib", "run", "etc")
"""Rising in precedence: a file takes the place of one of the same name in a directory before it (sysctl.d(5))."""


def read_netfilter(links: Iterable[Link], root: Path = Path("/")) -> BridgeNetfilter:
    """Return whether bridged packets go through the chains of IPv4 and IPv6, now and after a boot.

    Args:
        links: whose bridges have switches of their own.
        root: where /proc, /sys and /etc are.
    """
    keys = {name: root / f"proc/sys/net/bridge/bridge-nf-call-{name}" for name in SWITCHES}
    bridges = [link.ifname for link in links if link.kind == "bridge"]
    return BridgeNetfilter(
        loaded=keys["iptables"].exists(),
        on=tuple(name for name, path in keys.items() if read_int(path)),
        bridges=tuple(
            (bridge, name)
            for bridge in bridges
            for name in SWITCHES
            if read_int(root / f"sys/class/net/{bridge}/bridge/nf_call_{name}")
        ),
        stored=tuple(_stored(root)),
        early=_early(root),
    )


def _files(root: Path, folder: str, suffix: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of the files that count, in the order in which they are applied: by their names."""
    found = {path.name: path for place in _PLACES for path in (root / place / folder).glob(f"*{suffix}")}
    for _, path in sorted(found.items()):
        yield f"/{path.relative_to(root)}", read_text(path) or ""


def _stored(root: Path) -> Iterator[StoredSwitch]:
    """The last line that sets a key wins; a line with a pattern leaves alone what another one names (sysctl.d(5))."""
    lines = [(path, line) for path, text in _files(root, "sysctl.d", ".conf") for line in lines_of(text)]
    set_to = [(path, *_assignment(line)) for path, line in lines]
    for name in SWITCHES:
        wanted = f"net.bridge.bridge-nf-call-{name}"
        exact = [(path, value) for path, key, value in set_to if key == wanted]
        fits = exact or [(path, value) for path, key, value in set_to if fits_pattern(wanted, key)]
        if fits:
            yield StoredSwitch(name=name, on=fits[-1][1] != "0", file=fits[-1][0])


def _assignment(line: str) -> tuple[str, str]:
    """Return key and number of a line of sysctl.d; ("", "") for another one."""
    key, _, value = (part.strip() for part in line.lstrip("- \t").partition("="))
    return (key.replace("/", "."), value) if value.isdecimal() else ("", "")


def _early(root: Path) -> str:
    """Return what has the switches there when sysctl.d is applied, or applies it when they come."""
    for path, text in _files(root, "modules-load.d", ".conf"):
        if any(line.strip().replace("-", "_") == MODULE for line in lines_of(text)):
            return path
    for path, text in _files(root, "udev/rules.d", ".rules"):
        if any("sysctl" in line.partition("#")[0].partition(MODULE)[2] for line in lines_of(text)):
            return path
    # Built in, it has no line in /proc/modules.
    built_in = (root / "sys/module" / MODULE).exists() or (root / "proc/sys/net/bridge").exists()
    listed = any(line.startswith(f"{MODULE} ") for line in lines_of(read_text(root / "proc/modules") or ""))
    return KERNEL if built_in and not listed else ""
