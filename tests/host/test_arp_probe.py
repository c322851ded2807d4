"""ARP frames, and the asking itself over sockets of this process."""

from __future__ import annotations

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plan.hosts import nic
from vmnet.facts import Duplicate
from vmnet.host.lan.arp_probe import PROBES, ask, probe_frame, who_has
from vmnet.names import Mac

EM1 = nic("em1", 2)
WANTED = ipaddress.IPv4Address("192.0.2.3")
OTHER = ipaddress.IPv4Address("192.0.2.4")
THEIRS = Mac("00:00:5e:00:53:99")


def frame(operation: int, sender: ipaddress.IPv4Address, target: ipaddress.IPv4Address, mac: Mac = THEIRS) -> bytes:
    hardware = bytes.fromhex(mac.replace(":", ""))
    head = b"\xff" * 6 + hardware + b"\x08\x06\x00\x01\x08\x00\x06\x04" + operation.to_bytes(2)
    return head + hardware + sender.packed + b"\x00" * 6 + target.packed


NOBODY = ipaddress.IPv4Address("0.0.0.0")  # noqa: S104 - a probe's sender, no listening


def test_a_probe_has_no_sender() -> None:
    assert probe_frame(EM1.mac, WANTED) == frame(1, NOBODY, WANTED, EM1.mac)


@pytest.mark.parametrize(
    ("heard", "found"),
    [
        (frame(2, WANTED, NOBODY), THEIRS),
        (frame(1, WANTED, OTHER), THEIRS),
        (frame(1, NOBODY, WANTED), THEIRS),
        (frame(2, NOBODY, WANTED), None),
        (frame(1, OTHER, WANTED), None),
        (frame(2, OTHER, WANTED), None),
        (frame(2, WANTED, NOBODY)[:41], None),
        (frame(2, WANTED, NOBODY).replace(b"\x08\x06", b"\x86\xdd", 1), None),
    ],
    ids=["answer", "question of its own", "probe too", "odd", "question for it", "another's", "cut", "IPv6"],
)
def test_who_has_an_address(heard: bytes, found: Mac | None) -> None:
    assert who_has(heard, WANTED) == found


@given(st.binary(max_size=60))
def test_no_frame_breaks_it(heard: bytes) -> None:
    who_has(b"\xff" * 12 + b"\x08\x06" + heard, WANTED)


def asked(*answers: bytes, own: frozenset[Mac] = frozenset()) -> tuple[tuple[Duplicate, ...], list[bytes]]:
    """What was found out, and what was sent."""
    ours, lan = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with ours, lan:
        for answer in answers:
            lan.send(answer)
        found = ask({ours: EM1}, (WANTED,), own, pause_s=0.01)
        lan.setblocking(False)
        return found, [lan.recv(100) for _ in range(PROBES)]


def test_somebody_answers() -> None:
    found, sent = asked(frame(1, OTHER, WANTED), frame(2, WANTED, NOBODY))
    assert found == (Duplicate(address=WANTED, mac=THEIRS, ifname="em1"),)
    assert sent == [probe_frame(EM1.mac, WANTED)] * PROBES


def test_nobody_answers_but_ourselves() -> None:
    assert asked(frame(1, OTHER, WANTED))[0] == ()
    assert asked(frame(1, NOBODY, WANTED, EM1.mac), own=frozenset({EM1.mac}))[0] == ()
