"""A new file: whole or not at all, for its owner only, never over another."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from vmnet.errors import SpecError
from vmnet.host.new_file import check_new, write_new


def test_a_new_file_is_its_owners(tmp_path: Path) -> None:
    path = tmp_path / "-a b.tar.gz"
    write_new(path, b"all of it")
    assert path.read_bytes() == b"all of it"
    assert path.stat().st_mode & 0o7777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", ["file", "link", "directory"])
def test_nothing_is_written_over(there: str, tmp_path: Path) -> None:
    path = tmp_path / "x"
    match there:
        case "file":
            path.write_text("mine")
        case "link":
            path.symlink_to("/nonexistent")
        case _:
            path.mkdir()
    with pytest.raises(SpecError, match="is there already"):
        check_new(path)
    with pytest.raises(SpecError, match="is there already"):
        write_new(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    assert there != "file" or path.read_text() == "mine"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="there is no directory"):
        check_new(tmp_path / "no" / "x")


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_new(tmp_path / "x", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(_old: Path, _new: Path) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    write_new(tmp_path / "x", b"new")
    with pytest.raises(SpecError):
        write_new(tmp_path / "x", b"newer")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("x", b"new")]
