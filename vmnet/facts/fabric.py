"""Facts of the bridges' inside: which MAC was heard on which port, VLANs and flags of ports, multicast."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.names import Mac


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
