"""What the host is (IS): frozen records as nmcli, the kernel and libvirt gave them, and questions to them.

Values are canonical: MACs in lower case, tuples sorted, units in the names. Nothing here touches the outside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network

from vmnet.names import Mac
from vmnet.spec import IpAddress, IpInterface

LACP_COLLECTING_DISTRIBUTING = 0x30
"""Bits 4 and 5 of a LACP port state (IEEE 802.1AX 6.4.2.3): the port takes and sends frames."""

CONNECTED = 100
"""NM_DEVICE_STATE_ACTIVATED."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BondState:
    """A bond as the kernel runs it. `aggregator_ports` and `partner_mac` only in 802.3ad."""

    mode: str
    miimon_ms: int
    lacp_rate: str | None = None
    aggregator_id: int | None = None
    aggregator_ports: int | None = None
    partner_mac: Mac | None = None
    active_port: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeState:
    """A bridge as the kernel runs it. `forward_delay_cs` in hundredths of a second, as sysfs has it."""

    stp: bool
    forward_delay_cs: int
    multicast_snooping: bool
    vlan_filtering: bool


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A kernel link. `kind` is rtnetlink's ("bridge", "bond", "tun", "vlan"), "" for hardware.

    `parent` is the link below a VLAN or macvtap; `bridge_port_state` is the port's STP state where it is in a
    bridge ("forwarding", ...). `hardware` is true where a device stands behind it (sysfs `device`).
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """An address on a link. `scope` as iproute2 says it ("global", "link", "host"); `dynamic`: DHCP or RA."""

    ifname: str
    interface: IpInterface
    scope: str = "global"
    dynamic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A route of the main table. `destination` None is the default route."""

    destination: IPv4Network | IPv6Network | None
    gateway: IpAddress | None
    ifname: str
    metric: int = 0
    protocol: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """NetworkManager's view of a link. `state` is NMDeviceState (10 unmanaged, 20 unavailable, 30 disconnected,
    70 getting IP configuration, 100 activated); `profile` the uuid of the active one."""

    ifname: str
    type: str
    state: int
    profile: str | None = None
    external: bool = False
    dns: tuple[IpAddress, ...] = ()
    reason: str = ""

    @property
    def managed(self) -> bool:
        """Whether NetworkManager handles the link at all."""
        return self.state > 10


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

    @property
    def ifname(self) -> str | None:
        """The link it is bound to by name."""
        return self.get("connection.interface-name") or None

    @property
    def controller(self) -> str | None:
        """The controller it is a port of, by ifname or uuid."""
        return self.get("connection.master") or self.get("connection.controller") or None

    @property
    def autoconnect(self) -> bool:
        """Whether NetworkManager activates it by itself."""
        return self.get("connection.autoconnect") != "no"

    @property
    def volatile(self) -> bool:
        """Whether it lives in /run only and is gone, or made anew, after a reboot."""
        return self.filename.startswith("/run/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A libvirt network. `document` is its XML, the inactive one where there is one; `forward_mode` and `bridge`
    are what it runs with while it is active, else those of `document`."""

    name: str
    uuid: str
    active: bool
    persistent: bool
    autostart: bool
    forward_mode: str | None
    bridge: str | None
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HypervisorLink:
    """A line of libvirt's interface listing (`virsh iface-list --all`)."""

    ifname: str
    mac: Mac | None
    active: bool


