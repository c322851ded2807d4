"""A build: the root disk of a release, booted once, with each named state saved in it. Made once, then copied."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from . import image, process, qemu, recipe
from .errors import LabError
from .monitor import Monitor
from .progress import say, step
from .ssh import Ssh

if TYPE_CHECKING:
    from collections.abc import Iterator

BOOT_S = 600.0
SPARE_MIB = 64


@contextmanager
def lock(path: Path, waiting_for: str) -> Iterator[None]:
    """Hold a file lock, and say so when another process has it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another process that is {waiting_for} ...")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def wait_booted(ssh: Ssh, timeout: float = BOOT_S) -> None:
    """Wait until the lab host has come up and all its services have started."""
    ssh.wait(timeout)
    # Its exit code also tells of failed services, which are not our question here.
    ssh.run(["systemctl", "is-system-running", "--wait"], timeout=timeout, check=False)


_HOLD_GUESTS = """
pkill -STOP -x qemu-system-x86 || exit 0
setsid -f sh -c 'sleep 3; pkill -CONT -x qemu-system-x86' </dev/null >/dev/null 2>&1
"""
"""The name is what the kernel keeps of it."""


def save(directory: Path, ssh: Ssh, state: str) -> None:
    """Save memory and disk under a name. Our own SSH session would be a corpse in the saved state: close it first.

    Where a processor is saved while it runs a guest, QEMU without KVM does not load it again ("vCPU set in guest-mode
    inconsistent with migrated kernel nested state"). So the guests stand still meanwhile; also in what is saved, whose
    own clock lets them go on.
    """
    ssh.run(["sh", "-c", _HOLD_GUESTS], timeout=30)
    ssh.forget()
    with Monitor(directory / "qmp.sock") as monitor:
        monitor.snapshot("savevm", state)


def find_or_build(release: recipe.Release) -> Path:
    """The directory of this release's build; builds it if nobody has."""
    image.check_tools()
    builds = recipe.cache_root() / "builds"
    target = builds / f"{release.suite}-{recipe.recipe_hash(release, qemu.recipe_machine())}"
    if target.exists():
        return target
    with lock(builds / f"{release.suite}.lock", f"building {release.suite}"):
        if not target.exists():
            _stop_left_over(builds, release)
            _clear(builds, f".{release.suite}-*")
            _build(release, builds, target)
            _clear(builds, f"{release.suite}-*", keep=target)
    return target


def _clear(builds: Path, pattern: str, keep: Path | None = None) -> None:
    for old in builds.glob(pattern):
        if old != keep:
            shutil.rmtree(old)


def _stop_left_over(builds: Path, release: recipe.Release) -> None:
    """End the machine of a build that was killed half-way."""
    for record in builds.glob(f".{release.suite}-*/qemu.pid"):
        qemu.stop(int(record.read_text()), _label(release))


def _label(release: recipe.Release) -> str:
    return f"vmnet-lab-build-{release.suite}"


def _build(release: recipe.Release, builds: Path, target: Path) -> None:
    work = Path(tempfile.mkdtemp(prefix=f".{release.suite}-", dir=builds))
    work.chmod(0o755)
    with step(f"{release.suite}: unpacking Debian packages"):
        image.make_tree(release, work / "tree")
    with step(f"{release.suite}: writing the root disk"):
        key = work / "key"
        process.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "lab", "-f", str(key)], timeout=30)
        image.add_files(work / "tree", key)
        image.add_kernels(work / "tree", work)
        image.make_disk(work / "tree", work)
        shutil.rmtree(work / "tree")
    _save_states(release, work)
    work.rename(target)


def _save_states(release: recipe.Release, work: Path) -> None:
    """Boot the disk once and save the states one after the other."""
    label = _label(release)
    ssh = Ssh(directory=work, port=qemu.free_port())
    pid = qemu.start(work, label, ssh.port, state=None)
    try:
        with step(f"{release.suite}: first boot"):
            wait_booted(ssh)
        with step(f"{release.suite}: first boot of the guests"):
            ssh.run(["/usr/local/lib/lab/guests"], timeout=400)
        for state in recipe.STATES:
            with step(f"{release.suite}: saving the state {state}"):
                ssh.run(["/usr/local/lib/lab/state", state], timeout=200)
                _shrink(work, ssh)
                save(work, ssh, state)
    except LabError as error:
        said = (work / "console.log").read_text(errors="replace")[-2000:]
        raise LabError(f"{error.message}\nThe console's last words:\n{said}", f"its directory: {work}") from error
    finally:
        qemu.stop(pid, label)
    for name in ("qmp.sock", "console.sock", "console.log", "qemu.pid"):
        (work / name).unlink(missing_ok=True)


def _shrink(work: Path, ssh: Ssh) -> None:
    """Give back the memory that the host has used once and needs no more: it would only make the saved state larger."""
    free_kib = int(ssh.run(["awk", "/^MemFree:/ { print $2 }", "/proc/meminfo"], timeout=30).stdout)
    small = qemu.MEMORY_MIB - free_kib // 1024 + SPARE_MIB
    with Monitor(work / "qmp.sock") as monitor:
        for size in (small, qemu.MEMORY_MIB):
            monitor.resize(size)
