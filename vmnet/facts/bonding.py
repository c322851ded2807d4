"""Facts of a bond's ports, as /proc/net/bonding tells them: what netlink of older kernels leaves out."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.names import Mac


@dataclass(frozen=True, slots=True, kw_only=True)
class BondPort:
    """A port of a bond.

    `link_failures` counts since it joined. The LACP values are None outside 802.3ad, and where root alone may read
    them: `partner_mac` and `partner_key` name the switch's group that the port ended in; `churned` says that one end
    has waited for a minute and more to be let in. `sent_bytes` since the link was made.
    """

    ifname: str
    bond: str
    link_failures: int = 0
    partner_mac: Mac | None = None
    partner_key: int | None = None
    churned: bool = False
    sent_bytes: int = 0
