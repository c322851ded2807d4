"""Facts of what the next boot makes of the network, besides NetworkManager's profiles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFile:
    """The file that a profile is to be stored in. `mode` without the file's type; `size` in bytes."""

    path: str
    there: bool = True
    mode: int = 0o600
    uid: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What comes up at boot.

    `kernel_arguments` are the words of the kernel's command line, in order. `manager_starts`: whether systemd starts
    NetworkManager; None: not known, as without systemd. `profile_files` are those of the profiles that are saved, as
    far as they may be looked at. `worker_units` are unit files of vmnet's runs.
    `failed_waits` are services that wait at boot until the network is up, and gave up.
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
