"""Steps that change libvirt's networks and domains.

Every undo is idempotent: it may run although its step never did, or ran half.
"""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.documents.interfaces import HOSTDEV, parse_interface, with_source
from vmnet.documents.text import parse_document
from vmnet.facts import Source
from vmnet.names import Mac


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
    """Set the autostart of a libvirt network."""

    name: str
    autostart: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveInterface:
    """Change the source of one interface in one document of a domain, and nothing else.

    `scope` is "running" or "persistent"; mac and address (PCI) find the interface. `document` is the `<interface>`
    element as it was when the run was planned; the executor edits the one that is there by then. `replug`: libvirt
    cannot change this type while the domain runs, so the interface is unplugged and plugged in again.
    """

    domain: str
    domain_uuid: str
    scope: str
    mac: Mac
    address: str | None
    was: Source
    wanted: Source
    document: str
    wanted_bridge: str | None = None
    replug: bool = False

    @property
    def before(self) -> str:
        """The element with its old source, for people to compare."""
        there = parse_interface(parse_document(self.document)).source == self.was
        return self.document if there else with_source(self.document, self.was)

    @property
    def after(self) -> str:
        """The element on its new source."""
        whole = self.replug or self.wanted.type == HOSTDEV
        if whole and parse_interface(parse_document(self.document)).source == self.wanted:
            # Moved back, it must also have what the other type cannot express.
            return self.document
        return with_source(self.document, self.wanted)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnAgain:
    """Remove the filter from a running interface and add it again, so that it learns the guest's new address; it keeps
    the first one that it has seen. `document` is the `<interface>` element with the filter."""

    domain: str
    domain_uuid: str
    mac: Mac
    address: str | None
    document: str


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
    """Remove an interface that vmnet added to a domain."""

    domain: str
    domain_uuid: str
    mac: Mac
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BouncedLink:
    """One interface whose link is to be bounced. `stated_up`: its document says `<link state='up'/>`, and must
    say so again afterwards. `agent`: vmnet asks the guest's agent first. If the agent renews, the link stays up."""

    domain: str
    domain_uuid: str
    mac: Mac
    address: str | None
    stated_up: bool = False
    agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class BounceLinks:
    """Take the guests' links down together for `seconds`, then up, so that their DHCP clients ask again; 0: ask agents
    only."""

    links: tuple[BouncedLink, ...]
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Guest:
    """A running interface that is waited for: `tap` is its link on the host, `old` the addresses that it had."""

    domain: str
    domain_uuid: str
    mac: Mac
    tap: str | None = None
    old: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitGuests:
    """Wait until one of the guests is proven to be on the bridge: it answers there. None of them within the time is a
    failure. `renews`: their links were bounced, so that new addresses are to be expected."""

    guests: tuple[Guest, ...]
    bridge: str
    timeout_s: int
    renews: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Wait between two batches, so that somebody can check the moved domains."""

    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveUnused:
    """Prove that no document of any domain, saved state or snapshot, names the network or its bridge."""

    network: str
    bridge: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RaiseLinks:
    """Set guests' links up again that an interrupted bounce (crash, kill) left down. Other links are not changed."""

    links: tuple[BouncedLink, ...]
