"""The SSH session that vmnet was called through, also where sudo has cleaned the environment."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from vmnet.facts import SshSession
from vmnet.host.kernel.sockets import read_connections
from vmnet.host.kernel.sysfs import read_text
from vmnet.lines import number_of

VARIABLE = "SSH_CONNECTION"
_GENERATIONS = 32


def read_ssh_session(environ: Mapping[str, str], pid: int, root: Path = Path("/")) -> SshSession | None:
    """Return the SSH session of this process or of the nearest ancestor that knows one; None without one.

    sudo drops SSH_CONNECTION (env_reset, sudoers(5)), and root may read its parents' environments. A session whose
    connection is not there any more, as in a tmux that was left and taken up again, is none.

    Args:
        environ: our own environment.
        pid: our own process.
        root: where /proc is.
    """
    texts = (environ.get(VARIABLE), *(_variable(root, ancestor) for ancestor in _ancestors(root, pid)))
    session = next((found for text in texts if text and (found := parse_ssh_connection(text))), None)
    return session if session is not None and _lives(session, root) else None


def own_session() -> SshSession | None:
    """Return the SSH session of this very process."""
    return read_ssh_session(os.environ, os.getpid())


def parse_ssh_connection(text: str) -> SshSession | None:
    """Return the session from sshd's SSH_CONNECTION ("peer port server port", ssh(1)); None for other text."""
    words = text.split()
    if len(words) != 4:
        return None
    try:
        peer, server = (ipaddress.ip_address(word.partition("%")[0]) for word in (words[0], words[2]))
        return SshSession(peer=peer, peer_port=int(words[1]), server=server)
    except ValueError:
        return None


def _ancestors(root: Path, pid: int) -> Iterator[int]:
    for _ in range(_GENERATIONS):
        parent = parse_parent(read_text(root / "proc" / str(pid) / "stat") or "")
        if parent is None or parent <= 1:
            return
        yield parent
        pid = parent


def parse_parent(stat: str) -> int | None:
    """Return the parent's pid from /proc/PID/stat: the second field after the name, which may hold brackets itself."""
    words = stat.rpartition(")")[2].split()
    return number_of(words[1]) if len(words) > 1 else None


def _variable(root: Path, pid: int) -> str | None:
    text = read_text(root / "proc" / str(pid) / "environ") or ""
    found = (entry.partition("=") for entry in text.split("\0"))
    return next((value for name, _, value in found if name == VARIABLE), None)


def _lives(session: SshSession, root: Path) -> bool:
    connections = read_connections(root)
    ends = ((socket.peer, socket.peer_port, socket.local) for socket in connections)
    # Without any connection at all /proc/net is not to be read here, and nothing speaks against the session.
    return not connections or (session.peer, session.peer_port, session.server) in set(ends)
