"""Mounted filesystems and swap, and the network disks below them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vmnet.host.kernel.sysfs import read_text
from vmnet.lines import lines_of

_NETWORK_DISK = re.compile(r"session\d+|nbd\d+|rbd\d+|drbd\d+|nvme\d+")
_NUMBER = re.compile(r"[0-9]+:[0-9]+")
_ESCAPE = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """A line of mountinfo; `device` is "MAJOR:MINOR", `options` those of the filesystem."""

    device: str
    mountpoint: str
    fstype: str
    source: str
    options: str


def read_mounts(root: Path) -> tuple[Mount, ...]:
    """Return the filesystems mounted in this mount namespace."""
    return tuple(parse_mounts(read_text(root / "proc/self/mountinfo") or ""))


def parse_mounts(text: str) -> Iterator[Mount]:
    """Yield the lines of /proc/self/mountinfo (proc_pid_mountinfo(5)): optional fields end at a dash alone."""
    for line in lines_of(text):
        words = line.split(" ")
        dash = words.index("-", 6) if "-" in words[6:] else 0
        if dash and len(words) > dash + 3:
            mountpoint, source = (_unescape(words[i]) for i in (4, dash + 2))
            yield Mount(
                device=words[2],
                mountpoint=mountpoint,
                fstype=words[dash + 1],
                source=source,
                options=words[dash + 3],
            )


def _unescape(text: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1], 8)), text)


def read_users(root: Path, mounts: tuple[Mount, ...]) -> dict[str, tuple[str, ...]]:
    """Return who uses the network disks: the disk ("session1", "nbd0", "rbd0") -> its mount points and "swap".

    What lies between (partitions, LVM, LUKS, RAID) is gone through by sysfs's `slaves`.
    """
    used: dict[str, list[str]] = {}
    for user, device in _devices(root, mounts):
        for disk in _disks_below(device):
            used.setdefault(disk, []).append(user)
    return {disk: tuple(dict.fromkeys(users)) for disk, users in used.items()}


def _devices(root: Path, mounts: tuple[Mount, ...]) -> Iterator[tuple[str, Path]]:
    for mount in mounts:
        by_number = root / "sys/dev/block" / mount.device
        if _NUMBER.fullmatch(mount.device) and by_number.exists():
            yield mount.mountpoint, by_number.resolve()
        elif found := _named(root, mount.source):  # btrfs: the number is no device's
            yield mount.mountpoint, found
    for line in lines_of(read_text(root / "proc/swaps") or "")[1:]:
        if found := _named(root, line.split(" ")[0].split("\t")[0]):
            yield "swap", found


def _named(root: Path, device: str) -> Path | None:
    """Return the device in sysfs of a file below /dev; None where it leads nowhere.

    No other place is looked at: users who mount a filesystem by FUSE name its source as they like.
    """
    if not device.startswith("/dev/") or ".." in device.split("/"):
        return None
    try:
        name = (root / device.removeprefix("/")).resolve().name
        return (root / "sys/class/block" / name).resolve(strict=True)
    except (OSError, RuntimeError, ValueError):
        # Too long a name, a loop of links (RuntimeError before Python 3.13), a null byte.
        return None


def _disks_below(device: Path, depth: int = 8) -> Iterator[str]:
    yield from (found[0] for part in device.parts if (found := _NETWORK_DISK.match(part)))
    slaves = device / "slaves"
    if depth and slaves.is_dir():
        for slave in sorted(slaves.iterdir()):
            yield from _disks_below(slave.resolve(), depth - 1)
