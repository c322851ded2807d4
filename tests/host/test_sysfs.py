"""Paths in sysfs -> values."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmnet.host.sysfs import parse_pci_address


@pytest.mark.parametrize(
    ("device", "address"),
    [
        ("/sys/devices/pci0000:00/0000:00:1c.0/0000:03:00.1", "0000:03:00.1"),
        ("/sys/devices/pci0000:00/0000:00:03.0/virtio0", "0000:00:03.0"),
        ("/sys/devices/platform/soc/fe300000.ethernet", None),
        ("/sys/class/net/br0/device", None),
    ],
)
def test_the_pci_device_behind_a_link(device: str, address: str | None) -> None:
    assert parse_pci_address(Path(device)) == address
