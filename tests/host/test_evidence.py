"""What is gathered for a helper: what is there is shown, what is not is listed, and nothing is raised."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmnet.facts.evidence import Evidence
from vmnet.facts.surroundings import Unread
from vmnet.host.files import evidence

if TYPE_CHECKING:
    from pathlib import Path


def test_versions() -> None:
    text = evidence.read_versions("1.2.3", "1.42.4", None).text
    assert "vmnet: 1.2.3\n" in text
    assert "NetworkManager: 1.42.4\n" in text
    assert "libvirt: none that answers\n" in text
    assert all(f"{what}: " in text for what in ("Python", "kernel", "distribution"))


def test_a_file_and_one_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"text \xff")
    assert list(evidence.read_file(path, "a.txt")) == [
        Evidence(name="a.txt", how=f"copy of {path}", text="text \ufffd"),
    ]
    (unread,) = evidence.read_file(tmp_path / "b", "b.txt")
    assert isinstance(unread, Unread)
    assert unread.what == "b.txt"
    assert f"No such file or directory: '{tmp_path}/b'" in unread.why


def test_bonds_and_what_bridges_hand_to_the_firewall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder, name in (("bonding", "bond0"), ("bridge", "bridge-nf-call-iptables")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("1\n")
    monkeypatch.setattr(evidence, "BONDING", tmp_path / "bonding")
    monkeypatch.setattr(evidence, "BRIDGE_FILTERS", tmp_path / "bridge")
    found = {item.name: item.text for item in evidence.read_system_files() if isinstance(item, Evidence)}
    assert found == {"bonding/bond0.txt": "1\n", "bridge-filters.txt": "bridge-nf-call-iptables = 1\n"}
    monkeypatch.setattr(evidence, "BONDING", tmp_path / "none")
    monkeypatch.setattr(evidence, "BRIDGE_FILTERS", tmp_path / "none")
    assert list(evidence.read_system_files()) == []


def test_keyfiles_and_copies_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.nmconnection").write_text("[wifi-security]\npsk=x\n")
    (tmp_path / "a.json").write_text("{}")
    monkeypatch.setattr(evidence, "PROFILE_FOLDERS", (tmp_path, tmp_path / "none"))
    assert list(evidence.read_keyfiles(tmp_path)) == ["[wifi-security]\npsk=x"] * 2


@pytest.mark.process
def test_commands_are_shown_or_listed() -> None:
    found = list(evidence.read_commands())
    names = {item.name if isinstance(item, Evidence) else item.what for item in found}
    assert {f"commands/{name}.txt" for name in evidence.COMMANDS} <= names


@pytest.mark.process
def test_a_hypervisor_that_is_not_there_is_listed() -> None:
    (item,) = evidence.read_documents("qemu+unix:///system?socket=/nonexistent", frozenset())
    assert isinstance(item, Unread)
    assert item.what == "libvirt"
