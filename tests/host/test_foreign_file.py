"""Files that others own: only a regular one of theirs is read, and none can hold up or mislead root."""

from __future__ import annotations

import os
import pwd
import stat
import time
import tracemalloc
from pathlib import Path

import pytest

from vmnet.errors import ToolError
from vmnet.host.libvirt import surroundings
from vmnet.host.outside import MOST_BYTES, MOST_FILES, Sources, names_in, open_folder, read_file

ME = os.geteuid()
GOOD = "<domain><devices><interface type='bridge'><source bridge='br0'/></interface></devices></domain>"
ENTITIES = "".join(f"<!ENTITY e{n + 1} '{'&e%d;' % n * 10}'>" for n in range(24))  # noqa: UP031
LAUGHS = f"<!DOCTYPE d [<!ENTITY e0 'ha'>{ENTITIES}]><domain>&e24;</domain>"
MANY = range(100_000)


def read(path: Path, owner: int = ME) -> str:
    with open_folder(path.parent, owner) as directory:
        return read_file(path.name, directory, owner)


def test_a_regular_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for content in (b"", b"text", b"x" * MOST_BYTES):
        path.write_bytes(content)
        assert read(path) == content.decode()
    path.write_bytes(b"\xff\0")
    assert read(path) == "\ufffd\0"


