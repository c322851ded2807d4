"""Steps that wait until the host is as it must be. Each has a time to do so."""

from __future__ import annotations

import shlex
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from vmnet.facts import ProbeKind
from vmnet.facts.lan import Probe
from vmnet.plan.steps.base import HostStep, listed
from vmnet.spec import IpAddress, IpInterface

if TYPE_CHECKING:
    from collections.abc import Iterable

LINK_DOWN_S = 15
"""How long a link stays down, so that a switch turns to another one."""


class WaitStep(HostStep):
    """Waits up to `timeout_s`; `hint` says what to do if that was not enough."""

    __slots__ = ()
    timeout_s: int
    hint: ClassVar[str] = "for the reason: journalctl -u NetworkManager"

    @abstractmethod
    def asking(self) -> tuple[str, ...]:
        """Return the words that ask once in a script, with the functions of `vmnet.report.host_script`."""

    def run_lines(self) -> Iterable[str]:
        return (shlex.join(("wait_for", str(self.timeout_s), str(self), *self.asking())),)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitCarrier(WaitStep):
    """Wait until the link has carrier."""

    ifname: str
    timeout_s: int
    hint: ClassVar[str] = "check the cables and the switch ports"

    def text(self) -> str:
        return f"wait up to {self.timeout_s} s for carrier on {self.ifname}"

    def asking(self) -> tuple[str, ...]:
        return ("carrier", self.ifname)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitLacp(WaitStep):
    """Wait until the switch has answered LACP on `ports` and they pass frames.

    `this_end`: until the bond passes them. The switch confirms a quarter of a second later that it does, too. vmnet
    does not wait for that if the next step waits for an answer through the bond.
    """

    bond: str
    ports: tuple[str, ...]
    timeout_s: int
    this_end: bool = False
    hint: ClassVar[str] = (
        "put the switch ports into one LACP group, or use --mode active-backup, which needs nothing from the switch"
    )

    def text(self) -> str:
        return f"wait up to {self.timeout_s} s for LACP on {listed(self.ports)}"

    def asking(self) -> tuple[str, ...]:
        return ("lacp", *self.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPorts(WaitStep):
    """Wait until exactly these links, not counting taps, are the controller's ports, up and forwarding."""

    controller: str
    ports: tuple[str, ...]
    timeout_s: int

    def text(self) -> str:
        return f"wait up to {self.timeout_s} s for {listed(self.ports)} in {self.controller}"

    def asking(self) -> tuple[str, ...]:
        return ("ports", self.controller, *self.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAddress(WaitStep):
    """Wait until the link has these addresses; none named: until it has a global IPv4 address. `leased`: the
    link must have it from a DHCP server."""

    ifname: str
    addresses: tuple[IpInterface, ...]
    timeout_s: int
    leased: bool = False

    def text(self) -> str:
        what, by = listed(self.addresses, nothing="an address"), " by DHCP" if self.leased else ""
        return f"wait up to {self.timeout_s} s for {what} on {self.ifname}{by}"

    def asking(self) -> tuple[str, ...]:
        leased = "leased" if self.leased else ""
        return ("address", self.ifname, leased, *(f"{address} " for address in self.addresses))

    def undo_lines(self) -> Iterable[str]:
        return (shlex.join(("back_again", self.ifname, str(self.timeout_s), *map(str, self.addresses))),)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitNeighbour(WaitStep):
    """Wait until the neighbour (the gateway) answers on the link: ARP or neighbour discovery."""

    ifname: str
    address: IpAddress
    timeout_s: int
    hint: ClassVar[str] = "check --gateway, and that the switch ports are in the VLAN of this address"

    def text(self) -> str:
        return f"wait up to {self.timeout_s} s for {self.address} to answer on {self.ifname}"

    def asking(self) -> tuple[str, ...]:
        return ("neighbour", self.ifname, str(self.address))


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAnswer(WaitStep):
    """Wait until what answered before the change answers again; vmnet repeats the question until then.

    `others`: in a rollback, the links that vmnet takes down for `LINK_DOWN_S` if there is no answer in time. A switch
    that still sends to one of them turns to the link that is left. Then vmnet sets them up and asks once more.
    """

    probe: Probe
    timeout_s: int
    others: tuple[str, ...] = ()
    hint: ClassVar[str] = "it answered before the change: check that the switch ports are in the VLAN of this address"

    def text(self) -> str:
        seconds = self.timeout_s + (2 * LINK_DOWN_S if self.others else 0)
        return f"wait up to {seconds} s for {self.probe} to answer"

    def asking(self) -> tuple[str, ...]:
        target = self.probe.target
        match self.probe.kind:
            case ProbeKind.COMMAND:
                return tuple(shlex.split(target))
            case ProbeKind.DNS:
                return ("name_server", target)
            case ProbeKind.GATEWAY:
                return ("gateway", target)
            case ProbeKind.SSH_PEER:
                return ("ping", "-n", "-q", "-c", "1", "-W", "1", target)


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitConfirmation(WaitStep):
    """Wait until the admin runs `vmnet confirm`, from a new connection."""

    timeout_s: int
    hint: ClassVar[str] = "run the command again, then from a new connection: sudo vmnet confirm"

    def text(self) -> str:
        return f"wait up to {self.timeout_s} s for sudo vmnet confirm, from a new connection"

    def asking(self) -> tuple[str, ...]:
        return ("confirmed",)
