"""Facts of what filters frames on their way through a bridge: br_netfilter, the chains it calls, who owns them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a rule does with a packet that it matches. NONE: it counts, marks or logs the packet, which goes on."""

    ACCEPT = "accept"
    DROP = "drop"
    REJECT = "reject"
    JUMP = "jump"
    GOTO = "goto"
    RETURN = "return"
    NONE = ""


class Narrow(StrEnum):
    """Which packets a rule matches, apart from the names of links. NO: all. ADDRESSES: those of some addresses."""

    NO = ""
    ADDRESSES = "addresses"
    OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNames:
    """Which links a rule matches: patterns with `*`; `but`: all others. No patterns: any link."""

    patterns: tuple[str, ...] = ()
    but: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterRule:
    """A rule of a chain, as far as it matters to the first packet of a connection. `text` is the rule for people;
    `handle` is nft's number for it, `words` are iptables' options."""

    verdict: Verdict
    text: str
    target: str = ""
    incoming: LinkNames = LinkNames()
    outgoing: LinkNames = LinkNames()
    narrow: Narrow = Narrow.NO
    handle: int = 0
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterChain:
    """A chain of rules. `tool` is "nft", "iptables-legacy" or "ip6tables-legacy"; `family` nftables' ("ip", "ip6",
    "inet", "bridge"). `hook` "": packets come here only by a jump; then `policy` is accept."""

    tool: str
    family: str
    table: str
    name: str
    hook: str = ""
    policy: str = "accept"
    rules: tuple[FilterRule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSwitch:
    """The value that the files of sysctl.d set for `net.bridge.bridge-nf-call-*` ("iptables", "ip6tables"), and the
    file that sets it."""

    name: str
    on: bool
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeNetfilter:
    """Whether the kernel sends bridged packets through the chains of IPv4 and IPv6.

    `on` are the switches that are on now, for all bridges ("iptables", "ip6tables"); `bridges` those of one bridge
    alone, as ("br0", "iptables"). `early` is what loads the module before sysctl.d is applied at boot, or what
    applies sysctl.d again when the module is loaded: a file, or "the kernel"; "": nothing, then `stored` has no effect.
    """

    loaded: bool = False
    on: tuple[str, ...] = ()
    bridges: tuple[tuple[str, str], ...] = ()
    stored: tuple[StoredSwitch, ...] = ()
    early: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    """A zone of firewalld's, and its links."""

    name: str
    links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Firewalld:
    """firewalld, where it runs. `zones` are those that have links; all other links are in the default zone."""

    default_zone: str
    zones: tuple[Zone, ...] = ()

    def zone_of(self, ifname: str) -> str:
        """Return the zone that the link is in."""
        return next((zone.name for zone in self.zones if ifname in zone.links), self.default_zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Everything that filters bridged frames. `daemons` are those that run and write rules of their own ("dockerd");
    `layer3` are the nwfilters in use that filter by IP, which libvirt does through br_netfilter."""

    netfilter: BridgeNetfilter = BridgeNetfilter()
    chains: tuple[FilterChain, ...] = ()
    daemons: tuple[str, ...] = ()
    layer3: tuple[str, ...] = ()
