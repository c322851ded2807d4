"""`<filter>` documents -> what a filter of libvirt's looks at."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.documents.text import parse_document

_LAYER_3 = ("tcp", "udp", "sctp", "icmp", "igmp", "esp", "ah", "udplite", "all")
"""Elements that libvirt turns into rules of iptables, with "-ipv6" behind them of ip6tables (formatnwfilter.html); the
others become rules of ebtables, which need no br_netfilter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NwFilter:
    """A filter: whether rules of its own look at IP, and the filters that it includes."""

    name: str
    layer3: bool
    includes: tuple[str, ...] = ()


def parse_nwfilter(xml: str) -> NwFilter:
    """Return the record of a `<filter>` document.

    Raises:
        HypervisorError: it is not well-formed.
    """
    root = parse_document(xml)
    tags = {str(element.tag).removesuffix("-ipv6") for element in root.iterfind("rule/*")}
    includes = (element.get("filter") for element in root.iterfind("filterref"))
    return NwFilter(
        name=root.get("name", ""),
        layer3=not tags.isdisjoint(_LAYER_3),
        includes=tuple(name for name in includes if name),
    )


def looks_at_ip(name: str, filters: dict[str, NwFilter]) -> bool:
    """Return whether a filter, or one that it includes, looks at IP."""
    included = [name]
    for inner in included:
        # `included` grows while it is gone through. libvirt lets no filter include itself, but these are files.
        found = filters.get(inner)
        if found is not None and found.layer3:
            return True
        included += [more for more in (found.includes if found else ()) if more not in included]
    return False
