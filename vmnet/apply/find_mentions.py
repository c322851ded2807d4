"""Find what else on this host rests on the network that domains are to leave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.documents.networks import words_of
from vmnet.host.mentions import read_mentions
from vmnet.host.outside import Sources

if TYPE_CHECKING:
    from vmnet.facts import Facts


def find_mentions(network: str, facts: Facts) -> Facts:
    """Return the facts with the hooks and firewall rules that name a network's bridge or subnet; unchanged where the
    network is not there, or the hypervisor is on another machine."""
    seen = facts.network(network)
    if seen is None or facts.hypervisor_elsewhere:
        return facts
    words = words_of(seen)
    if not words:
        return facts
    sources = Sources()
    found = read_mentions(words, sources)
    return replace(facts, mentions=found, unread=(*facts.unread, *sources.unread))
