"""Frames on a tap -> the guest's address."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from vmnet.host.lan.listen import parse_frame
from vmnet.names import Mac

MAC = Mac("00:00:5e:00:53:01")
HARDWARE = bytes.fromhex("00005e005301")
ADDRESS = ipaddress.ip_address("192.0.2.7").packed


def arp(sender: bytes = ADDRESS, hardware: bytes = HARDWARE) -> bytes:
    body = b"\x00\x01\x08\x00\x06\x04\x00\x01" + hardware + sender + b"\x00" * 6 + b"\xc0\x00\x02\x01"
    return b"\xff" * 6 + hardware + b"\x08\x06" + body


def dhcp(kind: int = 5, hardware: bytes = HARDWARE, mask: bytes = b"\xff\xff\xff\x00") -> bytes:
    options = b"\x00" + bytes([53, 1, kind]) + bytes([1, len(mask)]) + mask + b"\xff"
    message = b"\x02\x01\x06\x00" + b"\x00" * 12 + ADDRESS + b"\x00" * 8 + hardware + b"\x00" * 202
    body = message + b"\x63\x82\x53\x63" + options
    udp = b"\x00\x43\x00\x44" + b"\x00" * 4
    return hardware + b"\x02" * 6 + b"\x08\x00" + b"\x45" + b"\x00" * 8 + b"\x11" + b"\x00" * 10 + udp + body


def test_a_servers_ack_gives_address_and_prefix() -> None:
    assert parse_frame(dhcp(), MAC) == ipaddress.ip_interface("192.0.2.7/24")


def test_an_ack_without_a_mask() -> None:
    assert parse_frame(dhcp(mask=b""), MAC) == ipaddress.ip_interface("192.0.2.7/32")


def test_an_offer_or_another_guests_ack_says_nothing() -> None:
    assert parse_frame(dhcp(kind=2), MAC) is None
    assert parse_frame(dhcp(hardware=HARDWARE[::-1]), MAC) is None


def test_a_mask_that_is_none_is_no_address() -> None:
    assert parse_frame(dhcp(mask=b"\x01\x02\x03\x04"), MAC) is None


def test_what_the_guest_says_by_arp() -> None:
    assert parse_frame(arp(), MAC) == ipaddress.ip_interface("192.0.2.7/32")
    assert parse_frame(arp(sender=b"\x00" * 4), MAC) is None
    assert parse_frame(arp(hardware=HARDWARE[::-1]), MAC) is None


@given(st.binary(max_size=400), st.sampled_from([dhcp(), arp(), b""]), st.integers(0, 320))
def test_no_frame_breaks_it(tail: bytes, head: bytes, cut: int) -> None:
    parse_frame(head[:cut] + tail, MAC)
