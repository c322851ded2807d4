"""Profile files after a loss of power."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests import facts_samples
from vmnet import fields
from vmnet.facts import Profile
from vmnet.host import process
from vmnet.host.networkmanager import nmcli, profile_files
from vmnet.host.networkmanager.profile_files import (
    ProfileCopy,
    copy_profiles,
    read_saved,
    remove_half_written,
    remove_leftover,
    restore_profile,
    starts_by_itself,
    sync_profiles,
)

UUID = "fce40a8f-ab4f-5958-acde-d372715b546d"
OURS = f"[connection]\nid=br0\nuuid={UUID}\ntype=bridge\n".encode()


@dataclass
class Daemon:
    """NetworkManager as nmcli shows it: of a profile's files, the one in /run hides the one in /etc."""

    saved: Path
    in_memory: Path
    told: list[tuple[str, ...]] = field(default_factory=list)

    def call(self, argv: tuple[str, ...], **_: object) -> process.Output:
        if "FILENAME" not in argv[-3]:
            self.told.append(argv[1:])
        shown = next((path for folder in (self.in_memory, self.saved) for path in folder.iterdir()), "")
        return process.Output(exit_status=0, stdout=f"{UUID}:{shown}::bridge\n", stderr="")


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    found = Daemon(tmp_path / "etc", tmp_path / "run")
    for folder in (found.saved, found.in_memory):
        folder.mkdir()
    monkeypatch.setattr(nmcli, "call", found.call)
    monkeypatch.setattr(profile_files, "SAVED", found.saved)
    monkeypatch.setattr(profile_files, "IN_MEMORY", found.in_memory)
    return found


def kept(path: Path, copies: Path) -> None:
    """Keep a copy of a profile, as a run does."""
    (copies / "profiles").mkdir()
    profile = Profile(uuid=UUID, name="br0", type="bridge", filename=str(path), settings=(), device=None)
    copy_profiles([profile], lambda name, content: (copies / name).write_bytes(content))


@pytest.mark.parametrize("booted", [False, True])
def test_what_netplan_rendered_comes_back_and_leaves_nothing_in_etc(
    tmp_path: Path, daemon: Daemon, booted: bool
) -> None:
    """Seen in the lab: NetworkManager saves it in /etc when it is modified, and the next boot renders it anew."""
    rendered, saved = (folder / "netplan-em1.nmconnection" for folder in (daemon.in_memory, daemon.saved))
    rendered.write_bytes(OURS)
    kept(rendered, tmp_path)
    saved.write_bytes(OURS + b"autoconnect=false\n")
    if not booted:
        rendered.unlink()
    restore_profile(UUID, tmp_path / "profiles")
    assert (rendered.read_bytes(), saved.exists()) == (OURS, False)
    assert ("connection", "reload") in daemon.told
    daemon.told.clear()
    restore_profile(UUID, tmp_path / "profiles")
    assert daemon.told == []


def test_what_was_hidden_before_the_run_stays(tmp_path: Path, daemon: Daemon) -> None:
    shown, hidden = (folder / "lan.nmconnection" for folder in (daemon.in_memory, daemon.saved))
    for path in (shown, hidden):
        path.write_bytes(OURS)
    kept(shown, tmp_path)
    shown.write_bytes(OURS + b"autoconnect=false\n")
    restore_profile(UUID, tmp_path / "profiles")
    assert (shown.read_bytes(), hidden.read_bytes()) == (OURS, OURS)


@pytest.mark.parametrize("name", ["br0.nmconnection", f"br0-{UUID}.nmconnection"])
@pytest.mark.parametrize("content", [b"", bytes(512), OURS])
def test_what_a_loss_of_power_left_is_removed(daemon: Daemon, name: str, content: bytes) -> None:
    (daemon.saved / name).write_bytes(content)
    remove_leftover(UUID, "br0", daemon.saved, daemon.in_memory)
    assert list(daemon.saved.iterdir()) == []
    assert daemon.told == ([("connection", "reload")] if content == OURS else [])


def test_the_profiles_of_others_stay(tmp_path: Path) -> None:
    other = OURS.replace(b"fce40a8f", b"00000000")
    (tmp_path / "br0.nmconnection").write_bytes(other)
    (tmp_path / "lan.nmconnection").write_bytes(b"")
    remove_leftover(UUID, "br0", tmp_path, tmp_path / "none")
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


@pytest.mark.parametrize(
    "name",
    [
        b"br0",
        b"a\ntun\nb",
        "x\u2028y".encode(),
        b"c:d\\e",
        b" ",
        b"\xff\xfe",
        b"a\xe2\x80",
        b"n" * 242,
        b"; touch x #",
        b"'\"`",
    ],
)
def test_every_profile_is_copied_whatever_the_name_of_its_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: bytes
) -> None:
    path = os.fsencode(tmp_path) + b"/" + name + b".nmconnection"
    with open(path, "wb") as file:  # noqa: PTH123 - a name that is no text
        file.write(OURS)
    (tmp_path / "backup.nmconnection.old").write_bytes(OURS + b"# an old one")
    monkeypatch.setattr(profile_files, "SAVED", tmp_path)
    try:
        shown = path.decode()
    except UnicodeDecodeError:
        shown = ""  # what NetworkManager 1.42 and 1.52 say of such a file
    written: dict[str, bytes] = {}
    (copy,) = copy_profiles([facts_samples.profile("br0", "bridge", uuid=UUID, filename=shown)], written.__setitem__)
    assert written[f"profiles/{UUID}.nmconnection"] == OURS
    assert os.fsencode(copy.filename) == path
    decoded = fields.decode(ProfileCopy, json.loads(written[f"profiles/{UUID}.json"]))
    assert decoded == copy


def test_the_names_of_other_files_of_a_profile_come_back_whatever_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(profile_files, "SAVED", tmp_path)
    (tmp_path / "profiles").mkdir()
    names = [os.fsdecode(name) for name in (b"br0", b"a\nb", b"\xff", "x\u2028y".encode())]
    files = [tmp_path / f"{name}.nmconnection" for name in names]
    for file in files:
        file.write_bytes(OURS)
    shown = facts_samples.profile("br0", "bridge", uuid=UUID, filename=str(files[0]))
    copy_profiles([shown], lambda name, content: (tmp_path / name).write_bytes(content))
    assert profile_files._hidden(UUID, tmp_path / "profiles") == set(files[1:])


def test_another_line_end_in_a_name_is_no_line(tmp_path: Path) -> None:
    odd = f"[connection]\nid=x\u2028uuid=00000000\x0buuid=1\nuuid={UUID}\n"
    (tmp_path / "odd.nmconnection").write_text(odd)
    assert read_saved(tmp_path) == {UUID: odd.removesuffix("\n")}
