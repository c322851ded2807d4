"""What the LAN's answers mean for the guests that are to go there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Facts
    from vmnet.plan.moves import Move


def lan_kept(facts: Facts) -> Iterator[str]:
    """Yield what was found well."""
    if facts.lan is not None and facts.lan.dhcp_server is not None:
        yield f"{facts.lan.dhcp_server} answers DHCP on {facts.lan.bridge}, and a MAC that nobody knew gets through"


def lan_warnings(moves: Iterable[Move], facts: Facts) -> Iterator[str]:
    """Yield what the guests will meet there."""
    lan = facts.lan
    if lan is None:
        return
    if lan.dhcp_server is None:
        yield f"nobody answers DHCP on {lan.bridge}: guests that ask for an address will have none"
    if lan.gateway_answered is False:
        yield (
            f"the gateway does not answer a MAC on {lan.bridge} that it has not seen before: does the switch's port, "
            "or the hypervisor that this host runs on, let other MACs through than the host's own?"
        )
    for move in moves:
        mac = move.pair.either.mac
        if mac in lan.heard and move.running:
            yield f"{mac} of {move.domain.name} was heard on {lan.bridge} already: another machine has the same MAC"
