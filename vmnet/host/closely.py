"""What only doctor reads: on demand, because it takes time and plans do not need it."""

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
    from vmnet.host.outside import Sources


def read_closely(facts: Facts, uri: str, sources: Sources) -> Facts:
    """Return the facts with what doctor looks at besides; what could not be read is listed in `sources`, not raised."""
    facts = replace(
        facts,
        filters=read_filters(facts, sources),
        fabric=read_fabric(facts, sources),
        nmcli_version=sources.read("the version of nmcli", read_client, None) if facts.nm_version else None,
    )
    if facts.boot is not None:
        failed = sources.read("services that wait for the network at boot", read_failed_waits, ())
        facts = replace(facts, boot=replace(facts.boot, failed_waits=failed))
    if facts.hypervisor_elsewhere:
        return facts
    return replace(
        facts,
        surroundings=read_surroundings(facts, uri, sources),
        mentions=sources.read(
            "hooks and rules that name unused networks", lambda: read_old_mentions(facts, sources), ()
        ),
    )
