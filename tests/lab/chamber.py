"""A chamber: a release's own libvirtd in namespaces of its own on this machine, without a virtual machine around it.

There is no bond in it, and NetworkManager only where it is asked for, but a bridge br0 with a LAN behind it, libvirt's
networks `default` and `host-bridge`, and guests that are emulated once and not twice: the place for many domains.
Nothing of this machine is changed; all that is written goes to a directory of the lab's cache, which goes with the
chamber.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from . import process, recipe
from .base import find_or_build
from .checked import checked
from .errors import LabError
from .image import APT_OPTION
from .progress import step

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Self

_SCRIPT = Path(__file__).with_name("chamber.sh")
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_NAMESPACES = ("--net", "--mount", "--pid", "--ipc", "--uts")


class Chamber:
    """Use it as a context manager; `run` works between."""

    def __init__(self, release: str) -> None:
        if os.geteuid() != 0:
            raise LabError("a chamber needs root", "run it with sudo")
        self.release = release
        self._release = recipe.RELEASES[release]
        self._own: Path | None = None
        self._init: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        build = find_or_build(self._release)
        parent = recipe.cache_root() / "chambers"
        parent.mkdir(parents=True, exist_ok=True)
        self._own = Path(tempfile.mkdtemp(prefix=f"{self._release.suite}-", dir=parent))
        with step(f"{self._release.suite}: starting libvirtd in a chamber"):
            words = ["sh", str(_SCRIPT), str(build / "root.img"), str(self._own), str(recipe.CHECKOUT)]
            self._init = process.background(["unshare", *_NAMESPACES, "--fork", "--kill-child", *words])
            try:
                self._wait_ready(self._init)
            except BaseException:
                self.close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @staticmethod
    def _wait_ready(init: subprocess.Popen[str]) -> None:
        said = []
        assert init.stdout is not None
        for line in init.stdout:
            if line == "ready\n":
                return
            said.append(line)
        raise LabError(f"the chamber does not start: {''.join(said).strip()}")

    def close(self) -> None:
        """End everything in it and remove what it has written."""
        if self._init is not None:
            # Killed, `unshare` takes the namespaces' process 1 with it, and that all others.
            with self._init as init:
                init.kill()
            self._init = None
        if self._own is not None:
            shutil.rmtree(self._own)
            self._own = None

    def start_network_manager(self) -> None:
        """Start the release's NetworkManager beside libvirtd: what is there already it takes as made by others. With
        sysfs read-only it does without udev, which no chamber has."""
        self.run(
            "mount -o remount,ro /sys && { NetworkManager --no-daemon >/run/nm.log 2>&1 </dev/null & } && "
            "timeout 30 sh -c 'until nmcli -t general status; do sleep 0.2; done' >/run/nm.wait 2>&1"
        )

    def copy_in(self, source: Path, target: str) -> None:
        """Copy a file of this machine to a place in the chamber; the holes in it stay holes."""
        inside = f"/proc/{self._first()}/root{self._own}/root"
        process.run(["cp", "--sparse=always", str(source), inside + target], timeout=600)

    def install(self, *packages: str, within: str = "") -> None:
        """Install Debian packages in it, or in a tree `within` it, from this machine's mirror: the one thing that needs
        its network."""
        tree = f"{self._own}/root/{within}"
        inside = ["nsenter", "--target", self._first(), "--mount", "chroot", tree, "env", "-i"]
        inside += [f"PATH={_PATH}", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]
        with step(f"{self._release.suite}: installing {', '.join(packages)} in the chamber"):
            for name in ("resolv.conf", "hosts"):
                self.run(["sh", "-c", f"cat >/{within}/etc/{name}"], stdin=Path(f"/etc/{name}").read_text("utf-8"))
            dump = process.run(["apt-config", "dump"], timeout=30).stdout.splitlines()
            own = [line.rstrip('";').replace(' "', "=") for line in dump if APT_OPTION.fullmatch(line)]
            options = [word for option in own for word in ("-o", option)]
            for words in (["update"], ["install", "-y", "--no-install-recommends", *packages]):
                process.run([*inside, "apt-get", "-q", *options, *words], timeout=600)

    def _first(self) -> str:
        """The process 1 of the chamber, by its number outside."""
        assert self._init is not None
        return Path(f"/proc/{self._init.pid}/task/{self._init.pid}/children").read_text().split()[0]

    def argv(self, command: Sequence[str]) -> list[str]:
        """Return the argv that runs a command in the chamber, as root."""
        inside = ["nsenter", "--target", self._first(), *_NAMESPACES, "chroot", f"{self._own}/root"]
        return [
            *inside,
            "env",
            "-i",
            f"PATH={_PATH}",
            "HOME=/root",
            "LC_ALL=C.UTF-8",
            # The checkout cannot be written; an installed vmnet has its bytecode, too.
            "PYTHONPYCACHEPREFIX=/run/pycache",
            *command,
        ]

    def lan(self, command: Sequence[str] | str, *, timeout: float = 120, check: bool = True) -> process.Completed:
        """Run a command on the LAN side of the bridge's uplink, where the gateway is."""
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        return self.run(["ip", "netns", "exec", "gate", *words], timeout=timeout, check=check)

    def vmnet(self, *words: str, timeout: float = 120, check: bool = True) -> process.Completed:
        """Run this checkout's vmnet."""
        return checked(words, self.run(["vmnet", *words], timeout=timeout, check=check))

    def run(
        self, command: Sequence[str] | str, *, stdin: str = "", timeout: float = 120, check: bool = True
    ) -> process.Completed:
        """Run a command in the chamber to its end; a ``str`` is a line of shell."""
        words = ["sh", "-c", command] if isinstance(command, str) else list(command)
        return process.run(self.argv(words), timeout=timeout, stdin=stdin.encode(), check=check, shown=words)
