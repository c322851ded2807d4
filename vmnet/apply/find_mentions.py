"""Find what else on this host rests on the network that domains are to leave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.documents.networks import parse_subnets
from vmnet.host.mentions import read_mentions

if TYPE_CHECKING:
    from ipaddress import IPv4Network

    from vmnet.facts import Facts


def find_mentions(network: str, facts: Facts) -> Facts:
    """Return the facts with the hooks and firewall rules that name a network's bridge or subnet; unchanged where the
    network is not there, or the hypervisor is on another machine."""
    seen = facts.network(network)
    if seen is None or facts.hypervisor_elsewhere:
        return facts
    words = [*([seen.bridge] if seen.bridge else []), *(w for net in parse_subnets(seen.document) for w in _words(net))]
    return replace(facts, mentions=read_mentions(words)) if words else facts


def _words(subnet: IPv4Network) -> tuple[str, ...]:
    """A subnet as rules have it, and how its addresses begin, where its prefix ends at a dot."""
    octets = str(subnet.network_address).split(".")
    whole = subnet.prefixlen // 8
    beginning = (".".join(octets[:whole]) + ".",) if subnet.prefixlen % 8 == 0 and whole in (2, 3) else ()
    return (str(subnet), *beginning)
