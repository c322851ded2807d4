"""Facts of the LAN behind a bridge: answers to questions that vmnet sent there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vmnet.facts.host import Duplicate
from vmnet.names import Mac
from vmnet.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A line somewhere on this host that names a network's bridge or subnet.

    `network` is that network; "" for any network with a DHCP server, or if the question was about one network.
    """

    place: str
    text: str
    network: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanAnswer:
    """What a bridge's LAN answered to a MAC that was never used there before.

    `dhcp_server` offered an address; None: no server did. `gateway_answered` is None if no gateway was asked. `heard`
    are the MACs that the bridge had heard on its ports before. Only doctor asks the rest. `host_answered`: the gateway
    answers this host itself. `mtu` is the largest of `mtus_tried` whose packets came back from the gateway (None: none,
    or not tried). `guests` are those that answered for an address that they had before.
    """

    bridge: str
    dhcp_server: IpAddress | None = None
    gateway_answered: bool | None = None
    heard: tuple[Mac, ...] = ()
    host_answered: bool | None = None
    mtus_tried: tuple[int, ...] = ()
    mtu: int | None = None
    guests: tuple[Duplicate, ...] = ()


# Probes: what must answer after a change if it answered before.


class ProbeKind(StrEnum):
    """Kinds of probes: ARP or neighbour discovery for a router, a query for a name server, a ping for the peer of the
    SSH connection, and a command of the admin."""

    GATEWAY = "gateway"
    DNS = "DNS server"
    SSH_PEER = "SSH peer"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question: `target` is an address, or the command."""

    kind: ProbeKind
    target: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The result of a probe before the change; `problem` is "" if it answered."""

    probe: Probe
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether it answered."""
        return not self.problem
