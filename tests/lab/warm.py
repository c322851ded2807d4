"""Runs vmnet's commands on the lab host without the wait for Python to read vmnet's modules: under emulation that is
most of what a short command takes.

It is a file of its own there. ``warm.py serve`` reads the modules once and then forks for each command; ``warm.py
WORD...`` has it run ``vmnet WORD...`` with the caller's streams, environment and directory. Where no server listens
(the host was booted anew), it becomes the real ``vmnet``.
"""

from __future__ import annotations

import json
import os
import pkgutil
import signal
import socket
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

ADDRESS = "\0vmnet-warm"
VMNET = "/usr/local/bin/vmnet"
STREAMS = (0, 1, 2)


def serve() -> NoReturn:
    """Read the modules, then listen for callers."""
    import vmnet

    names = [module.name for module in pkgutil.walk_packages(vmnet.__path__, "vmnet.")]
    names.remove("vmnet.__main__")
    for name in ("libvirt", "lxml.etree", "pyroute2", "rich.console", "rich.table", *names):
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(ADDRESS)
    listener.listen()
    while True:
        caller, _ = listener.accept()
        if not os.fork():
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            answer(caller)
        caller.close()


def answer(caller: socket.socket) -> None:
    """Be the command that the caller asks for, from its streams to its exit code."""
    from vmnet.cli import main

    request, descriptors, _, _ = socket.recv_fds(caller, 1 << 20, len(STREAMS))
    asked = json.loads(request)
    for stream, descriptor in zip(STREAMS, descriptors, strict=True):
        os.dup2(descriptor, stream)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", buffering=1)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["directory"])
    code = main(asked["words"])
    caller.sendall(bytes([code]))
    os._exit(0)


def ask(words: list[str]) -> int:
    """Have the server run a command; return its exit code."""
    server = socket.socket(socket.AF_UNIX)
    try:
        server.connect(ADDRESS)
    except OSError:
        os.execv(VMNET, [VMNET, *words])  # noqa: S606 - there is no shell to start
    request = {"words": words, "environment": dict(os.environ), "directory": str(Path.cwd())}
    socket.send_fds(server, [json.dumps(request).encode()], STREAMS)
    return server.recv(1)[0]


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    sys.exit(ask(sys.argv[1:]))
