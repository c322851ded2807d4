"""Where else on this host a network is named: hooks of libvirt, rules of the firewall that are not libvirt's own."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace
from pathlib import Path

from vmnet.documents.networks import words_of
from vmnet.facts import Facts, Network
from vmnet.facts.lan import Mention
from vmnet.host import process
from vmnet.host.kernel import sysfs
from vmnet.host.outside import Sources
from vmnet.lines import lines_of

HOOKS = Path("/etc/libvirt/hooks")
EXPORTS = (Path("/etc/exports"), Path("/etc/exports.d"))
NSSWITCH = Path("/etc/nsswitch.conf")

LEGACY_TABLES = Path("/proc/net/ip_tables_names")
_BLOCK = re.compile(r"^\s*(table|chain)\s+(?:(?:ip|ip6|inet|bridge|arp|netdev)\s+)?(\S+)")
_NAMES = re.compile(r"^hosts:.*\blibvirt(_guest)?\b")
# Its own names, and those of the chains of its filters on taps: I-vnet0-ipv4-ip, FO-vnet0.
_LIBVIRTS = re.compile(r"(?i:libvirt)|^[FH]?[IOJP]-")


def read_mentions(words: Collection[str], sources: Sources) -> tuple[Mention, ...]:
    """Return the lines of hooks and of the firewall that hold one of the words; those of the firewall need root.

    Args:
        words: a bridge's name, a subnet as "192.168.122.0/24" or as its beginning "192.168.122.".
        sources: where it is listed what could not be read.
    """
    wanted = pattern_of(words)
    return (
        *sources.collect("libvirt's hooks", lambda: _in_hooks(wanted)),
        *sources.collect("firewall rules that name a network", lambda: _in_firewall(wanted), allowed=sysfs.is_root()),
    )


def read_old_mentions(facts: Facts, sources: Sources) -> tuple[Mention, ...]:
    """Return what names a network with NAT that no domain is on: hooks and rules as above, exports of NFS, and the
    use of libvirt's names, which come from the leases of such networks."""
    left = [network for network in facts.networks if network.routed and not _used(network, facts)]
    found: list[Mention] = []
    for network in left:
        # What names its bridge alone does no harm; what names an address leads to nobody.
        words = tuple(word for word in words_of(network) if word != network.bridge)
        lines = (*read_mentions(words, sources), *_in_files(EXPORTS, pattern_of(words))) if words else ()
        found.extend(replace(line, network=network.name) for line in lines)
    if left and not any(network.routed for network in facts.networks if network not in left):
        found.extend(_in_files((NSSWITCH,), _NAMES))
    return tuple(found)


def _used(network: Network, facts: Facts) -> bool:
    interfaces = (i for domain in facts.domains for i in (*domain.running, *domain.persistent))
    return any(i.source.network == network.name or i.source.bridge == network.bridge for i in interfaces)


def _in_files(paths: Collection[Path], wanted: re.Pattern[str]) -> Iterator[Mention]:
    for path in paths:
        for file in (path,) if path.is_file() else sorted(path.glob("*")):
            yield from _in_text(file, sysfs.read_whole(file) or "", wanted)


def _in_text(path: Path, text: str, wanted: re.Pattern[str]) -> Iterator[Mention]:
    for number, line in enumerate(lines_of(text), start=1):
        if wanted.search(line) and not line.lstrip().startswith("#"):
            yield Mention(place=f"{path}, line {number}", text=line.strip())


def pattern_of(words: Collection[str]) -> re.Pattern[str]:
    """Return what finds the words as words: virbr0 is not in virbr01, nor 192.168.122. in 10.192.168.122.1."""
    ends = {True: "", False: r"(?!\w)"}
    return re.compile("|".join(rf"(?<![\w.]){re.escape(word)}{ends[word.endswith('.')]}" for word in words))


def _in_hooks(wanted: re.Pattern[str]) -> Iterator[Mention]:
    for path in sorted(HOOKS.rglob("*")):
        if path.is_file():
            yield from _in_text(path, sysfs.read_whole(path) or "", wanted)


def _in_firewall(wanted: re.Pattern[str]) -> Iterator[Mention]:
    if process.has_tool("nft"):
        yield from parse_ruleset(process.run(("nft", "list", "ruleset"), timeout_s=10).stdout, wanted)
    # The old interface, which nft does not show; asked for only where it is in use, for asking loads its modules.
    if sysfs.read_text(LEGACY_TABLES):
        yield from parse_saved(process.run(("iptables-legacy-save",), timeout_s=10).stdout, wanted)


def parse_saved(listing: str, wanted: re.Pattern[str]) -> Iterator[Mention]:
    """Yield the rules of `iptables-legacy-save` that match; libvirt's own chains are left out."""
    table = ""
    for line in lines_of(listing):
        if line.startswith("*"):
            table = line[1:]
        elif line.startswith("-A ") and wanted.search(line):
            chain = line.split(" ")[1]
            if not _LIBVIRTS.search(chain):
                yield Mention(place=f"iptables-legacy, table {table}, chain {chain}", text=line)


def parse_ruleset(listing: str, wanted: re.Pattern[str]) -> Iterator[Mention]:
    """Yield the rules of `nft list ruleset` that match; libvirt's own tables and chains are left out, for libvirt takes
    them away with the network."""
    table = chain = ""
    for line in lines_of(listing):
        block = _BLOCK.match(line)
        if block is None:
            if wanted.search(line) and not _LIBVIRTS.search(table) and not _LIBVIRTS.search(chain):
                yield Mention(place=f"nftables, table {table}, chain {chain}", text=line.strip())
        elif block[1] == "table":
            table, chain = block[2], ""
        else:
            chain = block[2]
