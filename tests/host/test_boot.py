"""The files of hosts, and what systemd tells -> what comes up at boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.facts_samples import profile
from tests.host.machine import lay_out
from vmnet.host.files.boot import parse_failed, read_boot

if TYPE_CHECKING:
    from pathlib import Path

SYSTEMD = {"run/systemd/system/x": ""}
UNIT = "/lib/systemd/system/NetworkManager.service"


@pytest.mark.parametrize(
    ("files", "starts"),
    [
        ({}, None),
        (SYSTEMD, False),
        ({**SYSTEMD, "etc/systemd/system/multi-user.target.wants/NetworkManager.service": f"-> {UNIT}"}, True),
        ({**SYSTEMD, "usr/lib/systemd/system/multi-user.target.wants/NetworkManager.service": f"-> ..{UNIT}"}, True),
        (
            {
                **SYSTEMD,
                "etc/systemd/system/NetworkManager.service": "-> /dev/null",
                "etc/systemd/system/multi-user.target.wants/NetworkManager.service": f"-> {UNIT}",
            },
            False,
        ),
    ],
)
def test_whether_networkmanager_starts(tmp_path: Path, files: dict[str, str], starts: bool | None) -> None:
    assert read_boot((), lay_out(tmp_path, files)).manager_starts is starts


def test_the_files_of_saved_profiles(tmp_path: Path) -> None:
    there, gone = (profile(name, "bridge", filename=f"/etc/nm/{name}") for name in ("br0", "br1"))
    volatile = profile("em1", "802-3-ethernet", filename="/run/nm/em1")
    root = lay_out(tmp_path, {"etc/nm/br0": "[connection]\n", "run/nm/em1": "x"})
    (root / "etc/nm/br0").chmod(0o640)
    first, second = read_boot((there, gone, volatile), root).profile_files
    assert (first.path, first.there, first.mode, first.size) == ("/etc/nm/br0", True, 0o640, 13)
    assert (second.path, second.there) == ("/etc/nm/br1", False)


def test_the_command_line_and_units_of_runs(tmp_path: Path) -> None:
    files = {
        "proc/cmdline": "root=/dev/vda1  ip=dhcp\n",
        "etc/systemd/system/vmnet-20260101T000000Z-host-setup.service": "",
        "etc/systemd/system/vmnetd.service": "",
    }
    boot = read_boot((), lay_out(tmp_path, files))
    assert boot.kernel_arguments == ("root=/dev/vda1", "ip=dhcp")
    assert boot.worker_units == ("/etc/systemd/system/vmnet-20260101T000000Z-host-setup.service",)


def test_services_that_gave_up() -> None:
    waits = ("NetworkManager-wait-online.service", "systemd-networkd-wait-online.service")
    shown = f"Result=timeout\nId={waits[0]}\n\nResult=success\nId={waits[1]}\n"
    assert parse_failed(shown) == waits[:1]
    assert parse_failed("") == ()
