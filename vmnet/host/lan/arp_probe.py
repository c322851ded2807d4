"""Ask the LAN whether another host has an address already (RFC 5227)."""

from __future__ import annotations

import ipaddress
import select
import socket
import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack, suppress

from vmnet.facts import Duplicate, Link
from vmnet.names import Mac
from vmnet.spec import IpAddress

PROBES = 3
"""PROBE_NUM of RFC 5227; its pauses of 1 to 2 s are for hosts that come up all at once after a power cut."""
PAUSE_S = 0.4

_ETH_P_ARP = 0x0806
_BROADCAST = b"\xff" * 6
_IPV4_OVER_ETHERNET = b"\x00\x01\x08\x00\x06\x04"
_REQUEST = b"\x00\x01"


def ask_links(links: Sequence[Link], addresses: Sequence[IpAddress], own: Collection[Mac]) -> tuple[Duplicate, ...]:
    """Probe for `addresses` on `links`, and return who answered.

    A probe has no sender's address: nobody's ARP table changes, whoever has the address answers.

    Args:
        own: this host's MACs; what they say is no answer.

    Raises:
        PermissionError: without CAP_NET_RAW.
    """
    with ExitStack() as stack:
        sockets: dict[socket.socket, Link] = {}
        for link in links:
            sock = stack.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            try:
                sock.bind((link.ifname, _ETH_P_ARP))
            except OSError:
                continue
            sockets[sock] = link
        return ask(sockets, addresses, own)


def ask(
    sockets: Mapping[socket.socket, Link],
    addresses: Sequence[IpAddress],
    own: Collection[Mac],
    *,
    pause_s: float = PAUSE_S,
) -> tuple[Duplicate, ...]:
    """Send the probes on open sockets, and return who answered before the pause after the last is over."""
    found: dict[IpAddress, Duplicate] = {}
    for _ in range(PROBES):
        for sock, link in sockets.items():
            _send(sock, link, addresses)
        deadline = time.monotonic() + pause_s
        while len(found) < len(addresses) and (left := deadline - time.monotonic()) > 0:
            ready = select.select(list(sockets), [], [], left)[0]
            heard = (answer for sock in ready for answer in _heard(sock, sockets[sock], addresses, own))
            found = {answer.address: answer for answer in heard} | found
    return tuple(found.values())


def send_once(address: IpAddress, ifname: str) -> None:
    """Send one probe for an IPv4 address. What becomes of it is seen in the neighbour table, if the kernel has asked as
    well (`vmnet.host.lan.probes.provoke`), so a failure to send is no news."""
    if address.version != 4:
        return
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as sock, suppress(OSError):
        sock.bind((ifname, _ETH_P_ARP))
        sock.send(probe_frame(Mac(sock.getsockname()[4].hex(":")), address))


def _send(sock: socket.socket, link: Link, addresses: Sequence[IpAddress]) -> None:
    for address in addresses:
        try:
            sock.send(probe_frame(link.mac, address))
        except OSError:
            return


def _heard(sock: socket.socket, link: Link, addresses: Sequence[IpAddress], own: Collection[Mac]) -> list[Duplicate]:
    try:
        frame = sock.recv(2048)
    except OSError:
        return []
    answers = ((address, who_has(frame, address)) for address in addresses)
    return [Duplicate(address=a, mac=mac, ifname=link.ifname) for a, mac in answers if mac and mac not in own]


def probe_frame(mac: Mac, address: IpAddress) -> bytes:
    """Return the Ethernet frame of a probe: a request whose sender address is all zeros (RFC 5227, 2.1.1)."""
    hardware = bytes.fromhex(mac.replace(":", ""))
    ends = hardware + b"\x00" * 4 + b"\x00" * 6 + address.packed
    return _BROADCAST + hardware + _ETH_P_ARP.to_bytes(2) + _IPV4_OVER_ETHERNET + _REQUEST + ends


def who_has(frame: bytes, address: IpAddress) -> Mac | None:
    """Return the MAC of whoever shows by this frame to have the address, or to probe for it too; None for others."""
    arp = frame[14:]
    if len(arp) < 28 or frame[12:14] != _ETH_P_ARP.to_bytes(2) or arp[:6] != _IPV4_OVER_ETHERNET:
        return None
    sender, target = ipaddress.ip_address(arp[14:18]), ipaddress.ip_address(arp[24:28])
    if sender == address or (sender.is_unspecified and target == address and arp[6:8] == _REQUEST):
        return Mac(arp[8:14].hex(":"))
    return None
