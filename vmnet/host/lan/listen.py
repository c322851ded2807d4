"""Learn guests' addresses from what passes their taps: DHCP answers to them, and their own ARP.

On a bridge nobody keeps leases that the host could read, the neighbour table knows only guests that the host talked to,
and most guests have no agent. What the guest is given, or says, is seen on its tap by anyone with CAP_NET_RAW.
"""

from __future__ import annotations

import ctypes
import ipaddress
import select
import socket
import struct
import time
from collections.abc import Collection, Mapping
from typing import Self

from vmnet.facts import GuestAddress
from vmnet.names import Mac
from vmnet.spec import IpAddress, IpInterface

ORIGIN = "tap"
_ETH_P_ALL = 0x0003
_SO_ATTACH_FILTER = 26
_DHCP_CLIENT_PORT = 68
_DHCP_MAGIC = b"\x63\x82\x53\x63"
_DHCP_ACK = 5

# Classic BPF (linux/filter.h): let ARP pass, and unfragmented UDP to port 68; busy guests must not fill the buffer.
_FILTER = (
    (0x28, 0, 0, 12),  # ldh [12]              EtherType
    (0x15, 8, 0, 0x0806),  # jeq ARP           -> accept
    (0x15, 0, 8, 0x0800),  # jeq IPv4          else drop
    (0x30, 0, 0, 23),  # ldb [23]              protocol
    (0x15, 0, 6, 17),  # jeq UDP               else drop
    (0x28, 0, 0, 20),  # ldh [20]              fragment offset
    (0x45, 4, 0, 0x1FFF),  # jset              -> drop
    (0xB1, 0, 0, 14),  # ldxb 4*([14]&0xf)     header length
    (0x48, 0, 0, 16),  # ldh [x+16]            destination port
    (0x15, 0, 1, _DHCP_CLIENT_PORT),  # jeq    else drop
    (0x06, 0, 0, 0xFFFF),  # accept
    (0x06, 0, 0, 0),  # drop
)


def parse_frame(frame: bytes, mac: Mac) -> IpInterface | None:
    """Return the address that an Ethernet frame shows the guest with this MAC to have; None when it shows none.

    Args:
        frame: as it passed the guest's tap, in either direction.
        mac: the guest's.
    """
    if len(frame) < 34:
        return None
    ethertype = int.from_bytes(frame[12:14])
    if ethertype == 0x0806:
        return _from_arp(frame[14:], mac)
    if ethertype == 0x0800:
        return _from_dhcp(frame[14:], mac)
    return None


def _hardware(mac: Mac) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _from_arp(packet: bytes, mac: Mac) -> IpInterface | None:
    """RFC 826: sender hardware address at 8, sender protocol address at 14; all zeros in a probe (RFC 5227)."""
    if len(packet) < 28 or packet[:6] != b"\x00\x01\x08\x00\x06\x04" or packet[8:14] != _hardware(mac):
        return None
    sender = packet[14:18]
    return ipaddress.ip_interface(f"{ipaddress.ip_address(sender)}/32") if any(sender) else None


def _from_dhcp(packet: bytes, mac: Mac) -> IpInterface | None:
    """RFC 2131: the server's ACK to this client; `yiaddr` at 16, `chaddr` at 28, options after the magic at 236."""
    message = packet[(packet[0] & 0x0F) * 4 + 8 :]
    if len(message) < 240 or message[0] != 2 or message[28:34] != _hardware(mac) or message[236:240] != _DHCP_MAGIC:
        return None
    options = _dhcp_options(message[240:])
    if options.get(53) != bytes([_DHCP_ACK]) or not any(message[16:20]):
        return None
    mask = ipaddress.ip_address(options[1]) if len(options.get(1, b"")) == 4 else "32"
    try:
        return ipaddress.ip_interface(f"{ipaddress.ip_address(message[16:20])}/{mask}")
    except ValueError:
        return None


def _dhcp_options(raw: bytes) -> dict[int, bytes]:
    options: dict[int, bytes] = {}
    place = 0
    while place < len(raw) and raw[place] != 255:
        if raw[place] == 0:
            place += 1
            continue
        size = raw[place + 1] if place + 1 < len(raw) else 0
        options[raw[place]] = raw[place + 2 : place + 2 + size]
        place += 2 + size
    return options


class TapListener:
    """Listens on taps from the moment it is made; `learn` reads what came since. Use it as a context manager."""

    def __init__(self, taps: Mapping[str, Mac]) -> None:
        """Open a socket on each tap; one that is not there is passed over.

        Args:
            taps: ifname -> the guest's MAC behind it.

        Raises:
            PermissionError: without CAP_NET_RAW.
        """
        self._sockets: dict[socket.socket, Mac] = {}
        self._known: dict[Mac, IpInterface] = {}
        for ifname, mac in taps.items():
            sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            self._sockets[sock] = mac
            _attach_filter(sock)
            try:
                sock.bind((ifname, _ETH_P_ALL))
            except OSError:
                sock.close()
                del self._sockets[sock]

    @property
    def macs(self) -> frozenset[Mac]:
        """The guests that can be heard."""
        return frozenset(self._sockets.values())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        for sock in self._sockets:
            sock.close()

    def learn(self, seconds: float, old: Collection[IpAddress] = ()) -> tuple[GuestAddress, ...]:
        """Read what has come, for `seconds` at most, and return the last that is known of each guest.

        Args:
            old: addresses of before; a guest that still speaks with one of them is waited for.
        """
        deadline = time.monotonic() + seconds
        while True:
            self._read(min(0.5, max(0.0, deadline - time.monotonic())))
            renewed = {mac for mac, known in self._known.items() if known.ip not in old}
            if set(self._sockets.values()) <= renewed or time.monotonic() >= deadline:
                break
        return tuple(GuestAddress(mac=mac, interface=known, origin=ORIGIN) for mac, known in self._known.items())

    def _read(self, seconds: float) -> None:
        ready = list(self._sockets)
        while ready:
            ready = select.select(list(self._sockets), [], [], seconds)[0]
            seconds = 0
            for sock in ready:
                found = parse_frame(_receive(sock), self._sockets[sock])
                if found is not None:
                    self._known[self._sockets[sock]] = found


def _receive(sock: socket.socket) -> bytes:
    """A tap that went away (its guest was shut off) gives ENETDOWN: nothing was said."""
    try:
        return sock.recv(2048)
    except OSError:
        return b""


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def _attach_filter(sock: socket.socket) -> None:
    code = b"".join(struct.pack("HBBI", *instruction) for instruction in _FILTER)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = _Program(len(_FILTER), ctypes.addressof(buffer))
    sock.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))
