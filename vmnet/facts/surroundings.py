"""Facts of what works beside libvirt on this host, and decides whether its networks and domains work."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.spec import IpAddress


@dataclass(frozen=True, slots=True, kw_only=True)
class TapFilter:
    """The addresses from which libvirt's filter on a tap allows the guest to send."""

    tap: str
    addresses: tuple[IpAddress, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DaemonUnit:
    """A unit that starts domains at boot. `waits`: it starts after the network is up (network-online.target)."""

    name: str
    waits: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedStart:
    """A domain with autostart that libvirt could not start at this boot, and the reason."""

    domain: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionDomain:
    """A domain of a user's own libvirt (qemu:///session), and the bridges that its document names."""

    user: str
    name: str
    file: str
    bridges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BridgeHelper:
    """QEMU's bridge helper, which connects users' domains to bridges: where it is (None: not installed), whether it
    runs as root, and the bridges that its file allows ("all" for any)."""

    path: str | None
    setuid: bool
    allowed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """All of it. `filters` are the names of libvirt's network filters; None: not read."""

    filters: tuple[str, ...] | None = None
    tap_filters: tuple[TapFilter, ...] = ()
    daemons: tuple[DaemonUnit, ...] = ()
    failed_starts: tuple[FailedStart, ...] = ()
    sessions: tuple[SessionDomain, ...] = ()
    helper: BridgeHelper | None = None
