"""The lab host's root disk: Debian packages, the files under ``files/``, a kernel and two small initramfs archives."""

from __future__ import annotations

import os
import re
from pathlib import Path

from . import process, recipe
from .errors import LabError
from .initramfs import Entry, build, program
from .kernel import unpacked

# Program -> Debian package.
TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "mkfs.ext4": "e2fsprogs",
    "qemu-img": "qemu-utils",
    "qemu-system-x86_64": "qemu-system-x86",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}
KEYRINGS = tuple(Path(f"/usr/share/keyrings/debian-archive-keyring.{kind}") for kind in ("gpg", "pgp"))
ENABLED = ("lab-switch.service", "lab-lan-dns.service", "lab-console.service")
# Tests that want it start it.
DISABLED = ("firewalld.service",)
# Each of these would make a boot slower, or a quiet machine busy at a time of its own.
MASKED = (
    *("NetworkManager-wait-online.service", "apt-daily.timer", "apt-daily-upgrade.timer", "man-db.timer"),
    *("e2scrub_reap.service", "e2scrub_all.timer", "fstrim.timer", "logrotate.timer", "dpkg-db-backup.timer"),
    *("systemd-tmpfiles-clean.timer", "serial-getty@ttyS0.service", "getty@tty1.service"),
    *("systemd-binfmt.service", "systemd-pstore.service", "sys-kernel-config.mount", "dev-mqueue.mount"),
    *("sys-fs-fuse-connections.mount", "sys-kernel-debug.mount", "sys-kernel-tracing.mount"),
    *(f"modprobe@{name}.service" for name in ("configfs", "dm_mod", "drm", "efi_pstore", "fuse", "loop")),
)
MACHINE_ID = "6d5ec2f6b0d94dd9a2ab4d1c7a0c5e10"
HOSTS = "127.0.0.1 localhost\n127.0.1.1 kvmhost\n::1 localhost ip6-localhost ip6-loopback\n"
HOST_MODULES = ("virtio_pci", "virtio_blk", "crc32c_generic", "ext4")
GUEST_MODULES = ("virtio_pci", "virtio_net", "button", "evdev")
APT_OPTION = re.compile(r"Acquire::(http|https|ftp|Check|Retries|AllowWeak|AllowInsecure)\S* \".+\";")


def check_tools() -> None:
    """Refuse, with the packages to install, when a program is missing."""
    missing = sorted({package for program, package in TOOLS.items() if not process.find(program)})
    if missing:
        names = " ".join(missing)
        raise LabError(
            f"the lab needs these packages: {names}",
            f"apt-get install --no-install-recommends {names}",
        )


def find_mirror() -> str:
    """The Debian mirror of this machine's own apt sources."""
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(COMPONENT) $(ORIGIN)", "Created-By: Packages"]
    found = [line.split() for line in process.run(asked, timeout=30).stdout.splitlines()]
    main = [(row[0].rstrip("/"), row[2:]) for row in found if row[1] == "main" and "security" not in row[0]]
    # The origin is known once apt has read the mirror's index; until then its address has to do.
    mirrors = [uri for uri, origin in main if origin == ["Debian"]]
    mirrors += [uri for uri, _ in main if uri.endswith("/debian")]
    mirror = os.environ.get("VMNET_LAB_MIRROR") or next(iter(mirrors), "")
    if not mirror:
        raise LabError(
            "this machine's apt sources name no Debian mirror",
            "say one: VMNET_LAB_MIRROR=http://MIRROR/debian scripts/lab up (on Debian: run apt-get update first)",
        )
    return mirror


def _source(suite: str) -> str:
    """The line of sources.list, with Debian's keys, whatever else this machine trusts."""
    keys = [path for path in KEYRINGS if path.exists()]
    signed = f"[signed-by={keys[0]}] " if keys else ""
    return f"deb {signed}{find_mirror()} {suite} main"


def _apt_options() -> list[str]:
    """This machine's own way to its mirror (proxy, date checks), as options for the new tree's apt."""
    dump = process.run(["apt-config", "dump"], timeout=30).stdout
    lines = [line for line in dump.splitlines() if APT_OPTION.fullmatch(line)]
    return [f"--aptopt={line}" for line in (*lines, 'Acquire::Languages "none";')]


