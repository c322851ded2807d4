"""Ping an address every few milliseconds until SIGINT, then print a line for each ping: number, sent, answered.

Runs on the LAN peer, on Python alone. ``ping -i 0.005`` spins between its pings, which leaves a host with one emulated
processor next to nothing. Seconds since the epoch; the second stamp is the kernel's, and "-" where no answer came.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import time

_ECHO, _ECHO_REPLY = 8, 0
_IDENT = os.getpid() & 0xFFFF
_LAST_ANSWERS_S = 0.3
_SO_TIMESTAMPNS = 35
"""asm-generic/socket.h; Python has no name for it."""


def request(number: int) -> bytes:
    """Return an echo request without payload."""
    total = (_ECHO << 8) + _IDENT + (number & 0xFFFF)
    total = (total & 0xFFFF) + (total >> 16)
    total = (total & 0xFFFF) + (total >> 16)
    return struct.pack("!BBHHH", _ECHO, 0, ~total & 0xFFFF, _IDENT, number & 0xFFFF)


class Pinger:
    """`sent` and `answered`: when, by the number of the ping, from 0 on."""

    def __init__(self, target: str) -> None:
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
        self._sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._sock.connect((target, 0))
        self.sent: list[float] = []
        self.answered: dict[int, float] = {}
        self.stopped = False

    def run(self, interval: float) -> None:
        """Ping until `stopped`; what is missed because the machine stood still is not sent later."""
        due = time.monotonic()
        while not self.stopped:
            self._send()
            due = max(due + interval, time.monotonic())
            self._receive_until(due)
        self._receive_until(time.monotonic() + _LAST_ANSWERS_S)

    def _send(self) -> None:
        self.sent.append(time.time())
        try:
            self._sock.send(request(len(self.sent) - 1))
        except OSError:
            return  # no route, no neighbour: a ping that gets no answer

    def _receive_until(self, due: float) -> None:
        while (left := due - time.monotonic()) > 0:
            if not select.select([self._sock], [], [], left)[0]:
                return
            self._receive()

    def _receive(self) -> None:
        try:
            packet, extra, _, _ = self._sock.recvmsg(256, 64)
        except OSError:
            return  # what became of an earlier ping: host unreachable
        kind, _, _, ident, low = struct.unpack_from("!BBHHH", packet, (packet[0] & 15) * 4)
        if (kind, ident) != (_ECHO_REPLY, _IDENT):
            return
        newest = len(self.sent) - 1
        number = newest - ((newest - low) & 0xFFFF)
        seconds, nanoseconds = struct.unpack("@ll", extra[0][2])
        self.answered.setdefault(number, seconds + nanoseconds / 1e9)


def main() -> None:
    """Take the address and the seconds between two pings."""
    pinger = Pinger(sys.argv[1])

    def stop(*_: object) -> None:
        pinger.stopped = True

    signal.signal(signal.SIGINT, stop)
    pinger.run(float(sys.argv[2]))
    for number, sent in enumerate(pinger.sent):
        answered = pinger.answered.get(number)
        print(number, f"{sent:.6f}", "-" if answered is None else f"{answered:.6f}")


if __name__ == "__main__":
    main()
