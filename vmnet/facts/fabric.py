"""Facts of a bond's ports from /proc/net/bonding, which the netlink of older kernels does not have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from vmnet.names import Mac


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


# Facts of the bridges' inside: which MAC was heard on which port, VLANs and flags of ports, multicast.


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """An entry of a forwarding database: the port on which a MAC was heard last. `own`: put there by hand, for the
    port's own switch in its hardware (`bridge fdb add ... self`)."""

    mac: Mac
    port: str
    own: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PortVlans:
    """The VLANs of a port of a bridge. `untagged` is the VLAN of frames without a tag (PVID); None: such frames are
    dropped."""

    port: str
    vlans: tuple[int, ...] = ()
    untagged: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PortFlags:
    """Flags of a port of a bridge that are on: "isolated" (no frames to other isolated ports), "hairpin" (frames may go
    back where they came from), "router" (gets all multicast)."""

    port: str
    on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Multicast:
    """Multicast snooping on a bridge that hears an MLD querier; without one, the kernel floods. `groups` are
    (port, group address) as the ports have asked for them."""

    bridge: str
    querier: str
    groups: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """A line of the kernel's log, and how long ago it was written."""

    text: str
    age_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """All of it. `unpinned` are bridges whose MAC follows their ports; `virtual_functions` the NICs that have any,
    with their PCI addresses; `virtualisation` is what the host itself runs on ("kvm"), "" for hardware; `log` has the
    lines of the kernel's log of the last minutes that show trouble on a bridge."""

    heard: tuple[Heard, ...] = ()
    vlans: tuple[PortVlans, ...] = ()
    flags: tuple[PortFlags, ...] = ()
    multicast: tuple[Multicast, ...] = ()
    unpinned: tuple[str, ...] = ()
    virtual_functions: tuple[tuple[str, tuple[str, ...]], ...] = ()
    virtualisation: str = ""
    log: tuple[LogLine, ...] = ()

    def has_flag(self, port: str, flag: str) -> bool:
        """Return whether a flag of the port is on."""
        return any(flag in entry.on for entry in self.flags if entry.port == port)

    def vlans_of(self, port: str) -> PortVlans | None:
        """Return the VLANs of a port, None where none were read; a port without any is not in the kernel's list."""
        found = next((entry for entry in self.vlans if entry.port == port), None)
        return found or (PortVlans(port=port) if self.vlans else None)