def make_tree(release: recipe.Release, tree: Path) -> None:
    """Unpack the packages."""
    if os.geteuid() != 0:
        raise LabError("building the root image needs root", "run it with sudo; it changes nothing outside its cache")
    left_out = [f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.LEFT_OUT]
    # INITRD=No: the kernel package would build a general initramfs, and we bring one of our own.
    process.run(
        [
            *("env", "INITRD=No", "mmdebstrap", "--mode=root", "--variant=apt", *_apt_options(), *left_out),
            *(f"--include={','.join(release.packages)}", release.suite, str(tree), _source(release.suite)),
        ],
        timeout=1200,
    )


def _put(path: Path, content: bytes, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)
    path.chmod(mode)


def _put_tree(source: Path, target: Path, *, mode: int | None = None) -> None:
    for path in sorted(source.rglob("*")):
        if path.is_file():
            own = 0o755 if os.access(path, os.X_OK) else 0o644
            _put(target / path.relative_to(source), path.read_bytes(), own if mode is None else mode)


def add_files(tree: Path, key: Path) -> None:
    """Make the bare system the lab host: its files, its profiles, its services, its guests."""
    _put_tree(recipe.FILES / "host", tree)
    _put_tree(recipe.FILES / "states", tree / "usr/local/lib/lab/states", mode=0o600)
    _put_tree(recipe.FILES / "states/clean", tree / "etc/NetworkManager/system-connections", mode=0o600)
    _put_tree(recipe.FILES / "domains", tree / "usr/local/lib/lab/domains")
    _put(tree / "etc/hostname", b"kvmhost\n")
    _put(tree / "etc/hosts", HOSTS.encode())
    _put(tree / "etc/machine-id", f"{MACHINE_ID}\n".encode(), 0o444)
    # The initramfs has mounted the only file system there is.
    _put(tree / "etc/fstab", b"")
    _put(tree / "etc/default/locale", b"LANG=C.UTF-8\n")
    _put(tree / "root/.ssh/authorized_keys", key.with_suffix(".pub").read_bytes(), 0o600)
    _put(tree / "root/.ssh/id_ed25519", key.read_bytes(), 0o600)
    (tree / "etc/resolv.conf").unlink(missing_ok=True)
    (tree / "etc/apt/apt.conf.d/99mmdebstrap").unlink(missing_ok=True)
    (tree / "var/log/guests").mkdir(parents=True)
    network = tree / "etc/libvirt/qemu/networks/autostart/default.xml"
    network.unlink(missing_ok=True)
    network.symlink_to("/etc/libvirt/qemu/networks/default.xml")
    process.run(["chroot", str(tree), "systemctl", "enable", *ENABLED], timeout=60)
    process.run(["chroot", str(tree), "systemctl", "disable", *DISABLED], timeout=60)
    process.run(["chroot", str(tree), "systemctl", "mask", *MASKED], timeout=60)


def add_kernels(tree: Path, target: Path) -> None:
    """Put the host's kernel and initramfs into ``target``, the guests' into the tree."""
    kernel = unpacked(tree)
    (target / "vmlinux").write_bytes(kernel)
    (target / "initrd").write_bytes(build(tree, HOST_MODULES, {"init": recipe.FILES / "boot/init"}))
    guest = recipe.FILES / "guest"
    scripts = {"init": guest / "init", "bin/lease": guest / "lease", "etc/acpi/PWRF/00000080": guest / "power"}
    page = Entry(name="www/index.html", mode=0o100644, content=b"a guest of the lab\n")
    images = tree / "var/lib/libvirt/images/guest"
    images.mkdir(parents=True)
    _put(images / "vmlinux", kernel)
    _put(images / "initrd", build(tree, GUEST_MODULES, scripts, (page, *program(tree, "/usr/bin/ip"))))


def make_disk(tree: Path, target: Path) -> None:
    """Write the tree into an ext4 image and lay the qcow2 over it that will hold the saved states."""
    raw = target / "root.img"
    with raw.open("wb") as image:
        image.truncate(4 << 30)
    process.run(["mkfs.ext4", "-q", "-F", "-L", "kvmhost", "-d", str(tree), str(raw)], timeout=300)
    # A relative backing name: each lab has a link of that name beside its own copy of the qcow2.
    process.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-b", "root.img", "-F", "raw", "disk.qcow2"],
        timeout=60,
        cwd=target,
    )
