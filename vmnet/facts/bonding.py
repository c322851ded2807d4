"""Facts of a bond's ports from /proc/net/bonding, which the netlink of older kernels does not have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.names import Mac

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class BondPort:
    """A port of a bond.

    `link_failures` counts since the port joined, `sent_bytes` since the link was created. The LACP values are None
    outside 802.3ad, and without root. `partner_mac` and `partner_key` name the switch's group of the port. `churned`:
    one end has waited for more than a minute to be accepted. `number` and `partner_number` are the port's numbers at
    this end and at the switch. `aggregator` is its group at this end. It has the number of the port that agreed LACP
    first (bond_3ad_bind_slave in the kernel's bond_3ad.c).
    """

    ifname: str
    bond: str
    link_failures: int = 0
    partner_mac: Mac | None = None
    partner_key: int | None = None
    churned: bool = False
    sent_bytes: int = 0
    number: int | None = None
    partner_number: int | None = None
    aggregator: int | None = None


def leaves_last(ifname: str, ports: Iterable[BondPort]) -> bool:
    """Return whether a port of an 802.3ad bond must leave it last, so that a strict switch goes on with this port.

    Some switches use one port of a group without LACP (Linux bonding with ad_select stable does): that of the lowest
    aggregator. The group has the aggregator of the port that agreed LACP first. Of the ports that the switch forgets,
    the first one gets the lowest free aggregator, and the last one keeps its own. So the last one wins if the group has
    the lowest aggregator, otherwise the first one. False also if nothing is known of the ports.
    """
    group = [port for port in ports if port.partner_number is not None]
    mine = next((port for port in group if port.ifname == ifname), None)
    if mine is None or mine.aggregator is None:
        return False
    group = [port for port in group if (port.bond, port.aggregator) == (mine.bond, mine.aggregator)]
    lowest = min(port.partner_number or 0 for port in group)
    return any(port.number == port.aggregator and port.partner_number == lowest for port in group)
