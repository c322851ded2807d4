"""The steps a plan is made of: frozen records, closed (no step needs what an earlier one produced).

A step says what is to be done and is carried out by `vmnet.apply.execute`; `Planned` adds why, and how it is undone.
Every undo is idempotent: it may run although its step never did, or ran half.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.facts import Source
from vmnet.names import Mac
from vmnet.spec import IpAddress, IpInterface

Settings = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheckpoint:
    """NetworkManager notes the state of all devices and goes back to it after `timeout_s` without a commit."""

    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitCheckpoint:
    """NetworkManager forgets the checkpoint: the change stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackCheckpoint:
    """NetworkManager goes back to the checkpoint of this run, if it is still there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddProfile:
    """Add a profile in memory only, so that a reboot forgets it; `SaveProfile` makes it last."""

    uuid: str
    name: str
    type: str
    ifname: str
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyProfile:
    """Change a profile's settings: in memory, or (`save`) on disk as well."""

    uuid: str
    name: str
    settings: Settings
    save: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProfile:
    """Delete a profile, and with it the virtual link it made."""

    uuid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreProfile:
    """Put a profile's file back, byte for byte, from the run's own copies, and have NetworkManager read it."""

    uuid: str
    name: str
    filename: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateProfile:
    """Bring a profile up on its link."""

    uuid: str
    name: str
    ifname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateProfile:
    """Take a profile down; nothing happens when it is not active."""

    uuid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapplyDevice:
    """Let a device take over what changed in its profile, without dropping its ports."""

    ifname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FlapLink:
    """Set a link down and up, through netlink: an 802.3ad bond then chooses its aggregator at once."""

    ifname: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitCarrier:
    """Wait until the link has carrier."""

    ifname: str
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitLacp:
    """Wait until the switch has answered LACP on `ports` and they pass frames."""

    bond: str
    ports: tuple[str, ...]
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitPorts:
    """Wait until exactly these links, taps aside, are the controller's ports, up and forwarding."""

    controller: str
    ports: tuple[str, ...]
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitAddress:
    """Wait until the link has these addresses; none named: until it has a global IPv4 address."""

    ifname: str
    addresses: tuple[IpInterface, ...]
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitNeighbour:
    """Wait until the neighbour (the gateway) answers on the link: ARP or neighbour discovery."""

    ifname: str
    address: IpAddress
    timeout_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineNetwork:
    """Define a libvirt network from its document, checked against libvirt's schema."""

    name: str
    document: str
    was: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartNetwork:
    """Start a libvirt network; `restart` stops it first (taps stay in the bridge)."""

    name: str
    restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StopNetwork:
    """Stop a libvirt network."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndefineNetwork:
    """Remove a libvirt network's definition."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNetworkAutostart:
    """Say whether libvirt starts the network by itself."""

    name: str
    autostart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveInterface:
    """Change the source of one interface in one document of a domain, and nothing else.

    `scope` is "running" or "persistent"; mac and address (PCI) find the interface. `before` and `after` are the
    `<interface>` elements for people to compare; the executor edits the document as it is by then.
    """

    domain: str
    domain_uuid: str
    scope: str
    mac: Mac
    address: str | None
    was: Source
    wanted: Source
    before: str
    after: str
    wanted_bridge: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteSavedState:
    """Change the source of interfaces inside a managed save image (`snapshot` None) or a snapshot.

    Every interface in it whose mac is in `macs` and whose source is `was` gets `wanted`.
    """

    domain: str
    domain_uuid: str
    snapshot: str | None
    macs: tuple[Mac, ...]
    was: Source
    wanted: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class AddInterface:
    """Give a domain a new interface; `scopes` are the documents that get it ("persistent", "running")."""

    domain: str
    domain_uuid: str
    mac: Mac
    document: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveInterface:
    """Take an interface that vmnet added out of a domain again."""

    domain: str
    domain_uuid: str
    mac: Mac
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BouncedLink:
    """One interface whose link is to be bounced. `stated_up`: its document says `<link state='up'/>`, and is to
    say so again afterwards."""

    domain: str
    domain_uuid: str
    mac: Mac
    address: str | None
    stated_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceLinks:
    """Take the guests' links down together for `seconds`, then up, so that their DHCP clients ask again."""

    links: tuple[BouncedLink, ...]
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseLinks:
    """Put guests' links up again that a bounce cut short (a crash, a kill) left down; others are left alone."""

    links: tuple[BouncedLink, ...]


Step = (
    OpenCheckpoint
    | CommitCheckpoint
    | RollBackCheckpoint
    | AddProfile
    | ModifyProfile
    | DeleteProfile
    | RestoreProfile
    | ActivateProfile
    | DeactivateProfile
    | ReapplyDevice
    | FlapLink
    | WaitCarrier
    | WaitLacp
    | WaitPorts
    | WaitAddress
    | WaitNeighbour
    | DefineNetwork
    | StartNetwork
    | StopNetwork
    | UndefineNetwork
    | SetNetworkAutostart
    | MoveInterface
    | RewriteSavedState
    | AddInterface
    | RemoveInterface
    | BounceLinks
    | RaiseLinks
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A step, why it is taken, and the steps that undo it, in the order in which they are to run."""

    step: Step
    why: str
    undo: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostGoal:
    """The end state that host-setup plans for, whole: what verify compares with.

    `addresses` are the static ones; `dhcp` says that IPv4 comes by DHCP. `uplinks` are the bridge's own ports
    (the bond, or the NIC where there is no bond).
    """

    bridge: str
    stp: bool
    mac: Mac
    nics: tuple[str, ...]
    bond: str | None = None
    bond_mode: str | None = None
    miimon_ms: int | None = None
    mtu: int | None = None
    dhcp: bool = False
    addresses: tuple[IpInterface, ...] = ()
    gateways: tuple[IpAddress, ...] = ()
    dns: tuple[IpAddress, ...] = ()
    network: str | None = None
    management: str | None = None
    profiles: tuple[tuple[str, str], ...] = ()

    @property
    def uplinks(self) -> tuple[str, ...]:
        """The bridge's own ports."""
        return (self.bond,) if self.bond else self.nics


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedInterface:
    """A row of a domain plan, for people: one interface and what becomes of it.

    `scopes` say where it changes ("running", "persistent", "managed save", "snapshot NAME"); `address_now` is the
    guest's address with its origin; `remark` what the guest notices or what is left to do by hand.
    """

    domain: str
    state: str
    mac: Mac | None
    was: str
    wanted: str
    scopes: tuple[str, ...] = ()
    address_now: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done, in order. Empty `planned` means that all is as wanted.

    `command` is the command's name, `kept` says what was found as wanted already, `warnings` what to know before
    saying yes, `choices` why each NIC was taken or left. `goal` (host-setup) and `rows` (domains) are for verify
    and for the tables.
    """

    command: str
    planned: tuple[Planned, ...] = ()
    kept: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    goal: HostGoal | None = None
    rows: tuple[MovedInterface, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing is to be done."""
        return not self.planned
