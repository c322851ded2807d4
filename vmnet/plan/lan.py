"""What the LAN's answers mean for the guests that move there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Facts
    from vmnet.plan.moves import Move


def lan_kept(facts: Facts) -> Iterator[str]:
    """Yield lines about what works on the LAN."""
    if facts.lan is not None and facts.lan.dhcp_server is not None:
        yield f"{facts.lan.dhcp_server} answers DHCP on {facts.lan.bridge}, also for a MAC that was never used there"


def lan_warnings(moves: Iterable[Move], facts: Facts) -> Iterator[str]:
    """Yield warnings about what the guests will find there."""
    lan = facts.lan
    if lan is None:
        return
    if lan.dhcp_server is None:
        yield f"no DHCP server answers on {lan.bridge}: guests that use DHCP will get no address there"
    if lan.gateway_answered is False:
        yield (
            f"the gateway does not answer a new MAC on {lan.bridge}: guests there may reach nobody. Check whether the "
            "switch port, or the hypervisor under this host, blocks other MACs than the host's"
        )
    for move in moves:
        mac = move.pair.either.mac
        if mac in lan.heard and move.running:
            yield f"another machine on {lan.bridge} already uses {mac}, the MAC of {move.domain.name}"
