"""What doctor asks for besides: read on demand only, for it takes time that planning has no use for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.host.boot import read_failed_waits
from vmnet.host.fabric import read_fabric
from vmnet.host.filters import read_filters
from vmnet.host.mentions import read_old_mentions
from vmnet.host.nmcli import read_client
from vmnet.host.surroundings import read_surroundings

if TYPE_CHECKING:
    from vmnet.facts import Facts


def read_closely(facts: Facts, uri: str) -> Facts:
    """Return the facts with what doctor looks at besides; what could not be read is listed in `unread`, not raised."""
    filters, no_filters = read_filters(facts)
    fabric, no_fabric = read_fabric(facts)
    unread = (*facts.unread, *no_filters, *no_fabric)
    facts = replace(facts, filters=filters, fabric=fabric, unread=unread)
    facts = _with_waits(replace(facts, nmcli_version=read_client() if facts.nm_version else None))
    return facts if facts.hypervisor_elsewhere else _around_libvirt(facts, uri)


def _around_libvirt(facts: Facts, uri: str) -> Facts:
    surroundings, unread = read_surroundings(facts, uri)
    mentions = read_old_mentions(facts)
    return replace(facts, surroundings=surroundings, mentions=mentions, unread=(*facts.unread, *unread))


def _with_waits(facts: Facts) -> Facts:
    if facts.boot is None:
        return facts
    failed, unread = read_failed_waits()
    return replace(facts, boot=replace(facts.boot, failed_waits=failed), unread=(*facts.unread, *unread))
