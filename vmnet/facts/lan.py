"""Facts of the LAN behind a bridge: what came of asking it."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.names import Mac
from vmnet.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A line somewhere on this host that names a network's bridge or subnet."""

    place: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LanAnswer:
    """What a bridge's LAN said to a stranger, a MAC that nobody had seen before.

    `dhcp_server` offered it an address; None: nobody did. `gateway_answered` is None where there was no gateway to ask,
    or no need to. `heard` are the MACs that the bridge had heard on its ports before.
    """

    bridge: str
    dhcp_server: IpAddress | None = None
    gateway_answered: bool | None = None
    heard: tuple[Mac, ...] = ()