class DomainState(StrEnum):
    """A domain's state in virsh's words."""

    RUNNING = "running"
    PAUSED = "paused"
    SHUT_OFF = "shut off"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What an interface is plugged into: a libvirt network (with its portgroup) or a bridge by name.

    `type` is the interface's own ("network", "bridge", "direct", "user", ...). A running document's `bridge` and
    `portid` beside a network say where libvirt put the tap; they are not part of the source. `attributes` are
    those of other types (`dev` and `mode` of "direct"), so that an undo can write them again.
    """

    type: str
    network: str | None = None
    bridge: str | None = None
    portgroup: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface of a domain, from one of its two documents.

    `address` is the guest's PCI address ("0000:01:00.0") or another kind's spelled out, `document` the
    `<interface>` element's XML, `target` the tap (running only), `link_up` False where `<link state='down'/>`
    stands. `actual_type` is the element's own type, which in a running document says what libvirt made of a
    network ("bridge", "direct"). `filter_address` is an address that the filter's parameters name;
    `virtualport` the type of switch it is tied to ("openvswitch").
    """

    mac: Mac | None
    source: Source
    document: str
    target: str | None = None
    model: str | None = None
    alias: str | None = None
    address: str | None = None
    filter: str | None = None
    link_up: bool = True
    actual_type: str = ""
    filter_address: str | None = None
    virtualport: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """A domain snapshot; `interfaces` are those of all the documents that it embeds."""

    name: str
    current: bool
    interfaces: tuple[Interface, ...]

    @property
    def sources(self) -> tuple[Source, ...]:
        """All interface sources found in it."""
        return tuple(interface.source for interface in self.interfaces)


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    """A domain. `running` are the interfaces of its live document (empty when shut off), `persistent` those of
    its stored one (empty for a transient domain), `saved` those of its managed save image."""

    name: str
    uuid: str
    state: DomainState
    stored: bool
    autostart: bool = False
    running: tuple[Interface, ...] = ()
    persistent: tuple[Interface, ...] = ()
    saved: tuple[Interface, ...] | None = None
    snapshots: tuple[Snapshot, ...] = ()
    checkpoints: int = 0
    agent: bool = False

    @property
    def active(self) -> bool:
        """Whether a guest runs (or is paused) behind it."""
        return self.state is not DomainState.SHUT_OFF


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestAddress:
    """An address of a guest and where it is known from ("lease", "agent", "neighbour")."""

    mac: Mac
    interface: IpInterface
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SshSession:
    """The SSH connection that vmnet was called through: the peer's address and ours."""

    peer: IpAddress
    server: IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that was read, in one record. `nm_version` or `libvirt_version` None: not running or out of reach,
    and then `nm_problem` or `libvirt_problem` says why."""

    hostname: str
    machine_id: str
    root: bool
    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    nm_version: str | None = None
    nm_problem: str = ""
    devices: tuple[Device, ...] = ()
    profiles: tuple[Profile, ...] = ()
    checkpoints: tuple[str, ...] = ()
    libvirt_version: str | None = None
    libvirt_problem: str = ""
    networks: tuple[Network, ...] = ()
    hypervisor_links: tuple[HypervisorLink, ...] | None = None
    domains: tuple[Domain, ...] = ()
    guest_addresses: tuple[GuestAddress, ...] = ()
    ssh: SshSession | None = None
    resolvers: tuple[IpAddress, ...] = field(default=())

    def link(self, ifname: str | None) -> Link | None:
        """Return the link called `ifname`."""
        return next((link for link in self.links if link.ifname == ifname), None)

    def device(self, ifname: str) -> Device | None:
        """Return NetworkManager's device called `ifname`."""
        return next((device for device in self.devices if device.ifname == ifname), None)

    def profile(self, uuid: str | None) -> Profile | None:
        """Return the profile with this uuid."""
        return next((profile for profile in self.profiles if profile.uuid == uuid), None)

    def active_profile(self, ifname: str) -> Profile | None:
        """Return the profile that is active on `ifname`."""
        device = self.device(ifname)
        return self.profile(device.profile) if device else None

    def addresses_of(self, ifname: str, *, scope: str = "global") -> tuple[IpInterface, ...]:
        """Return the addresses on `ifname` with this scope, in the kernel's order."""
        return tuple(a.interface for a in self.addresses if a.ifname == ifname and a.scope == scope)

    def default_routes(self, ifname: str | None = None) -> tuple[Route, ...]:
        """Return the default routes, all or those of one link."""
        return tuple(r for r in self.routes if r.destination is None and ifname in (None, r.ifname))

    def ports(self, controller: str) -> tuple[Link, ...]:
        """Return the links whose controller is `controller`, by name."""
        return tuple(sorted((x for x in self.links if x.controller == controller), key=lambda x: x.ifname))

    def network(self, name: str) -> Network | None:
        """Return the libvirt network called `name`."""
        return next((network for network in self.networks if network.name == name), None)

    def carriers(self, ifname: str) -> Iterator[Link]:
        """Yield the link and every link below it: controller's ports and VLAN's parents, down to hardware."""
        seen: set[str] = set()
        todo = [ifname]
        while todo:
            name = todo.pop()
            link = self.link(name)
            if link is None or name in seen:
                continue
            seen.add(name)
            yield link
            todo.extend(port.ifname for port in self.ports(name))
            todo.extend([link.parent] if link.parent else [])
