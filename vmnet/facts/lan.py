"""Facts of the LAN behind a bridge: what came of asking it."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.facts.host import Duplicate
from vmnet.names import Mac
from vmnet.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A line somewhere on this host that names a network's bridge or subnet.

    `network` is that network; "" where any network with a DHCP server is meant, or where one alone was asked about.
    """

    place: str
    text: str
    network: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanAnswer:
    """What a bridge's LAN said to a stranger, a MAC that nobody had seen before.

    `dhcp_server` offered it an address; None: nobody did. `gateway_answered` is None where there was no gateway to ask,
    or no need to. `heard` are the MACs that the bridge had heard on its ports before. The rest only doctor asks:
    `host_answered` whether the gateway answers this host itself, `mtu` the largest of `mtus_tried` whose packets came
    back from there (None: none, or not tried), `guests` who of them answered for an address that they had before.
    """

    bridge: str
    dhcp_server: IpAddress | None = None
    gateway_answered: bool | None = None
    heard: tuple[Mac, ...] = ()
    host_answered: bool | None = None
    mtus_tried: tuple[int, ...] = ()
    mtu: int | None = None
    guests: tuple[Duplicate, ...] = ()
