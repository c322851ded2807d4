"""Facts of what works beside libvirt on this host, and decides whether its networks and domains work."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

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


# Facts about storage and clusters that this host uses over the network.


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependent:
    """Something that this host needs and reaches over the network.

    `what` for people ("NFS filesystem on /srv"), `peer` the address of the other end and `local` ours, if known;
    `evidence` is the source.
    """

    what: str
    evidence: str
    peer: IpAddress | None = None
    local: IpAddress | None = None


# Facts of who else configures the NICs.


class Tool(StrEnum):
    """What configures links, or keeps NetworkManager from it."""

    NETPLAN = "netplan"
    IFUPDOWN = "ifupdown"
    NETWORKD = "systemd-networkd"
    IFCFG = "an ifcfg file"
    UNMANAGED = "NetworkManager's own configuration"
    UDEV = "a udev rule"
    CLOUD_INIT = "cloud-init"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A file in which a tool names a link; `ifname` "" means all of them. `line` is the line that says so, where
    it is a single one."""

    tool: Tool
    file: str
    ifname: str = ""
    line: str = ""


# Facts about the network of the next boot, besides NetworkManager's profiles.


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFile:
    """The keyfile of a profile. `mode` without the file's type; `size` in bytes."""

    path: str
    there: bool = True
    mode: int = 0o600
    uid: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What comes up at boot.

    `kernel_arguments` are the words of the kernel's command line, in order. `manager_starts`: whether systemd starts
    NetworkManager; None: not known, for example without systemd. `profile_files` are those of saved profiles that this
    user may read. `worker_units` are unit files of vmnet's runs.
    `failed_waits` are services that waited at boot for the network until their timeout.
    """

    kernel_arguments: tuple[str, ...] = ()
    manager_starts: bool | None = None
    profile_files: tuple[ProfileFile, ...] = ()
    worker_units: tuple[str, ...] = ()
    failed_waits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something that could not be read, and why: "firewall rules", "needs root"."""

    what: str
    why: str
