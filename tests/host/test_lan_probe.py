"""Asking the LAN as a stranger: the frames that are sent, and whose answers count."""

from __future__ import annotations

import struct
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from vmnet.host.kernel import sysfs
from vmnet.host.lan.lan_probe import discover_frame, offering_server
from vmnet.names import Mac

if TYPE_CHECKING:
    from pathlib import Path

MAC = Mac("02:00:5e:00:53:01")
XID = b"\x01\x02\x03\x04"


def answer(
    *, xid: bytes = XID, kind: int = 2, ports: tuple[int, int] = (67, 68), cookie: bytes = b"\x63\x82\x53\x63"
) -> bytes:
    bootp = b"\x02\x01\x06\x00" + xid + b"\x00" * 228 + cookie + bytes((53, 1, kind, 255))
    udp = struct.pack("!HHHH", *ports, 8 + len(bootp), 0) + bootp
    source, target = ip_address("192.0.2.2").packed, b"\xff" * 4
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, source, target)
    return b"\xff" * 6 + b"\x00\x00\x5e\x00\x53\x02" + b"\x08\x00" + head + udp


def test_a_discover_is_what_a_server_reads() -> None:
    frame = discover_frame(MAC, XID)
    assert frame[:14] == b"\xff" * 6 + bytes.fromhex("02005e005301") + b"\x08\x00"
    head, udp = frame[14:34], frame[34:]
    words = struct.unpack("!10H", head)
    folded = sum(words)
    while folded >> 16:
        folded = (folded & 0xFFFF) + (folded >> 16)
    assert folded == 0xFFFF
    assert struct.unpack("!HHH", udp[:6]) == (68, 67, len(udp))
    bootp = udp[8:]
    assert (bootp[4:8], bootp[10:12], bootp[28:34]) == (XID, b"\x80\x00", bytes.fromhex("02005e005301"))
    assert bootp[236:243] == b"\x63\x82\x53\x63\x35\x01\x01"


def test_an_offer_names_its_server() -> None:
    assert offering_server(answer(), XID) == ip_address("192.0.2.2")


@pytest.mark.parametrize(
    "frame",
    [
        answer(xid=b"\x00" * 4),
        answer(kind=6),
        answer(ports=(68, 67)),
        answer(cookie=b"\x00" * 4),
        answer()[:100],
        b"",
        discover_frame(MAC, XID),
    ],
)
def test_anything_else_is_no_offer(frame: bytes) -> None:
    assert offering_server(frame, XID) is None


def test_what_a_bridge_has_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sysfs, "NET", tmp_path)
    bridge = tmp_path / "br0"
    bridge.mkdir()
    own = bytes.fromhex("00005e005301") + b"\x01\x01" + b"\x00" * 8
    heard = bytes.fromhex("00005e005302") + b"\x01\x00" + b"\x00" * 8
    (bridge / "brforward").write_bytes(own + heard + b"\x00\x01")
    assert sysfs.read_forwarding("br0") == {"00:00:5e:00:53:02"}
    assert sysfs.read_forwarding("br1") == frozenset()
