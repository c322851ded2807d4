"""The serial console in this terminal."""

from __future__ import annotations

import os
import select
import socket
import sys
import termios
import tty
from typing import TYPE_CHECKING

from .errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

LEAVE = b"\x1d"


def attach(path: Path) -> None:
    """Copy between this terminal and the console until Ctrl-] or the end of either."""
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    parent = os.open(path.parent, os.O_PATH | os.O_DIRECTORY) if path.parent.exists() else -1
    try:
        line.connect(f"/proc/self/fd/{parent}/{path.name}")
    except OSError as error:
        raise LabError(f"no console: {error.strerror}", "scripts/lab up") from error
    print("lab: the serial console; leave with Ctrl-]", file=sys.stderr)
    before = termios.tcgetattr(0) if os.isatty(0) else None
    try:
        if before:
            tty.setraw(0)
        _copy(line)
    finally:
        if before:
            termios.tcsetattr(0, termios.TCSADRAIN, before)
        line.close()


def _copy(line: socket.socket) -> None:
    sources: list[int | socket.socket] = [0, line]
    while True:
        ready, _, _ = select.select(sources, [], [])
        if line in ready:
            said = line.recv(65536)
            if not said:
                return
            os.write(1, said)
        if 0 in ready:
            typed = os.read(0, 4096)
            if not typed or LEAVE in typed:
                return
            line.sendall(typed)
