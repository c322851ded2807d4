"""Facts of libvirt: networks, domains with their interfaces, and the addresses of guests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vmnet.names import Mac
from vmnet.spec import IpInterface


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A libvirt network. `document` is its XML, the persistent one if it exists; `forward_mode` and `bridge`
    are what it runs with while it is active, else those of `document`."""

    name: str
    uuid: str
    active: bool
    persistent: bool
    autostart: bool
    forward_mode: str | None
    bridge: str | None
    document: str

    @property
    def routed(self) -> bool:
        """Whether libvirt makes its bridge, with addresses of its own: NAT, routed, open, or without a way out."""
        return self.forward_mode in ("nat", "route", "open", None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """What a libvirt network's own DHCP server reserves for a guest: a name, an address, or both."""

    mac: Mac
    name: str = ""
    address: str = ""


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

    def __str__(self) -> str:
        """Return the source for people: "network default"."""
        if self.network is not None:
            return f"network {self.network}" + (f" (portgroup {self.portgroup})" if self.portgroup else "")
        if self.bridge is not None:
            return f"bridge {self.bridge}"
        return " ".join((self.type, *(value for _, value in self.attributes)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Interface:
    """An interface of a domain, from one of its two documents.

    `address` is the guest's PCI address ("0000:01:00.0") or one of another kind, `document` the
    `<interface>` element's XML, `target` the tap (running only), `link_up` False with `<link state='down'/>`.
    `actual_type` is the element's own type, which in a running document is what a
    network resolves to ("bridge", "direct"). `filter_address` is an address that the filter's parameters name;
    `virtualport` the type of its virtualport ("openvswitch").
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
    """A domain. `running` are the interfaces of its running document (empty when shut off), `persistent` those of
    its persistent one (empty for a transient domain), `saved` those of its managed save image.
    `host_devices` are the PCI addresses of devices that one of its documents passes through."""

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
    host_devices: tuple[str, ...] = ()

    @property
    def active(self) -> bool:
        """Whether a guest runs (or is paused) behind it."""
        return self.state is not DomainState.SHUT_OFF

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """The interfaces of both documents."""
        return (*self.running, *self.persistent)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestAddress:
    """An address of a guest and its source ("lease", "agent", "neighbour", "tap")."""

    mac: Mac
    interface: IpInterface
    origin: str
