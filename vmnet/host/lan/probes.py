"""Ask whether something answers: a router, a name server, the SSH peer, whatever the admin's command asks."""

from __future__ import annotations

import ipaddress
import secrets
import shlex
import socket
import struct
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import assert_never

from vmnet.errors import SpecError, ToolError
from vmnet.facts import Answer, Probe, ProbeKind
from vmnet.host import process
from vmnet.host.kernel import link_changes, netlink
from vmnet.spec import IpAddress

ANSWER_S = 2.0
COMMAND_S = 20.0
DNS_PORT = 53
_DISCARD_PORT = 9
_HEADERS = 28
"""Bytes of the IPv4 header (RFC 791, without options) and of an echo's (RFC 792)."""


def try_probes(probes: Sequence[Probe], *, fresh: bool = False) -> tuple[Answer, ...]:
    """Ask all at once and return what came of each, in the same order.

    Args:
        fresh: whether the kernel's entry of a neighbour is removed first, so that it has to answer now; needs root.

    Raises:
        SpecError: a command cannot be split into words.
    """
    if not probes:
        return ()
    with ThreadPoolExecutor(max_workers=len(probes)) as pool:
        problems = list(pool.map(lambda probe: try_probe(probe, fresh=fresh), probes))
    return tuple(Answer(probe=probe, problem=problem) for probe, problem in zip(probes, problems, strict=True))


def try_probe(probe: Probe, *, fresh: bool = False) -> str:
    """Ask once; return "" where it answered, else what is wrong. `fresh` as in `try_probes`.

    Raises:
        SpecError: a command cannot be split into words.
    """
    match probe.kind:
        case ProbeKind.GATEWAY:
            address = ipaddress.ip_address(probe.target)
            if fresh:
                link_changes.forget_neighbour(address)
            return _neighbour(address)
        case ProbeKind.DNS:
            return ask_name_server(ipaddress.ip_address(probe.target))
        case ProbeKind.SSH_PEER:
            return _echo(probe.target)
        case ProbeKind.COMMAND:
            return _command(probe.target)
    assert_never(probe.kind)


def provoke(address: IpAddress, ifname: str | None = None) -> None:
    """Send one datagram to the discard port, so that the kernel looks the neighbour up. What becomes of it is seen
    in the neighbour table, so a failure to send is no news."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        try:
            if ifname is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, ifname.encode() + b"\0")
            sock.sendto(b"", (str(address), _DISCARD_PORT))
        except OSError:
            return


def _links_to_ask(address: IpAddress) -> Sequence[str | None]:
    """Return the links on which to ask for a neighbour. None: the kernel's routes say where it is. No route does for a
    link-local address, which most IPv6 gateways have (RFC 4861 4.2): it may be on any link that has one itself."""
    if not address.is_link_local:
        return [None]
    own = netlink.read_addresses()
    return sorted({a.ifname for a in own if a.interface.version == address.version and a.interface.is_link_local})


def _neighbour(address: IpAddress) -> str:
    end = time.monotonic() + ANSWER_S
    while time.monotonic() < end:
        for ifname in _links_to_ask(address):
            provoke(address, ifname)
        if netlink.read_neighbour(address):
            return ""
        time.sleep(0.2)
    return f"{address} does not answer"


def ask_name_server(address: IpAddress, port: int = DNS_PORT) -> str:
    """Ask for the root's name servers; return "" or what is wrong. Any reply, even a refusal, shows that the server is
    reachable (RFC 1035 4.1)."""
    number = secrets.token_bytes(2)
    query = number + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", 2, 1)
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(ANSWER_S)
        try:
            sock.connect((str(address), port))
            sock.send(query)
            while sock.recv(4096)[:2] != number:
                continue
        except OSError as error:
            return f"{address} does not answer: {error}"
    return ""


def _echo(target: str) -> str:
    try:
        process.run(("ping", "-n", "-c", "1", "-W", "1", target), timeout_s=5)
    except ToolError as error:
        return f"{target} does not answer a ping: {error.stderr or 'no reply'}"
    return ""


def largest_packet(target: IpAddress, mtus: Sequence[int]) -> int | None:
    """Return the first of `mtus` (bytes, with the IPv4 header) whose packets come back whole; None where not one does.

    They must not be taken apart on the way (don't fragment).
    """
    for mtu in mtus:
        size = str(mtu - _HEADERS)
        try:
            process.run(
                ("ping", "-n", "-M", "do", "-c", "2", "-i", "0.2", "-W", "1", "-s", size, str(target)), timeout_s=8
            )
        except ToolError:
            continue
        return mtu
    return None


def _command(text: str) -> str:
    try:
        argv = tuple(shlex.split(text))
    except ValueError as error:
        raise SpecError(f"vmnet cannot read the probe {text!r}: {error}", "quote it as for a shell") from None
    if not argv:
        raise SpecError("the probe is empty", "--probe takes a command, such as 'curl -sf https://intra.example.org'")
    try:
        process.run(argv, timeout_s=COMMAND_S)
    except (ToolError, PermissionError) as error:
        return str(error)
    return ""
