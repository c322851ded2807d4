"""What the admin wants (WANT): frozen records, filled from the command line or by a script.

A spec holds wishes only; what is left out (None, or an empty tuple of NICs) is decided by the plan from the facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from vmnet.names import Mac

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface


class BondMode(StrEnum):
    """Modes of the kernel's bonding driver, under the names that it and NetworkManager use."""

    BALANCE_RR = "balance-rr"
    ACTIVE_BACKUP = "active-backup"
    BALANCE_XOR = "balance-xor"
    BROADCAST = "broadcast"
    LACP = "802.3ad"
    BALANCE_TLB = "balance-tlb"
    BALANCE_ALB = "balance-alb"


class Retire(StrEnum):
    """What becomes of the old network when nothing refers to it any more."""

    NO = "no"
    AUTOSTART = "autostart"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class BondSpec:
    """The wanted bond. `miimon_ms` is the link check's interval in milliseconds; `arp_interval_ms`, that of ARP
    monitoring, is there to be refused with the reason."""

    ifname: str = "bond0"
    mode: BondMode = BondMode.LACP
    miimon_ms: int = 100
    lacp_rate: str | None = None
    xmit_hash_policy: str | None = None
    arp_interval_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSpec:
    """The wanted bridge. `multicast_snooping` None leaves NetworkManager's default."""

    ifname: str = "br0"
    stp: bool = False
    multicast_snooping: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSpec:
    """The wanted addresses of the bridge.

    `dhcp` asks DHCP for the IPv4 address; otherwise `addresses` are static (IPv4 and IPv6 mixed).
    """

    dhcp: bool = False
    addresses: tuple[IpInterface, ...] = ()
    gateways: tuple[IpAddress, ...] = ()
    dns: tuple[IpAddress, ...] = ()
    dns_search: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """What host-setup is asked for.

    `nics` empty: propose them. `bond` None: the bridge sits on one NIC. `address` None: adopt what the NIC has.
    `management` None: detect it. `network` None: do not change libvirt. `displace` names profiles that lose their
    autoconnect, besides those that compete. `mtu` None: adopt. `timeout_s`: NetworkManager's checkpoint rolls back
    after so many seconds without vmnet. `confirm_s`: vmnet rolls back unless the admin confirms within so many seconds.
    `move_vlans`: the NICs' VLANs move to the bridge. Each of the last accepts one risk, which is refused without
    it and a warning with it.
    """

    nics: tuple[str, ...] = ()
    bridge: BridgeSpec = BridgeSpec()
    bond: BondSpec | None = BondSpec()
    address: AddressSpec | None = None
    mtu: int | None = None
    management: str | None = None
    fix_management: bool = False
    network: str | None = "host-bridge"
    displace: tuple[str, ...] = ()
    timeout_s: int | None = None
    confirm_s: int | None = None
    move_vlans: bool = False
    allow_storage: bool = False
    allow_new_address: bool = False
    allow_claimed: bool = False
    different_switches: bool = False
    allow_duplicate_address: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """How running guests are made to ask for a new address: their links are held down for `bounce_s` seconds, 0: not at
    all; with `by_agent` those whose guest agent answers are asked through it instead."""

    bounce_s: int = 8
    by_agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachSpec(Renewal):
    """What attach-domain is asked for: `domain` by name or UUID; `macs`, `indexes` (from 1), `taps` (on the host) and
    `sources` (networks or bridges that they are on) choose interfaces, all that one of them names.

    `replug` unplugs an interface of a running domain that libvirt cannot move, and plugs it in there. `bridge` leads
    there without a network. `add` makes a new interface instead of moving one, with the one MAC in `macs` or a derived
    one; `model`, `queues` and `filter` are the new one's.
    """

    domain: str
    network: str = "host-bridge"
    bridge: str | None = None
    macs: tuple[Mac, ...] = ()
    indexes: tuple[int, ...] = ()
    taps: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    replug: bool = False
    add: bool = False
    model: str = "virtio"
    queues: int | None = None
    filter: str | None = None

    @property
    def chooses(self) -> bool:
        """Whether it says which interfaces are meant."""
        return bool(self.macs or self.indexes or self.taps or self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSpec(Renewal):
    """What migrate-from-virbr0 is asked for: every interface on `source` (or on its bridge) goes to `network`.

    `only` and `exclude` are domain names, or patterns of the shell.

    `canary` is the domain that goes first, and must be proven on the bridge before any other goes; None: the first that
    runs, and with `no_canary` none. `batch`: so many domains at a time, their links bounced together; 0: all.
    `pause_s`: wait so long between two batches. `skip_static`: leave guests alone whose address seems to be static.
    `undo_on_failure`: take all back where a step fails, instead of stopping there.
    """

    source: str = "default"
    network: str = "host-bridge"
    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    canary: str | None = None
    no_canary: bool = False
    batch: int = 0
    pause_s: int = 0
    skip_static: bool = False
    undo_on_failure: bool = False
    retire: Retire = Retire.NO
