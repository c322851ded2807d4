"""The virtual machine: which accelerator really works, its command line, its process."""

from __future__ import annotations

import functools
import os
import re
import signal
import socket
import time
from pathlib import Path
from typing import Any

from . import kvm, process, recipe
from .errors import LabError

QEMU = "qemu-system-x86_64"
MEMORY_MIB = 1536
CMDLINE = (
    "root=/dev/vda rw console=ttyS0 quiet systemd.show_status=false"
    # Less to do at boot, and less to wake up for when idle: all of it is emulated.
    " mitigations=off no5lvl audit=0 nowatchdog tsc=reliable cryptomgr.notests"
)


@functools.cache
def accelerator() -> tuple[str, ...]:
    """The accelerator that works here, as QEMU's arguments."""
    if kvm.works(QEMU):
        return ("-accel", "kvm", "-cpu", "host", "-smp", "2")
    # One processor: with two, QEMU before 8.1 may translate an instruction while the other processor changes it, and a
    # kernel that patches itself (as KVM does when a guest starts) then dies of a breakpoint that is no longer there.
    return ("-accel", "tcg,tb-size=512", "-cpu", "max", "-smp", "1")


def _nic(name: str, address: int, *, backend: str, fast: bool) -> list[str]:
    speed = ",speed=1000,duplex=full" if fast else ""
    return [
        *("-netdev", f"{backend},id={name}-end"),
        *("-device", f"virtio-net-pci,id={name},netdev={name}-end,mac={recipe.MAC[name]},addr=0x{address:x}{speed}"),
    ]


def machine_arguments() -> list[str]:
    """All that a saved state depends on."""
    arguments = [
        *accelerator(),
        *("-machine", "pc", "-m", str(MEMORY_MIB), "-nodefaults", "-no-user-config"),
        *("-display", "none", "-rtc", "base=utc", "-device", "virtio-rng-pci,addr=0xa"),
        *("-device", "virtio-balloon-pci,id=balloon,addr=0xb"),
        *("-kernel", "vmlinux", "-initrd", "initrd", "-append", CMDLINE),
        *("-drive", "file=disk.qcow2,format=qcow2,if=none,id=root,cache=unsafe,discard=unmap"),
        *("-device", "virtio-blk-pci,drive=root,addr=0x4"),
        *("-chardev", "socket,id=console,path=console.sock,server=on,wait=off,logfile=console.log,logappend=on"),
        *("-serial", "chardev:console", "-qmp", "unix:qmp.sock,server=on,wait=off"),
    ]
    for number, (near, far) in enumerate(recipe.CABLES.items()):
        hub = f"hubport,hubid={number + 1}"
        arguments += _nic(near, 6 + number, backend=hub, fast=True)
        arguments += _nic(far, 8 + number, backend=hub, fast=True)
    return arguments


SECOND_MAC = {
    "em2": "00:23:ae:ab:20:55",
    "p4p2": "00:1b:21:ab:d6:a2",
    "sw3": "52:54:00:bb:00:03",
    "sw4": "52:54:00:bb:00:04",
}
"""The second pair of NICs, and the other ends of their cables."""
SECOND_CABLES = {"em2": "sw3", "p4p2": "sw4"}


def second_pair() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Return netdev and device of each NIC of the second pair, with the names of QEMU's monitor.

    A saved state loads where each device has the address that it was plugged in at.
    """
    return [
        (
            {"type": "hubport", "id": f"{name}-end", "hubid": 3 + number % 2},
            {"driver": "virtio-net-pci", "id": name, "netdev": f"{name}-end", "mac": mac, "addr": f"0x{12 + number:x}"}
            | {"speed": 1000, "duplex": "full"},
        )
        for number, (name, mac) in enumerate(SECOND_MAC.items())
    ]


def _second_arguments() -> list[str]:
    pairs = [("-netdev", netdev, "-device", device) for netdev, device in second_pair()]
    words = [word for pair in pairs for word in pair]
    return [w if isinstance(w, str) else ",".join(f"{key}={value}" for key, value in w.items()) for w in words]


def _management(port: int) -> list[str]:
    """P2p1's other end: nothing but SSH from outside. Without ``dns=`` QEMU's own DNS answers ARP for 10.0.0.3."""
    options = "net=10.0.0.0/24,host=10.0.0.2,dns=10.0.0.9,restrict=on"
    backend = f"user,{options},hostfwd=tcp:127.0.0.1:{port}-10.0.0.3:22"
    return _nic("p2p1", 5, backend=backend, fast=True)


@functools.cache
def qemu_version() -> str:
    """What ``--version`` says first."""
    return process.run([QEMU, "--version"], timeout=20).stdout.splitlines()[0]


def recipe_machine() -> list[str]:
    """The machine as it enters the recipe's hash."""
    return [qemu_version(), *machine_arguments(), *_management(0)]


def free_port() -> int:
    """A TCP port of the loopback that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start(directory: Path, label: str, port: int, *, state: str | None, four_nics: bool = False) -> int:
    """Start the machine in its directory, from a saved state if one is named; return the process id."""
    load = ["-loadvm", state] if state else []
    # QEMU goes to the background by itself once its sockets are open and the state is loaded, or says why not.
    place = ["-name", label, "-daemonize", "-pidfile", "qemu.pid"]
    for name in ("qmp.sock", "console.sock", "qemu.pid"):
        (directory / name).unlink(missing_ok=True)
    machine = [*machine_arguments(), *_management(port), *(_second_arguments() if four_nics else ())]
    done = process.run([QEMU, *place, *machine, *load], timeout=120, cwd=directory, check=False)
    if done.returncode:
        raise LabError(f"QEMU did not start: {done.describe()}", f"its directory: {directory}")
    return int((directory / "qemu.pid").read_text())


def is_ours(pid: int, label: str) -> bool:
    """Whether that process is the QEMU that we started under this label, and no later process with its number."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        status = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    zombie = re.search(r"\) Z ", status) is not None
    return QEMU.encode() in words[0] and label.encode() in words and not zombie


def stop(pid: int, label: str) -> None:
    """End the QEMU that we started; the disk is a throw-away copy, so there is nothing to shut down."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 10
        if is_ours(pid, label):
            os.kill(pid, number)
        while is_ours(pid, label):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)
    if is_ours(pid, label):
        raise LabError(f"QEMU (process {pid}) does not end")
