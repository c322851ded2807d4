"""Make taps and hold them open, as QEMU does with those of its guests: they have carrier, and go when this ends.

Runs on the lab host, on Python alone: ``tap_holder.py FIRST COUNT`` makes vnetFIRST and so on.
"""

from __future__ import annotations

import fcntl
import signal
import struct
import sys

_TUNSETIFF = 0x400454CA
_IFF_TAP, _IFF_NO_PI = 0x0002, 0x1000
"""linux/if_tun.h; Python has no names for them."""


def hold(ifname: str) -> object:
    """Return what the tap lives by."""
    tap = open("/dev/net/tun", "r+b", buffering=0)  # noqa: PTH123, SIM115 - a device, open as long as this runs
    fcntl.ioctl(tap, _TUNSETIFF, struct.pack("16sH22x", ifname.encode(), _IFF_TAP | _IFF_NO_PI))
    return tap


def main() -> None:
    """Hold them until a signal comes."""
    first, count = map(int, sys.argv[1:])
    held = [hold(f"vnet{number}") for number in range(first, first + count)]
    print(len(held), "held", flush=True)
    signal.pause()


if __name__ == "__main__":
    main()