def test_what_is_no_regular_file_of_that_user_is_not(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.write_text("secret")
    made = {name: tmp_path / name for name in ("folder", "link", "dangling", "zero", "fifo", "long", "loop")}
    made["folder"].mkdir()
    for name, target in {"link": "good", "dangling": "none", "zero": "/dev/zero", "loop": "loop"}.items():
        made[name].symlink_to(target)
    os.mkfifo(made["fifo"])
    with made["long"].open("wb") as file:
        file.truncate(1 << 40)
    began = time.monotonic()
    for path in made.values():
        with pytest.raises(ToolError):
            read(path)
    assert time.monotonic() - began < 2
    for inside in (made["folder"] / "none", tmp_path / "none" / "a"):
        with pytest.raises(FileNotFoundError):
            read(inside)
    with pytest.raises(ToolError):
        read(made["loop"] / "a")


@pytest.mark.skipif(ME != 0, reason="makes files of other users")
def test_whose_file_it_is_counts(tmp_path: Path) -> None:
    home = tmp_path / "eve"
    home.mkdir()
    file = home / "a"
    file.write_text("root's")
    os.chown(home, 12345, 12345)
    with pytest.raises(ToolError, match="user 0"):
        read(file, 12345)
    os.chown(file, 12345, 12345)
    assert read(file, 12345) == "root's"
    # A hard link to another's file is that one's file still.
    os.link(file, home / "b")
    os.chown(file, 12346, 12346)
    with pytest.raises(ToolError, match="user 12346"):
        read(home / "b", 12345)
    # Who owns a directory on the way can put another one in its place.
    os.chown(home, 12346, 12346)
    with pytest.raises(ToolError, match="not a directory of that user"):
        read(file, 12345)


def test_only_so_many_names_are_looked_at(tmp_path: Path) -> None:
    for number in range(MOST_FILES + 50):
        (tmp_path / f"{number}.xml").touch()
    (tmp_path / "x.txt").touch()
    with open_folder(tmp_path, ME) as directory:
        assert MOST_FILES - 1 <= len(names_in(directory, ".xml")) <= MOST_FILES


@pytest.fixture
def eve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the only user of this machine, who is the one that the tests run as, has her domains."""
    entry = pwd.struct_passwd(("eve", "x", ME, ME, "", str(tmp_path / "eve"), "/bin/sh"))
    monkeypatch.setattr(surroundings, "PEOPLE", (ME,))
    monkeypatch.setattr("pwd.getpwall", lambda: [entry])
    folder = tmp_path / "eve" / surroundings.SESSION_DOMAINS
    folder.mkdir(parents=True)
    return folder


def bad_files(folder: Path) -> None:
    """Everything that the issue names, and more."""
    (folder / "folder.xml").mkdir()
    (folder / "dangling.xml").symlink_to("none")
    (folder / "zero.xml").symlink_to("/dev/zero")
    os.mkfifo(folder / "fifo.xml")
    (folder / "torn.xml").write_text("<domain>")
    (folder / "empty.xml").touch()
    (folder / "laughs.xml").write_text(LAUGHS)
    (folder / "dtd.xml").write_text("<!DOCTYPE d [" + "<!ENTITY a 'b'>" * 7000 + f"]>{GOOD}")
    (folder / "utf7.xml").write_text(f"<?xml version='1.0' encoding='UTF-7'?>+ADwAIQ-DOCTYPE d>{GOOD}")
    (folder / "attributes.xml").write_text("<domain " + " ".join(f"a{n}=''" for n in MANY) + "/>")
    (folder / "namespaces.xml").write_text("<d " + " ".join(f"xmlns:a{n}='u'" for n in MANY[:40_000]) + "/>")
    (folder / "deep.xml").write_text("<a>" * 100_000)
    (folder / "nul.xml").write_bytes(b"\0" * 1000)
    with (folder / "sparse.xml").open("wb") as file:
        file.truncate(1 << 40)


def test_users_files_that_cannot_be_read_are_listed(eve: Path) -> None:
    bad_files(eve)
    number = "<domain><devices><hostdev type='pci'><source><address bus='zz' slot='0' function='0'/></source></hostdev>"
    odd_name = os.fsdecode(os.fsencode(eve) + b"/b\xff\n\xe2\x80\xa8.xml")
    (eve / "a.xml").write_text(GOOD)
    (eve / "number.xml").write_text(f"{number}</devices></domain>")
    (eve / "injected.xml").write_text(GOOD.replace("br0", "br0; touch /root/pwned #"))
    with open(odd_name, "w") as file:  # noqa: PTH123 - a name that is no text
        file.write(GOOD)
    sources = Sources()
    tracemalloc.start()
    began = time.process_time()
    found = surroundings.read_session_domains(sources, everybody=True)
    assert time.process_time() - began < 5
    assert tracemalloc.get_traced_memory()[1] < 30 * MOST_BYTES
    tracemalloc.stop()
    assert [(domain.name, domain.bridges) for domain in found] == [
        ("a", ("br0",)), ("b\ufffd\n\u2028", ("br0",)), ("injected", ()), ("number", ()),
    ]  # fmt: skip
    assert all(domain.file.encode() for domain in found)
    listed = [unread.what for unread in sources.unread]
    assert listed[:-1] == [str(eve / f"{name}.xml") for name in ("attributes", "dangling", "deep", "dtd", "empty")]
    assert listed[-1] == f"9 more files in {eve}"


def test_a_home_that_is_not_there_has_no_domains(eve: Path) -> None:
    sources = Sources()
    for folder in (eve, *list(eve.parents)[:3]):
        folder.rmdir()
        assert surroundings.read_session_domains(sources, everybody=True) == ()
    assert sources.unread == []


def test_a_folder_that_is_a_link_is_not_followed(eve: Path, tmp_path: Path) -> None:
    (eve / "a.xml").write_text(GOOD)
    eve.rename(tmp_path / "else")
    eve.symlink_to(tmp_path / "else")
    sources = Sources()
    assert surroundings.read_session_domains(sources, everybody=True) == ()
    assert [unread.what for unread in sources.unread] == ["session domains of eve"]


def test_a_home_on_a_filesystem_that_may_not_answer_is_left_alone(eve: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mount = f"50 1 0:50 / {eve.parent} rw - fuse.eve x rw\n"
    monkeypatch.setattr("vmnet.host.kernel.mounts.read_text", lambda _: mount)
    monkeypatch.setattr(surroundings, "open_folder", lambda *_: pytest.fail("it was opened"))
    sources = Sources()
    assert surroundings.read_session_domains(sources, everybody=True) == ()
    assert "may not answer" in sources.unread[0].why


def test_without_root_only_ones_own_home_is_read(eve: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (eve / "a.xml").write_text(GOOD)
    for user, domains, listed in ((ME, 1, []), (ME + 1, 0, ["session domains of other users"])):
        monkeypatch.setattr(os, "geteuid", lambda user=user: user)
        sources = Sources()
        assert len(surroundings.read_session_domains(sources, everybody=False)) == domains
        assert [unread.what for unread in sources.unread] == listed


def test_nothing_that_is_opened_stays_open(eve: Path) -> None:
    bad_files(eve)
    opened = Path("/proc/self/fd")
    before = len(list(opened.iterdir()))
    surroundings.read_session_domains(Sources(), everybody=True)
    assert len(list(opened.iterdir())) == before
    assert stat.S_ISFIFO((eve / "fifo.xml").lstat().st_mode)
