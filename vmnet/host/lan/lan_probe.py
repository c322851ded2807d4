"""Ask the LAN behind a bridge as a guest would: with a MAC of one's own, by DHCP, and by ARP for the gateway."""

from __future__ import annotations

import ipaddress
import secrets
import select
import socket
import struct
import time
from collections.abc import Callable

from vmnet.facts.lan import LanAnswer
from vmnet.host.kernel import sysfs
from vmnet.host.lan.arp_probe import probe_frame, who_has
from vmnet.names import Mac
from vmnet.spec import IpAddress

Reader = Callable[[bytes], IpAddress | None]

TRIES = 2
WAIT_S = 2.0
"""A server that looks whether an address is free before it offers it takes a second (dnsmasq: three ping attempts)."""

_ETH_P_ALL = 3
_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP = 1
_PACKET_MR_PROMISC = 1
"""linux/socket.h, linux/if_packet.h; Python has no names for them."""
_IPV4 = 0x0800
_UDP = 17
_COOKIE = b"\x63\x82\x53\x63"
_DISCOVER = b"\x35\x01\x01"
_OFFER = b"\x35\x01\x02"


def ask_lan(bridge: str, gateway: IpAddress | None, *, both: bool = False) -> LanAnswer:
    """Ask behind `bridge`, with a MAC that nobody knows, for an address by DHCP; for `both`, or where nobody offers
    one, for the gateway, too.

    An offer is not taken: the server forgets it by itself (RFC 2131, 3.1). Takes up to some seconds.

    Raises:
        PermissionError: without CAP_NET_RAW.
    """
    heard = tuple(sorted(sysfs.read_forwarding(bridge)))
    # The bit that says that it was not given by a manufacturer is set (IEEE 802, locally administered).
    mac = Mac((b"\x02" + secrets.token_bytes(5)).hex(":"))
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_ETH_P_ALL)) as sock:
        try:
            sock.bind((bridge, _ETH_P_ALL))
        except OSError:
            return LanAnswer(bridge=bridge, heard=heard)
        _hear_all(sock, bridge)
        xid = secrets.token_bytes(4)
        server = _ask(sock, discover_frame(mac, xid), lambda frame: offering_server(frame, xid))
        if (server is not None and not both) or gateway is None or gateway.version != 4:
            return LanAnswer(bridge=bridge, dhcp_server=server, heard=heard)

        def from_gateway(frame: bytes) -> IpAddress | None:
            # What it asks others by broadcast is no answer to us.
            to_us = frame[:6] == bytes.fromhex(mac.replace(":", ""))
            return gateway if to_us and who_has(frame, gateway) not in (None, mac) else None

        answered = _ask(sock, probe_frame(mac, gateway), from_gateway) is not None
        return LanAnswer(bridge=bridge, dhcp_server=server, gateway_answered=answered, heard=heard)


def _hear_all(sock: socket.socket, bridge: str) -> None:
    """Let the bridge hand up what is for other MACs, as long as the socket is open (packet(7)): an answer
    to a MAC that nobody has is flooded to the ports, and else never gets to the host itself."""
    request = struct.pack("IHH8s", socket.if_nametoindex(bridge), _PACKET_MR_PROMISC, 0, b"")
    sock.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)


def _ask(sock: socket.socket, frame: bytes, read: Reader) -> IpAddress | None:
    for _ in range(TRIES):
        try:
            sock.send(frame)
        except OSError:
            return None
        deadline = time.monotonic() + WAIT_S
        while (left := deadline - time.monotonic()) > 0 and select.select([sock], [], [], left)[0]:
            found = read(sock.recv(2048))
            if found is not None:
                return found
    return None


def discover_frame(mac: Mac, xid: bytes) -> bytes:
    """Return a DHCPDISCOVER as a frame; the answer is asked for by broadcast, since nobody here has that MAC."""
    hardware = bytes.fromhex(mac.replace(":", ""))
    bootp = b"\x01\x01\x06\x00" + xid + b"\x00\x00\x80\x00" + b"\x00" * 16 + hardware + b"\x00" * (10 + 64 + 128)
    payload = bootp + _COOKIE + _DISCOVER + b"\x37\x03\x01\x03\x06" + b"\xff"
    # A UDP checksum of 0 says that there is none (RFC 768).
    udp = struct.pack("!HHHH", 68, 67, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, _UDP, 0, b"\x00" * 4, b"\xff" * 4)
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return b"\xff" * 6 + hardware + struct.pack("!H", _IPV4) + head + udp


def _checksum(head: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(head) // 2}H", head))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def offering_server(frame: bytes, xid: bytes) -> IpAddress | None:
    """Return who offers an address in answer to our request; None for any other frame."""
    if len(frame) < 14 + 20 + 8 + 240 or frame[12:14] != struct.pack("!H", _IPV4) or frame[23] != _UDP:
        return None
    start = 14 + 4 * (frame[14] & 0x0F)
    bootp = frame[start + 8 :]
    if frame[start : start + 4] != struct.pack("!HH", 67, 68) or bootp[4:8] != xid or bootp[236:240] != _COOKIE:
        return None
    return ipaddress.ip_address(frame[26:30]) if _OFFER in bootp[240:] else None
