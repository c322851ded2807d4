"""A new file: whole or not at all, with its own mode, never into what somebody else has put there."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from vmnet.errors import SpecError
from vmnet.host.files.own_files import check_new, write_new, write_over


@pytest.fixture(params=[0o000, 0o022, 0o777])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@pytest.mark.usefixtures("umask")
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
    with pytest.raises(SpecError, match="exists already"):
        check_new(path)
    with pytest.raises(SpecError, match="exists already"):
        write_new(path, b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    assert there != "file" or path.read_text() == "mine"


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="does not exist"):
        check_new(tmp_path / "no" / "x")


def test_a_disk_that_is_full_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_new(tmp_path / "x", b"new")
    assert list(tmp_path.iterdir()) == []


def test_a_file_system_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(_old: str, _new: str, **_where: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    write_new(tmp_path / "x", b"new")
    with pytest.raises(SpecError):
        write_new(tmp_path / "x", b"newer")
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [("x", b"new")]


@pytest.mark.usefixtures("umask")
def test_a_mode_is_as_it_is_given(tmp_path: Path) -> None:
    write_over(tmp_path / "x", b"new", 0o644)
    assert stat.S_IMODE((tmp_path / "x").stat().st_mode) == 0o644


def test_a_file_of_ones_own_is_replaced_and_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    path.chmod(0o4640)
    write_over(path, b"new", 0o644)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o640)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("there", ["link", "dangling link", "hard link", "pipe", "link to a device"])
@pytest.mark.parametrize("mode", [0o700, 0o1777, 0o777])
def test_what_others_put_there_is_replaced_and_never_written_into(there: str, mode: int, tmp_path: Path) -> None:
    folder, theirs = tmp_path / "folder", tmp_path / "theirs"
    folder.mkdir()
    theirs.write_text("theirs")
    theirs.chmod(0o666)
    path = folder / "x.svg"
    match there:
        case "link":
            path.symlink_to(theirs)
        case "dangling link":
            path.symlink_to(tmp_path / "made")
        case "hard link":
            path.hardlink_to(theirs)
        case "pipe":
            os.mkfifo(path)
        case _:
            path.symlink_to("/dev/full")
    # Root may be the one who writes, and the directory another user's.
    owner = 65534 if os.geteuid() == 0 else os.geteuid()
    os.chown(path, owner, -1, follow_symlinks=False)
    os.chown(folder, owner, -1)
    folder.chmod(mode)
    write_over(path, b"new", 0o644)
    assert theirs.read_text() == "theirs"
    assert not (tmp_path / "made").exists()
    assert [file.name for file in folder.iterdir()] == ["x.svg"]
    found = path.lstat()
    assert stat.S_ISREG(found.st_mode)
    assert (found.st_uid, found.st_nlink, path.read_bytes()) == (os.geteuid(), 1, b"new")


def test_a_directory_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_over(tmp_path / "x", b"new", 0o644)
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_who_swaps_the_new_file_meanwhile_gets_nothing_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write in the directory sees the new file, and may put a link of its name there."""
    theirs = tmp_path / "theirs"
    theirs.write_text("theirs")
    folder = tmp_path / "folder"
    folder.mkdir()
    real = os.rename

    def swapped(old: str, new: str, **where: int) -> None:
        (begun,) = folder.iterdir()
        begun.unlink()
        begun.symlink_to(theirs)
        real(old, new, **where)

    monkeypatch.setattr(os, "rename", swapped)
    write_over(folder / "x", b"new", 0o644)
    assert theirs.read_text() == "theirs"
