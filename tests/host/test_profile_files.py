"""Profile files after a loss of power."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from vmnet.host.profile_files import (
    read_saved,
    remove_half_written,
    remove_leftover,
    starts_by_itself,
    sync_profiles,
)

if TYPE_CHECKING:
    from pathlib import Path

UUID = "fce40a8f-ab4f-5958-acde-d372715b546d"
OURS = f"[connection]\nid=br0\nuuid={UUID}\ntype=bridge\n".encode()


@pytest.mark.parametrize("name", ["br0.nmconnection", f"br0-{UUID}.nmconnection"])
@pytest.mark.parametrize("content", [b"", bytes(512), OURS])
def test_what_a_loss_of_power_left_is_removed(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    remove_leftover(UUID, "br0", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_profiles_of_others_stay(tmp_path: Path) -> None:
    other = OURS.replace(b"fce40a8f", b"00000000")
    (tmp_path / "br0.nmconnection").write_bytes(other)
    (tmp_path / "lan.nmconnection").write_bytes(b"")
    remove_leftover(UUID, "br0", tmp_path)
    assert (tmp_path / "br0.nmconnection").read_bytes() == other
    assert (tmp_path / "lan.nmconnection").exists()


@pytest.mark.parametrize(
    ("content", "starts"),
    [
        (OURS, True),
        (OURS + b"autoconnect-priority=100\n", True),
        (OURS + b"autoconnect=false\n", False),
        (b"", False),
        (bytes(512), False),
    ],
)
def test_whether_a_boot_starts_it(tmp_path: Path, content: bytes, starts: bool) -> None:
    (tmp_path / "br0.nmconnection").write_bytes(content)
    assert starts_by_itself(UUID, tmp_path) is starts
    assert not starts_by_itself("00000000-0000-0000-0000-000000000000", tmp_path)


def test_to_sync_is_to_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "lan.nmconnection").write_bytes(OURS)
    sync_profiles(tmp_path)
    sync_profiles(tmp_path / "none")
    assert (tmp_path / "lan.nmconnection").read_bytes() == OURS


def test_what_a_killed_networkmanager_left_half_written_is_removed(tmp_path: Path) -> None:
    whole, other = OURS, OURS.replace(b"fce40a8f", b"00000000")
    gone = {
        "br0.nmconnection.XPENZ3": whole,
        "old-name.nmconnection.a1B2c3": whole,
        "br0.nmconnection.000000": b"",
        f"br0-{UUID}.nmconnection.abcdef": b"[connection]\nid=br0\nuu",
    }
    stays = {
        "br0.nmconnection": whole,
        "lan.nmconnection.XPENZ3": b"",
        "br0.nmconnection.abcdefg": whole,
        "br0.nmconnection.zzzzzz": other,
        "lan": whole,
    }
    for name, content in (gone | stays).items():
        (tmp_path / name).write_bytes(content)
    remove_half_written({UUID: "br0"}, 0, (tmp_path, tmp_path / "none"))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == stays


def test_what_is_half_written_is_no_profile(tmp_path: Path) -> None:
    (tmp_path / "br0.nmconnection").write_bytes(OURS + b"autoconnect=false\n")
    (tmp_path / "br0.nmconnection.XPENZ3").write_bytes(OURS)
    assert read_saved(tmp_path) == {UUID: (OURS + b"autoconnect=false").decode()}
    assert not starts_by_itself(UUID, tmp_path)


def test_a_copy_that_was_there_before_the_run_stays(tmp_path: Path) -> None:
    backup = tmp_path / "br0.nmconnection.backup"
    backup.write_bytes(OURS)
    # A time of its own cannot be set, so a copy that keeps the old file's times counts as new, too.
    since_ns = backup.stat().st_ctime_ns + 1
    remove_half_written({UUID: "br0"}, since_ns, (tmp_path,))
    assert backup.read_bytes() == OURS
    os.utime(backup, ns=(0, 0))
    remove_half_written({UUID: "br0"}, since_ns, (tmp_path,))
    assert not backup.exists()
