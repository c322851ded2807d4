"""Frozen records of what the admin wants, filled from the command line, from a file, or by a script."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

from vmnet.names import Mac

IpAddress = IPv4Address | IPv6Address
IpInterface = IPv4Interface | IPv6Interface


NO_MAC = Mac("")
MATCHES = ("mac", "pci")
"""What a NIC may be given by, besides its name: `mac=00:1b:21:ab:d6:a1`, `pci=0000:03:00.0`."""


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


Options = tuple[tuple[str, str], ...]
"""Options of a bond or bridge under the kernel's names, in the order in which they were given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BondSpec:
    """The wanted bond. `options` are those of the kernel's bonding driver besides the mode, by its own names. `mtu`
    None: the largest of the bridges on it."""

    ifname: str = "bond0"
    mode: BondMode = BondMode.LACP
    options: Options = (("miimon", "100"),)
    mtu: int | None = None

    def option(self, name: str) -> str | None:
        """Return the wanted value of an option; None: the driver's default."""
        return dict(self.options).get(name)

    @property
    def pinned(self) -> bool:
        """Whether bond and ports have the bridge's MAC. With fail_over_mac, each NIC keeps its own MAC, and the kernel
        gives one of them to the bond."""
        return self.option("fail_over_mac") in (None, "none")


@dataclass(frozen=True, slots=True, kw_only=True)
class VlanSpec:
    """The VLAN that a bridge stands on: a link on its bond, or on its NIC, which takes frames with the tag `id`.
    Without a name it gets the usual one, such as bond0.20."""

    ifname: str
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressSpec:
    """The wanted addresses of the bridge.

    `dhcp`: the IPv4 address comes from DHCP. Otherwise `addresses` are static, IPv4 or IPv6. `routes` are static ones
    as NetworkManager writes them ("10.0.0.0/8 172.16.4.254"). `ipv6` is NetworkManager's method where there is no
    static IPv6 address; None: "auto".
    """

    dhcp: bool = False
    addresses: tuple[IpInterface, ...] = ()
    gateways: tuple[IpAddress, ...] = ()
    dns: tuple[IpAddress, ...] = ()
    dns_search: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    ipv6: str | None = None


@dataclass(frozen=True, slots=True)
class NoAddress:
    """The host gets no address on the bridge: IPv4 and IPv6 are disabled on it, link-local IPv6 too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeSpec:
    """A wanted bridge with all that it stands on: NICs, a bond or none, a VLAN or none.

    What is left open (no NICs; None for `address`, `mtu`) is decided by the plan from the facts: it proposes the NICs,
    and adopts addresses and MTU of what has them now. Several bridges may stand on VLANs of one bond: then each of them
    has that bond, with the same NICs. `network` None: define no libvirt network. `options` are the kernel's.

    A plan's goal is the same record with nothing left open. Then it also has:
        mac: the MAC of bridge, bond and NICs.
        vlans: VLAN links of the NICs that move onto the bridge.
        profiles: the UUID of each link's profile, by ifname.
        management: the management link, which the run leaves as it is.
        management_was: that link when the goal was planned (`facts.proof.record_of`); empty where it was not recorded.
    """

    ifname: str = "br0"
    nics: tuple[str, ...] = ()
    bond: BondSpec | None = BondSpec()
    vlan: VlanSpec | None = None
    address: AddressSpec | NoAddress | None = None
    mtu: int | None = None
    options: Options = ()
    network: str | None = "host-bridge"
    mac: Mac = NO_MAC
    vlans: tuple[str, ...] = ()
    profiles: tuple[tuple[str, str], ...] = ()
    management: str | None = None
    management_was: Options = ()

    def option(self, name: str) -> str | None:
        """Return the wanted value of an option; None: NetworkManager's default."""
        return dict(self.options).get(name)

    @property
    def stp(self) -> bool:
        """Whether the bridge speaks the spanning tree protocol."""
        return self.option("stp") == "yes"

    @property
    def bond_name(self) -> str | None:
        """The bond's ifname, if there is a bond."""
        return self.bond.ifname if self.bond else None

    @property
    def below(self) -> tuple[str, ...]:
        """The links between bridge and NICs, the upper one first: VLAN and bond, one of them, or none."""
        return tuple(spec.ifname for spec in (self.vlan, self.bond) if spec and spec.ifname)

    @property
    def on_nic(self) -> bool:
        """Whether it stands on a VLAN of a NIC that is no port, and may have an address of its own."""
        return self.vlan is not None and self.bond is None

    @property
    def controllers(self) -> dict[str, str]:
        """What each link below is a port of; a bond under a VLAN, and a NIC that only carries one, are of nothing."""
        ports = dict.fromkeys(self.nics, self.bond_name) if self.bond_name else {}
        return {name: over for name, over in ports.items() if over} | dict.fromkeys(self.uplinks, self.ifname)

    @property
    def uplinks(self) -> tuple[str, ...]:
        """The bridge's own ports: VLAN, bond, or NIC."""
        return self.below[:1] or self.nics

    @property
    def links(self) -> frozenset[str]:
        """The bridge and all that it stands on."""
        return frozenset((self.ifname, *self.below, *self.nics))

    def replaces(self, old: BridgeSpec) -> bool:
        """Whether an older bridge of this host is not there any more, or is another one, when this one is."""
        other_bond = self.bond_name != old.bond_name and not set(self.nics).isdisjoint(old.nics)
        return self.ifname == old.ifname or not set(self.uplinks).isdisjoint(old.uplinks) or other_bond

    def asked(self) -> BridgeSpec:
        """Return the same wish without what a plan has filled in."""
        return replace(self, mac=NO_MAC, vlans=(), profiles=(), management=None, management_was=())

    @property
    def requested(self) -> AddressSpec:
        """The addresses that are named; none where they are adopted, or not wanted."""
        return self.address if isinstance(self.address, AddressSpec) else AddressSpec()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """What is wanted of a host: its bridges, and how the run goes that makes them.

    `management` None: detect it. `displace` names more profiles whose autoconnect vmnet disables, besides those that
    compete. `timeout_s` is the timeout of NetworkManager's checkpoint in seconds. `confirm_s`: roll back unless the
    admin confirms within so many seconds. `move_vlans`: move the NICs' VLANs onto the bridge. Each of the last seven
    accepts one risk: vmnet then warns instead of refusing.
    """

    bridges: tuple[BridgeSpec, ...] = (BridgeSpec(),)
    management: str | None = None
    fix_management: bool = False
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

    @property
    def networks(self) -> tuple[str, ...]:
        """The libvirt networks that are wanted."""
        return tuple(bridge.network for bridge in self.bridges if bridge.network is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """How running guests get a new address. Their links are down for `bounce_s` seconds (0: not at all). `by_agent`:
    the guest agent runs a command instead, if it can."""

    bounce_s: int = 8
    by_agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TeardownSpec(Renewal):
    """The request to teardown.

    `bridges`: their names; none: the only one on a NIC. `nic` gets the address; None: the NIC whose MAC the bridge has.
    `move_domains_to`: the libvirt network that the bridges' domains move to; None: refuse while domains use them.
    `management` and `confirm_s` as in `HostSpec`.
    """

    bridges: tuple[str, ...] = ()
    nic: str | None = None
    move_domains_to: str | None = None
    management: str | None = None
    confirm_s: int | None = None
    allow_firewall: bool = False


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
