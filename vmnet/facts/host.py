"""Facts of the host: links, addresses and routes from the kernel, devices and profiles from NetworkManager."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_interface

from vmnet.names import Mac
from vmnet.spec import IpAddress, IpInterface, Options
from vmnet.spec.options import parse_bond_options

LACP_COLLECTING_DISTRIBUTING = 0x30
"""Bits 4 and 5 of a LACP port state (IEEE 802.1AX 6.4.2.3): the port takes and sends frames."""

CONNECTED = 100
"""NM_DEVICE_STATE_ACTIVATED."""

GUEST_KINDS = ("tun", "veth")
"""Ports of these kinds are the host's ends of domains' and containers' interfaces, not uplinks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BondState:
    """A bond as the kernel runs it. `aggregator_ports` and `partner_mac` only in 802.3ad; `arp_interval_ms` 0: no ARP
    monitoring; `hash_policy` as the kernel calls it ("layer2+3"), None in modes that hash nothing. `options` are those
    of `vmnet.spec.options` that the kernel shows to this user, with their values in the same words."""

    mode: str
    miimon_ms: int
    lacp_rate: str | None = None
    aggregator_id: int | None = None
    aggregator_ports: int | None = None
    partner_mac: Mac | None = None
    active_port: str | None = None
    arp_interval_ms: int = 0
    min_links: int = 0
    hash_policy: str | None = None
    options: Options = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeState:
    """A bridge as the kernel runs it. `forward_delay_cs` in hundredths of a second, as sysfs has it. `options`: as a
    bond's."""

    stp: bool
    forward_delay_cs: int
    multicast_snooping: bool
    vlan_filtering: bool
    options: Options = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LacpPort:
    """A bond port's LACP state: the bits of IEEE 802.1AX, ours (actor) and the switch's (partner)."""

    actor_state: int
    partner_state: int
    aggregator_id: int

    @property
    def forwarding(self) -> bool:
        """Whether the port collects and distributes frames."""
        return self.actor_state & LACP_COLLECTING_DISTRIBUTING == LACP_COLLECTING_DISTRIBUTING

    @property
    def both_forwarding(self) -> bool:
        """Whether the switch's port does the same: until then the switch drops what the port sends."""
        both = self.actor_state & self.partner_state
        return both & LACP_COLLECTING_DISTRIBUTING == LACP_COLLECTING_DISTRIBUTING


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A kernel link. `kind` is rtnetlink's ("bridge", "bond", "tun", "vlan"), "" for hardware.

    `parent` is the link below a VLAN or macvtap; `bridge_port_state` is the port's STP state where it is in a
    bridge ("forwarding", ...). `hardware` is true where the link has a device (sysfs `device`), `pci` is that
    device's address ("0000:01:00.0"), `driver` the name of its driver. `ethernet` is false for InfiniBand and others;
    `virtual_function`: one of SR-IOV, of another NIC of this host. `vlan_id` is the tag of a VLAN's frames.
    """

    ifname: str
    ifindex: int
    kind: str
    mac: Mac
    mtu: int
    admin_up: bool
    carrier: bool
    operstate: str
    permanent_mac: Mac | None = None
    carrier_changes: int = 0
    controller: str | None = None
    parent: str | None = None
    speed_mbit: int | None = None
    duplex: str | None = None
    wireless: bool = False
    hardware: bool = False
    bond: BondState | None = None
    bridge: BridgeState | None = None
    lacp: LacpPort | None = None
    bridge_port_state: str | None = None
    pci: str | None = None
    ethernet: bool = True
    driver: str = ""
    virtual_function: bool = False
    vlan_id: int | None = None

    @property
    def state(self) -> str:
        """Whether it is up and has carrier, in words."""
        return f"{'up' if self.admin_up else 'down'}, {'carrier' if self.carrier else 'no carrier'}"

    @property
    def is_bridge(self) -> bool:
        """Whether taps can be its ports: a bridge of the kernel, or one of Open vSwitch."""
        return self.kind in ("bridge", "openvswitch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address on a link. `scope` as iproute2 says it ("global", "link", "host"); `dynamic`: DHCP or RA. `tentative`:
    an IPv6 address that is not in use yet, or never will be, because another host has it."""

    ifname: str
    interface: IpInterface
    scope: str = "global"
    dynamic: bool = False
    tentative: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of the main table. `destination` None is the default route; `source` is the address that the kernel
    prefers for what it sends there."""

    destination: IPv4Network | IPv6Network | None
    gateway: IpAddress | None
    ifname: str
    metric: int = 0
    protocol: int = 0
    source: IpAddress | None = None

    def leads_to(self, address: IpAddress) -> bool:
        """Whether a packet to `address` may take it."""
        if self.destination is not None:
            return address in self.destination
        return self.gateway is None or self.gateway.version == address.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """NetworkManager's view of a link. `state` is NMDeviceState (10 unmanaged, 20 unavailable, 30 disconnected,
    70 getting IP configuration, 100 activated); `profile` the uuid of the active one. `lease` is what a DHCP server
    gave it. `dhcp6_duid` and `dhcp6_iaid` are what its DHCPv6 client calls itself, "" without one."""

    ifname: str
    type: str
    state: int
    profile: str | None = None
    external: bool = False
    dns: tuple[IpAddress, ...] = ()
    reason: str = ""
    lease: IpAddress | None = None
    dhcp6_duid: str = ""
    dhcp6_iaid: str = ""

    @property
    def managed(self) -> bool:
        """Whether NetworkManager handles the link at all."""
        return self.state > 10

    @property
    def disconnected(self) -> bool:
        """Whether nothing is active on the link, though something could be."""
        return self.state == 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One of NetworkManager's stored settings; `uuid` is its key, `settings` all its properties as nmcli prints
    them (`("ipv4.method", "manual")`). `device` is the link on which it is active."""

    uuid: str
    name: str
    type: str
    filename: str
    settings: tuple[tuple[str, str], ...]
    device: str | None = None

    def get(self, key: str) -> str:
        """Return the value of a property as nmcli prints it, "" when unset or unknown to this version."""
        return next((value for name, value in self.settings if name == key), "")

    def listed(self, name: str) -> tuple[str, ...]:
        """Return the entries of an IP property ("dns"), those for IPv4 first."""
        texts = f"{self.get(f'ipv4.{name}')},{self.get(f'ipv6.{name}')}".split(",")
        return tuple(text.strip() for text in texts if text.strip())

    @property
    def addresses(self) -> tuple[IpInterface, ...]:
        """The static addresses."""
        return tuple(map(ip_interface, self.listed("addresses")))

    @property
    def bond_options(self) -> dict[str, str]:
        """The bond's options by name."""
        return parse_bond_options(self.get("bond.options"))

    @property
    def ifname(self) -> str | None:
        """The link it is bound to by name."""
        return self.get("connection.interface-name") or None

    @property
    def controller(self) -> str | None:
        """The controller it is a port of, by ifname or uuid."""
        return self.get("connection.master") or None

    @property
    def autoconnect(self) -> bool:
        """Whether NetworkManager activates it by itself."""
        return self.get("connection.autoconnect") != "no"

    @property
    def volatile(self) -> bool:
        """Whether it is in /run only, so that a reboot removes it or creates it again."""
        return self.filename.startswith("/run/")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchPort:
    """What LLDP says is at the other end of a link: the switch's chassis id and name, and its port."""

    ifname: str
    chassis: str
    port: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicate:
    """Another host that answered for an address by ARP, and the link on which it did."""

    address: IpAddress
    mac: Mac
    ifname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSession:
    """The SSH connection from which vmnet was started: the peer's address and port, and our address. Port 0: not
    known (journals of an earlier vmnet)."""

    peer: IpAddress
    server: IpAddress
    peer_port: int = 0
