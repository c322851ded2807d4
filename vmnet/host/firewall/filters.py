"""Read what filters bridged frames: the firewall's chains, who else has a hand in it, br_netfilter's switches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from vmnet.documents.nwfilters import looks_at_ip, parse_nwfilter
from vmnet.errors import HypervisorError, ToolError
from vmnet.facts import BridgeNetfilter, Domain, Facts, FilterChain, Filters, Firewalld, Link, StoredSwitch, Zone
from vmnet.host import process
from vmnet.host.firewall.iptables_save import parse_saved
from vmnet.host.firewall.nft_json import has_xtables, parse_ruleset
from vmnet.host.kernel.sysfs import read_int, read_text
from vmnet.host.networkmanager import bus
from vmnet.host.outside import Sources, understood
from vmnet.lines import fits_pattern, lines_of

ROOT = Path("/")
_FOR_THE_HOST = ("input", "output")
"""Hooks that bridged packets do not pass."""
_DAEMONS = ("dockerd", "kubelet", "k3s-server", "k3s-agent", "crio", "firewalld")
_LEGACY = (
    ("iptables-legacy", "ip", Path("/proc/net/ip_tables_names")),
    ("ip6tables-legacy", "ip6", Path("/proc/net/ip6_tables_names")),
)
_OVER_NFT = (("iptables-nft-save", "ip"), ("ip6tables-nft-save", "ip6"))


def read_filters(facts: Facts, sources: Sources) -> Filters:
    """Return what filters bridged frames on this host."""
    return Filters(
        netfilter=sources.read("br_netfilter", lambda: read_netfilter(facts.links), BridgeNetfilter()),
        chains=tuple(chain for chain in facts.chains if chain.hook not in _FOR_THE_HOST),
        daemons=sources.collect("daemons that write rules", read_daemons),
        layer3=sources.collect("the rules of libvirt's filters", lambda: read_layer3(facts.domains)),
    )


def read_chains() -> Iterator[FilterChain]:
    """Yield the firewall's chains; root only.

    nft shows the rules of iptables-nft, too, but for what only iptables can print: then iptables is asked.

    Raises:
        ToolError: a tool failed, or printed what is not understood.
    """
    ruleset = process.run(("nft", "-j", "list", "ruleset"), timeout_s=30).stdout if process.has_tool("nft") else "{}"
    instead = tuple(_over_nft()) if ruleset == "{}" or has_xtables(ruleset) else ()
    places = {(chain.family, chain.table) for chain in instead}
    yield from (chain for chain in parse_ruleset(ruleset) if (chain.family, chain.table) not in places)
    yield from instead
    for tool, family, tables in _LEGACY:
        # Asked for only where it is in use, for asking loads its modules.
        if read_text(tables):
            yield from parse_saved(process.run((f"{tool}-save",), timeout_s=30).stdout, tool=tool, family=family)


def _over_nft() -> Iterator[FilterChain]:
    for tool, family in _OVER_NFT:
        if process.has_tool(tool):
            yield from parse_saved(process.run((tool,), timeout_s=30).stdout, tool="nft", family=family)


def read_daemons(root: Path = ROOT) -> tuple[str, ...]:
    """Return which programs run that write rules of their own, or need bridged packets filtered."""
    names = {read_text(path) for path in root.glob("proc/[0-9]*/comm")}
    return tuple(name for name in _DAEMONS if name in names)


def read_layer3(domains: Iterable[Domain], root: Path = ROOT) -> tuple[str, ...]:
    """Return the nwfilters that domains use and that filter by IP, from libvirt's files."""
    used = {interface.filter for domain in domains for interface in (*domain.running, *domain.persistent)} - {None}
    if not used:
        return ()
    filters = {}
    for path in root.glob("etc/libvirt/nwfilter/*.xml"):
        try:
            found = parse_nwfilter(read_text(path) or "")
        except HypervisorError:
            continue
        filters[found.name] = found
    return tuple(sorted(name for name in used if name and looks_at_ip(name, filters)))


# Ask firewalld for its zones, where it runs.

_NAME = "org.fedoraproject.FirewallD1"
_PATH = "/org/fedoraproject/FirewallD1"


def read_firewalld() -> Firewalld | None:
    """Return its zones as they are now; None where it does not run.

    Asked over D-Bus (firewalld.dbus(5)): firewall-cmd takes ten times as long, most of it to start.

    Raises:
        ToolError: it runs and does not answer, or answers root alone.
    """
    if not process.has_tool("firewall-cmd") or not bus.has_owner(_NAME):
        return None
    return parse_zones(_ask(_NAME, "getDefaultZone"), _ask(f"{_NAME}.zone", "getActiveZones"))


def parse_zones(default: object, active: object) -> Firewalld:
    """Return the default zone and those with links, from what `busctl --json=short` makes of firewalld's answers.

    Raises:
        ToolError: these are no such answers.
    """
    if not isinstance(default, str) or not isinstance(active, dict):
        raise ToolError(f"vmnet cannot read firewalld's answer: {default!r}, {active!r}"[:400])
    with understood("firewalld's answer"):
        found = [(str(name), [str(link) for link in what.get("interfaces", ())]) for name, what in active.items()]
    zones = [Zone(name=name, links=tuple(sorted(links))) for name, links in sorted(found)]
    return Firewalld(default_zone=default, zones=tuple(zone for zone in zones if zone.links))


def _ask(*words: str) -> Any:
    """Call a method; firewalld is not started for it."""
    answer = bus.call(_NAME, _PATH, *words, timeout_s=30, auto_start=False)
    return answer[0] if answer else None


# Read br_netfilter's switches: what they are now, what the next boot makes of them.

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
