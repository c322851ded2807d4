"""Facts about the network of the next boot, besides NetworkManager's profiles."""

from __future__ import annotations

from dataclasses import dataclass


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
