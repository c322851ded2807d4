"""Frozen records of what the admin wants, filled from the command line or by a script.

What a spec leaves out (None, or an empty tuple of NICs) is decided by the plan from the facts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from vmnet.names import Mac

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface


class BondMode(StrEnum):
    """Modes of the kernel's bonding driver, as the kernel and NetworkManager call them."""

    BALANCE_RR = "balance-rr"
    ACTIVE_BACKUP = "active-backup"
    BALANCE_XOR = "balance-xor"
    BROADCAST = "broadcast"
    LACP = "802.3ad"
    BALANCE_TLB = "balance-tlb"
    BALANCE_ALB = "balance-alb"


class Retire(StrEnum):
    """What to do with the old network when nothing refers to it any more."""

    NO = "no"
    AUTOSTART = "autostart"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class BondSpec:
    """The wanted bond. `miimon_ms` is the interval of the link check in milliseconds. `arp_interval_ms` is the interval
    of ARP monitoring, which vmnet refuses."""

    ifname: str = "bond0"
    mode: BondMode = BondMode.LACP
    miimon_ms: int = 100
    lacp_rate: str | None = None
    xmit_hash_policy: str | None = None
    arp_interval_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSpec:
    """The wanted bridge. `multicast_snooping` None: NetworkManager's default."""

    ifname: str = "br0"
    stp: bool = False
    multicast_snooping: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSpec:
    """The wanted addresses of the bridge.

    `dhcp`: the IPv4 address comes from DHCP. Otherwise `addresses` are static, IPv4 or IPv6.
    """

    dhcp: bool = False
    addresses: tuple[IpInterface, ...] = ()
    gateways: tuple[IpAddress, ...] = ()
    dns: tuple[IpAddress, ...] = ()
    dns_search: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoAddress:
    """The host gets no address on the bridge: IPv4 and IPv6 are disabled on it, link-local IPv6 too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """The request to host-setup.

    `nics` empty: vmnet proposes them. `bond` None: the bridge is on one NIC. `address` and `mtu` None: adopt the NIC's.
    `management` None: detect it. `network` None: define no libvirt network. `displace` names more profiles whose
    autoconnect vmnet disables, besides those that compete. `timeout_s` is the timeout of NetworkManager's checkpoint in
    seconds. `confirm_s`: roll back unless the admin confirms within so many seconds. `move_vlans`: move the NICs' VLANs
    onto the bridge. Each of the last five accepts one risk: vmnet then warns instead of refusing.
    """

    nics: tuple[str, ...] = ()
    bridge: BridgeSpec = BridgeSpec()
    bond: BondSpec | None = BondSpec()
    address: AddressSpec | NoAddress | None = None
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
    allow_lost_address: bool = False
    allow_claimed: bool = False
    allow_firewall: bool = False
    different_switches: bool = False
    allow_duplicate_address: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """How running guests get a new address. Their links are down for `bounce_s` seconds (0: not at all). `by_agent`:
    the guest agent runs a command instead, if it can."""

    bounce_s: int = 8
    by_agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachSpec(Renewal):
    """The request to attach-domain.

    `domain` is a name or UUID. `macs`, `indexes` (from 1), `taps` (on the host) and `sources` (networks or bridges)
    choose interfaces: each that one of them names. `replug`: unplug an interface that libvirt cannot move while the
    domain runs, and plug it in on the bridge. `bridge`: move to this bridge itself instead of `network`. `add`: add a
    new interface instead, with the MAC in `macs` or a derived one, and with `model`, `queues` and `filter`.
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
        """Whether it chooses interfaces."""
        return bool(self.macs or self.indexes or self.taps or self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationSpec(Renewal):
    """The request to migrate-from-virbr0: move every interface on `source` (or on its bridge) to `network`.

    `only` and `exclude` are domain names or shell patterns. `canary` is the domain that moves first; the others wait
    until it answers on the bridge. None: the first running domain, or with `no_canary` none. `batch` domains move at a
    time (0: all), with `pause_s` seconds between two batches. `skip_static`: do not move guests whose address seems
    static. `undo_on_failure`: if a step fails, roll back all steps instead of stopping.
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
