"""The way in: SSH to the lab host, one shared connection for all commands."""

from __future__ import annotations

import shlex
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import process
from .errors import LabError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence
    from pathlib import Path

CONNECTION_LOST = 255
OPTIONS = (
    *("BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"),
    *("IdentitiesOnly=yes", "ConnectTimeout=20", "ServerAliveInterval=5", "ServerAliveCountMax=12"),
    # The quickest of each under emulation; there is no one to listen.
    *("KexAlgorithms=curve25519-sha256", "HostKeyAlgorithms=ssh-ed25519", "Compression=no"),
    # Relative: a socket's name has room for 107 bytes only, and ssh runs in the lab's directory.
    *("ControlMaster=auto", "ControlPath=ssh.sock", "ControlPersist=600"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ssh:
    """How to reach one lab host."""

    directory: Path
    port: int

    def _argv(self, *before: str) -> list[str]:
        options = [word for option in OPTIONS for word in ("-o", option)]
        place = ["-F", "/dev/null", "-i", "key", "-p", str(self.port), *options, *before, "root@127.0.0.1"]
        return ["ssh", *place]

    def argv(self, command: Sequence[str], *, terminal: bool = False) -> list[str]:
        """The ssh command whose far end runs ``command`` with each word as it is."""
        return [*self._argv("-t" if terminal else "-T"), "--", shlex.join(command)]

    def run(
        self, command: Sequence[str], *, timeout: float, stdin: bytes | None = None, check: bool = True
    ) -> process.Completed:
        """Run a command to its end."""
        done = process.run(
            self.argv(command), timeout=timeout, stdin=stdin, check=False, cwd=self.directory, shown=command
        )
        if check and done.returncode:
            lost = "255 may mean that the connection was lost" if done.returncode == CONNECTION_LOST else ""
            raise LabError(f"in the lab: {done.describe()}", lost)
        return done

    def stream(self, command: Sequence[str], *, timeout: float, terminal: bool) -> int:
        """Run a command with our own stdin, stdout and stderr."""
        return process.stream(self.argv(command, terminal=terminal), timeout=timeout, cwd=self.directory)

    def background(self, command: Sequence[str]) -> subprocess.Popen[str]:
        """Start a command and return at once."""
        return process.background(self.argv(command), cwd=self.directory)

    def forget(self) -> None:
        """Give up the shared connection: after a state is loaded the far end knows nothing of it."""
        if (self.directory / "ssh.sock").exists():
            process.run([*self._argv("-O", "exit")], timeout=10, check=False, cwd=self.directory)

    def open(self, timeout: float) -> None:
        """Open the shared connection to a host that is known to be up."""
        self.run(["true"], timeout=timeout)

    def _banner(self) -> bool:
        try:
            # Patience: each attempt is a process of sshd's, and a slow host drowns in those that were given up.
            with socket.create_connection(("127.0.0.1", self.port), timeout=30) as probe:
                return probe.recv(4) == b"SSH-"
        except OSError:
            return False

    def wait(self, timeout: float) -> None:
        """Wait until the lab host runs a command again."""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            if self._banner() and not self.run(["true"], timeout=60, check=False).returncode:
                return
            time.sleep(0.5)
        raise LabError(
            f"the lab host did not answer SSH within {timeout:.0f} s", "scripts/lab console shows its serial line"
        )
