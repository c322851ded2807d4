"""What a lab is made of: releases, packages, addresses; and the hash that names a cached build."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
FILES = HERE / "files"
CHECKOUT = HERE.parent.parent

MAC = {
    "p2p1": "00:04:76:f4:5c:38",
    "em1": "00:23:ae:ab:20:54",
    "p4p1": "00:1b:21:ab:d6:a1",
    "sw1": "52:54:00:bb:00:01",
    "sw2": "52:54:00:bb:00:02",
}
# The NICs whose cable can be pulled, and the other end of each.
CABLES = {"em1": "sw1", "p4p1": "sw2"}
SWITCH_MODES = ("lag", "individual", "plain", "silent")
STATES = ("clean", "primer")
RUNNING_GUESTS = {"web01": 1, "db01": 2}

PACKAGES = (
    *("linux-image-amd64", "systemd-sysv", "udev", "dbus", "kmod", "e2fsprogs", "procps", "less", "zstd"),
    *("network-manager", "iproute2", "bridge-utils", "ethtool", "iputils-ping", "iputils-arping", "tcpdump"),
    *("nftables", "firewalld", "iptables", "ebtables", "dnsmasq-base", "netcat-openbsd", "socat"),
    *("busybox-static", "netplan.io", "libvirt-daemon-system", "libvirt-clients", "libvirt-daemon-config-network"),
    *("libvirt-daemon-config-nwfilter", "qemu-system-x86", "qemu-utils", "openssh-server", "openssh-client"),
    *("python3", "python3-libvirt", "python3-lxml", "python3-click", "python3-pyroute2", "python3-rich"),
)
# From trixie on libvirt's drivers are packages of their own, and only recommended.
LIBVIRT_DRIVERS = tuple(f"libvirt-daemon-driver-{name}" for name in ("interface", "network", "nwfilter", "qemu"))
# Nobody reads manuals, hears sound or sees pictures in the lab.
LEFT_OUT = (
    *("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*"),
    *(f"{usr}/lib/modules/*/kernel/{part}/*" for usr in ("", "/usr") for part in ("sound", "drivers/gpu")),
    *(f"{usr}/lib/modules/*/kernel/drivers/{part}/*" for usr in ("", "/usr") for part in ("media", "infiniband")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A Debian release that the lab host can be."""

    suite: str
    python: str
    packages: tuple[str, ...]


RELEASES = {
    "bookworm": Release(suite="bookworm", python="python3.11", packages=PACKAGES),
    "trixie": Release(suite="trixie", python="python3.13", packages=(*PACKAGES, *LIBVIRT_DRIVERS)),
}


def cache_root() -> Path:
    """Where builds and labs live."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "vmnet-lab"


def file_digest(paths: list[Path], root: Path) -> str:
    """A hash of names, contents and executable bits."""
    total = hashlib.sha256()
    for path in sorted(paths):
        mode = "x" if os.access(path, os.X_OK) else "-"
        total.update(f"{path.relative_to(root)}\0{mode}\0".encode())
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def recipe_hash(release: Release, machine: list[str]) -> str:
    """The name of a build: it changes with all that goes into it, the machine it was saved on included."""
    sources = [HERE / f"{name}.py" for name in ("recipe", "image", "initramfs", "kernel", "base")]
    files = [path for path in FILES.rglob("*") if path.is_file()]
    parts = [repr(release), repr(machine), file_digest(sources + files, HERE)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
