"""A lab: the door for tests and for ``scripts/lab``."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import payload, process, qemu, recipe
from .base import find_or_build, lock, save, wait_booted
from .checked import checked
from .errors import LabError
from .monitor import Monitor
from .progress import say, step
from .ssh import Ssh

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

HERE = "here"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of a lab between two commands."""

    release: str
    build: str
    port: int
    pid: int
    state: str
    payload: str = ""
    four_nics: tuple[str, ...] = ()
    """The saved states with em2 and p4p2."""


def _words(command: Sequence[str] | str) -> list[str]:
    return ["sh", "-c", command] if isinstance(command, str) else list(command)


class Lab:
    """One lab host by name. All commands run there as root; a ``str`` is a line of shell, a sequence is an argv."""

    def __init__(self, name: str = "default", release: str = "bookworm") -> None:
        if not name.replace("-", "").replace("_", "").isalnum():
            raise LabError(f"a lab's name is made of letters, digits, - and _, not {name!r}")
        if release not in recipe.RELEASES:
            raise LabError(f"no release {release!r}", f"there are {', '.join(recipe.RELEASES)}")
        self.name = name
        self.release = recipe.RELEASES[release]
        self.directory = recipe.cache_root() / "labs" / name
        self.label = f"vmnet-lab-{name}"

    # What is there

    @property
    def record(self) -> Record | None:
        """What the last command left, whether or not the machine still runs."""
        try:
            return Record(**json.loads((self.directory / "lab.json").read_text()))
        except FileNotFoundError:
            return None

    def running(self) -> Record | None:
        """The record, if the machine runs."""
        record = self.record
        return record if record and qemu.is_ours(record.pid, self.label) else None

    def _running(self) -> Record:
        record = self.running()
        if record is None:
            raise LabError(f"the lab {self.name} does not run", "scripts/lab up")
        return record

    def _write(self, record: Record) -> None:
        part = self.directory / "lab.json.part"
        part.write_text(json.dumps(dataclasses.asdict(record), indent=1) + "\n")
        part.rename(self.directory / "lab.json")

    @property
    def ssh(self) -> Ssh:
        """The way in."""
        return Ssh(directory=self.directory, port=self._running().port)

    def monitor(self) -> Monitor:
        """QEMU's monitor."""
        self._running()
        return Monitor(self.directory / "qmp.sock")

    def _lock(self) -> AbstractContextManager[None]:
        return lock(self.directory.with_suffix(".lock"), f"working on the lab {self.name}")

    # Coming and going

    def up(self, state: str = "clean") -> None:
        """Reach a saved state with this checkout's vmnet installed, whatever it takes: building, starting, loading."""
        self._known(state, recipe.STATES)
        build = find_or_build(self.release)
        with self._lock():
            record = self.running()
            if record is None or record.build != build.name:
                self._create(build, state)
            if self._running().payload != payload.digest():
                self._install(last=state)
            else:
                self._load(state)

    def _known(self, state: str, states: Sequence[str]) -> None:
        if state not in states:
            raise LabError(f"no state {state!r}", f"there are {', '.join(states)}")

    def _create(self, build: Path, state: str) -> None:
        self._end()
        with step(f"{self.name}: starting {self.release.suite} from the state {state}"):
            self.directory.mkdir(parents=True)
            copy = ["cp", "--reflink=auto", "--sparse=always"]
            process.run([*copy, str(build / "disk.qcow2"), str(self.directory)], timeout=120)
            for name in ("vmlinux", "initrd", "root.img"):
                (self.directory / name).symlink_to(build / name)
            shutil.copy(build / "key", self.directory / "key")
            self._start(Record(release=self.release.suite, build=build.name, port=qemu.free_port(), pid=0, state=state))

    def reset(self, state: str = "") -> None:
        """Load a saved state, by default the one loaded last, with all cables plugged in."""
        with self._lock():
            record = self._running()
            with self.monitor() as monitor:
                self._known(state or record.state, monitor.snapshots())
            self._load(state or record.state)

    def _start(self, record: Record, *, state: str = "") -> None:
        state = state or record.state
        four = state in record.four_nics
        pid = qemu.start(self.directory, self.label, record.port, state=state, four_nics=four)
        self._write(dataclasses.replace(record, pid=pid))
        with self.monitor() as monitor:
            for nic in (*recipe.MAC, *(qemu.SECOND_MAC if four else ())):
                monitor.set_link(nic, on=True)
        self.ssh.open(60)
        if four:
            # QEMU 7.2 loads a virtio NIC without the VLANs that it lets in (query-rx-filter shows none).
            lines = "".join(f"link set {nic} promisc on\n" for nic in (*recipe.CABLES, *qemu.SECOND_CABLES))
            self.ssh.run(["ip", "-force", "-batch", "-"], stdin=lines.encode(), timeout=60, check=False)

    def _load(self, state: str) -> None:
        """Start QEMU anew from the state.

        ``loadvm`` in the running process would be no quicker, and wrong: the emulated TSC never goes back (QEMU,
        cpu_get_ticks), so that the host's clock would be ahead by all that QEMU has run, and watchdogs would bite.
        """
        record = self._running()
        with step(f"{self.name}: loading the state {state}"):
            self.ssh.forget()
            qemu.stop(record.pid, self.label)
            self._start(dataclasses.replace(record, state=state if state != HERE else record.state), state=state)

    def save(self, state: str) -> None:
        """Save the machine as it is now under a name that ``reset`` knows from then on."""
        with self._lock(), step(f"{self.name}: saving the state {state}"):
            self._save(state)

    def _save(self, state: str) -> None:
        save(self.directory, self.ssh, state)
        record = self._running()
        with self.monitor() as monitor:
            four = "em2:" in monitor.human("info network")
        others = tuple(name for name in record.four_nics if name != state)
        self._write(dataclasses.replace(record, four_nics=(*others, state) if four else others))

    def down(self) -> None:
        """End the machine and remove all that is its own."""
        with self._lock():
            self._end()

    def _end(self) -> None:
        record = self.record
        if record and qemu.is_ours(record.pid, self.label):
            self.ssh.forget()
            qemu.stop(record.pid, self.label)
        if self.directory.exists():
            shutil.rmtree(self.directory)

    # vmnet

    def install(self) -> None:
        """Put this checkout's vmnet on the lab host: as it is now, and in every saved state."""
        with self._lock():
            self._running()
            self._push_package()
            self._save(HERE)
            self._install(last=HERE)
            with self.monitor() as monitor:
                monitor.snapshot("delvm", HERE)

    def _install(self, last: str) -> None:
        with self.monitor() as monitor:
            states = [name for name in monitor.snapshots() if name not in {last, HERE}]
        for state in (*states, last):
            self._load(state)
            if state != HERE:
                self._push_package()
                save(self.directory, self.ssh, state)
        self._write(dataclasses.replace(self._running(), payload=payload.digest()))

    def _push_package(self) -> None:
        with step(f"{self.name}: installing vmnet"):
            script = payload.INSTALL.format(python=self.release.python, warm=payload.WARM)
            done = self.ssh.run(["sh", "-c", script], stdin=payload.package_archive(self.release), timeout=200)
        if done.stdout:
            say(done.stdout.strip())

    # Inside

    def run(
        self, command: Sequence[str] | str, *, stdin: str | None = None, timeout: float = 120, check: bool = True
    ) -> process.Completed:
        """Run on the lab host; ``check`` raises LabError on an exit code other than 0."""
        given = None if stdin is None else stdin.encode()
        return self.ssh.run(_words(command), timeout=timeout, stdin=given, check=check)

    def vmnet(self, *words: str, timeout: float = 120, check: bool = True) -> process.Completed:
        """Run vmnet on the lab host, without the wait for Python to read its modules (see `warm`)."""
        return checked(words, self.run(["python3", "-IS", payload.WARM, *words], timeout=timeout, check=check))

    def lan(
        self,
        command: Sequence[str] | str,
        *,
        peer: str = "lan",
        stdin: str | None = None,
        timeout: float = 120,
        check: bool = True,
    ) -> process.Completed:
        """Run on a LAN peer on the other side of the switch: `lan` is 172.16.4.50.

        With four NICs there are also `lan2` (172.16.8.50, behind switch B), `lan20` and `lan30` (172.16.20.50 and
        172.16.30.50, in VLANs 20 and 30 behind both switches).
        """
        return self.run(["ip", "netns", "exec", peer, *_words(command)], stdin=stdin, timeout=timeout, check=check)

    def popen(self, command: Sequence[str] | str, *, on_lan: bool = False) -> subprocess.Popen[str]:
        """Start on the lab host or the LAN peer and return at once, with pipes for stdin and stdout."""
        prefix = ["ip", "netns", "exec", "lan"] if on_lan else []
        return self.ssh.background([*prefix, *_words(command)])

    def push(self, paths: Sequence[Path], to: str = "/root") -> None:
        """Copy files and directories into a directory of the lab host."""
        self.ssh.run(["tar", "-C", to, "-x"], stdin=payload.file_archive(paths), timeout=300)

    # Outside

    def switch(self, mode: str, *, second: bool = False) -> None:
        """Make the switch, or the second one, lag, individual, plain or silent; it stays so over a reboot."""
        if mode not in recipe.SWITCH_MODES:
            raise LabError(f"the switch has no mode {mode!r}", f"there are {', '.join(recipe.SWITCH_MODES)}")
        self.run([f"/usr/local/lib/lab/switch{'2' if second else ''}", mode])

    def cable(self, nic: str, *, on: bool) -> None:
        """Plug or pull the cable of em1 or p4p1, or of em2 or p4p2 where they are; both ends see it."""
        cables = recipe.CABLES | qemu.SECOND_CABLES
        if nic not in cables:
            raise LabError(f"no cable at {nic!r}", f"there is one at {' and '.join(cables)}")
        with self.monitor() as monitor:
            for end in (nic, cables[nic]):
                monitor.set_link(end, on=on)

    def power_cycle(self) -> None:
        """Press the reset button: no orderly shutdown; return when the host is up again."""
        with step(f"{self.name}: power cycle"):
            self.ssh.forget()
            with self.monitor() as monitor:
                monitor.command("system_reset")
            wait_booted(self.ssh)

    def reboot(self) -> None:
        """Reboot in order; return when the host is up again."""
        with step(f"{self.name}: reboot"):
            # No asking whether it is still up: under emulation, each question would make the way down longer.
            with Monitor(self.directory / "qmp.sock", timeout=300) as monitor:
                self.run(["systemctl", "reboot"], check=False)
                self.ssh.forget()
                monitor.wait_event("RESET")
            wait_booted(self.ssh)

    def wait_reachable(self, timeout: float = 60) -> None:
        """Wait until the lab host runs commands again."""
        self.ssh.wait(timeout)
