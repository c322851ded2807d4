"""Read what filters bridged frames: the firewall's chains, who else has a hand in it, br_netfilter's switches."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.documents.nwfilters import looks_at_ip, parse_nwfilter
from vmnet.errors import HypervisorError
from vmnet.facts import BridgeNetfilter, FilterChain, Filters
from vmnet.host import process, sysfs
from vmnet.host.bridge_netfilter import read_netfilter
from vmnet.host.iptables_save import parse_saved
from vmnet.host.nft_json import has_xtables, parse_ruleset

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Domain, Facts
    from vmnet.host.outside import Sources

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
        daemons=sources.read("daemons that write rules", read_daemons, ()),
        layer3=sources.read("the rules of libvirt's filters", lambda: read_layer3(facts.domains), ()),
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
        if sysfs.read_text(tables):
            yield from parse_saved(process.run((f"{tool}-save",), timeout_s=30).stdout, tool=tool, family=family)


def _over_nft() -> Iterator[FilterChain]:
    for tool, family in _OVER_NFT:
        if process.has_tool(tool):
            yield from parse_saved(process.run((tool,), timeout_s=30).stdout, tool="nft", family=family)


def read_daemons(root: Path = ROOT) -> tuple[str, ...]:
    """Return which programs run that write rules of their own, or need bridged packets filtered."""
    names = {sysfs.read_text(path) for path in root.glob("proc/[0-9]*/comm")}
    return tuple(name for name in _DAEMONS if name in names)


def read_layer3(domains: Iterable[Domain], root: Path = ROOT) -> tuple[str, ...]:
    """Return the nwfilters that domains use and that filter by IP, from libvirt's files."""
    used = {interface.filter for domain in domains for interface in (*domain.running, *domain.persistent)} - {None}
    if not used:
        return ()
    filters = {}
    for path in root.glob("etc/libvirt/nwfilter/*.xml"):
        try:
            found = parse_nwfilter(sysfs.read_text(path) or "")
        except HypervisorError:
            continue
        filters[found.name] = found
    return tuple(sorted(name for name in used if name and looks_at_ip(name, filters)))
