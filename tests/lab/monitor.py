"""QEMU's monitor: one command at a time over its socket."""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any, Self

from .errors import LabError

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType


class Monitor:
    """A connection to the monitor of a running lab; use it as a context manager."""

    def __init__(self, path: Path, timeout: float = 120.0) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        # A socket's name has room for 107 bytes only, and a cache directory may be deep: go by its open parent.
        parent = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
        try:
            self._socket.connect(f"/proc/self/fd/{parent}/{path.name}")
        except OSError as error:
            self._socket.close()
            raise LabError(f"no monitor at {path}: {error.strerror}", "scripts/lab status") from error
        finally:
            os.close(parent)
        self._lines = self._socket.makefile("r", encoding="utf-8")
        self._lines.readline()
        self.command("qmp_capabilities")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lines.close()
        self._socket.close()

    def command(self, name: str, /, **arguments: object) -> Any:
        """Run a command and return what it returns; events that come between are passed over."""
        request = {"execute": name, "arguments": arguments}
        try:
            self._socket.sendall(json.dumps(request).encode() + b"\n")
            for line in self._lines:
                answer = json.loads(line)
                if "error" in answer:
                    raise LabError(f"QEMU refused {name}: {answer['error']['desc']}")
                if "return" in answer:
                    return answer["return"]
        except OSError as error:
            raise LabError(f"QEMU's monitor did not answer {name}: {error}") from error
        if name == "quit":
            return None
        raise LabError(f"QEMU went away during {name}", "scripts/lab status")

    def wait_event(self, name: str) -> None:
        """Wait for an event, as long as this connection's time limit allows."""
        try:
            for line in self._lines:
                if json.loads(line).get("event") == name:
                    return
        except TimeoutError as error:
            raise LabError(f"no event {name} within {self._socket.gettimeout():.0f} s") from error
        raise LabError(f"QEMU went away before the event {name}", "scripts/lab status")

    def human(self, line: str) -> str:
        """Run a line of the human monitor."""
        return str(self.command("human-monitor-command", **{"command-line": line}))

    def snapshot(self, verb: str, name: str) -> None:
        """Run ``savevm`` or ``loadvm``, which say nothing when all went well."""
        said = self.human(f"{verb} {name}").strip()
        if said:
            raise LabError(f"{verb} {name}: {said}")

    def snapshots(self) -> tuple[str, ...]:
        """The names of the states saved in the disk."""
        rows = [line.split() for line in self.human("info snapshots").splitlines()]
        return tuple(row[1] for row in rows if len(row) > 4 and row[0] in {"--", *map(str, range(1, 100))})

    def resize(self, mebibytes: int) -> None:
        """Set the memory that the host has, by its balloon, and wait until it is so or no more can be had."""
        self.command("balloon", value=mebibytes << 20)
        before = -1
        while (now := self.command("query-balloon")["actual"] >> 20) not in {mebibytes, before}:
            before = now
            time.sleep(1)

    def set_link(self, nic: str, *, on: bool) -> None:
        """Plug or pull one end of a cable."""
        self.command("set_link", name=nic, up=on)
