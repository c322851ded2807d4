"""Paths in sysfs -> values."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import facts_samples
from vmnet.host.kernel import sysfs
from vmnet.host.kernel.sysfs import parse_pci_address


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


def test_what_kind_of_nic_a_link_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in (("em1", 1), ("ib0", 32), ("vf0", 1)):
        (tmp_path / name / "device").mkdir(parents=True)
        (tmp_path / name / "type").write_text(f"{number}\n")
    (tmp_path / "cdc_ether").mkdir()
    (tmp_path / "em1/device/driver").symlink_to(tmp_path / "cdc_ether")
    (tmp_path / "vf0/device/physfn").symlink_to(tmp_path / "em1")
    monkeypatch.setattr(sysfs, "NET", tmp_path)
    nics = {name: sysfs.with_hardware(facts_samples.link(name, 2)) for name in ("em1", "ib0", "vf0", "gone")}
    assert {name: nic.ethernet for name, nic in nics.items()} == {"em1": True, "ib0": False, "vf0": True, "gone": True}
    assert {name: nic.driver for name, nic in nics.items()} == {"em1": "cdc_ether", "ib0": "", "vf0": "", "gone": ""}
    assert [name for name, nic in nics.items() if nic.virtual_function] == ["vf0"]
    assert [name for name, nic in nics.items() if nic.hardware] == ["em1", "ib0", "vf0"]
