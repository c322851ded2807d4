"""The host's TCP connections and UDP sockets, from /proc/net: no privilege, no process."""

from __future__ import annotations

import ipaddress
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vmnet.host.kernel.sysfs import read_text
from vmnet.lines import lines_of
from vmnet.spec import IpAddress

_END = re.compile(r"([0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4}")
_ESTABLISHED = "01"
"""TCP_ESTABLISHED of linux/tcp_states.h."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Socket:
    """A socket with its two ends; those of an unconnected one are 0.0.0.0 and 0."""

    local: IpAddress
    local_port: int
    peer: IpAddress
    peer_port: int


def read_connections(root: Path) -> tuple[Socket, ...]:
    """Return the established TCP connections of this network namespace."""
    return _read(root, "tcp", (_ESTABLISHED,))


def read_udp(root: Path) -> tuple[Socket, ...]:
    """Return the UDP sockets of this network namespace."""
    return _read(root, "udp", None)


def _read(root: Path, protocol: str, states: tuple[str, ...] | None) -> tuple[Socket, ...]:
    texts = (read_text(root / "proc" / "net" / name) or "" for name in (protocol, f"{protocol}6"))
    return tuple(socket for text in texts for socket in parse_sockets(text, states))


def parse_sockets(text: str, states: tuple[str, ...] | None) -> Iterator[Socket]:
    """Yield the sockets of a /proc/net/tcp, tcp6, udp or udp6 (proc_pid_net(5)).

    Args:
        states: the kernel's states to take, in hexadecimal; None takes all.
    """
    for line in lines_of(text):
        words = line.split()
        if len(words) < 4 or not words[0].endswith(":") or (states is not None and words[3] not in states):
            continue
        local, peer = _end(words[1]), _end(words[2])
        if local and peer:
            yield Socket(local=local[0], local_port=local[1], peer=peer[0], peer_port=peer[1])


def _end(text: str) -> tuple[IpAddress, int] | None:
    """Each 32 bits of the address are a number in the machine's own byte order; an IPv4 address may be mapped."""
    if not _END.fullmatch(text):
        return None
    digits, _, port = text.partition(":")
    words = [int(digits[i : i + 8], 16) for i in range(0, len(digits), 8)]
    packed = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    address = ipaddress.ip_address(packed)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address, int(port, 16)
