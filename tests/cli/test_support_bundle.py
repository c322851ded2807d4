"""vmnet support-bundle: what it says, and when it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from tests import facts_samples as samples
from tests.cli.calls import MadeUpHost, call

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_it_says_what_it_wrote(tmp_path: Path) -> None:
    file = tmp_path / "a b.tar.gz"
    ended = call("support-bundle", str(file))
    assert ended.code == 0
    assert ended.out.startswith(f"{file}: 1 files, 6 bytes, only you can read it (mode 0600)\n")
    assert f"tar -xzOf '{file}' | less" in ended.out
    assert file.read_bytes() == b"bundle"


def test_what_could_not_be_read_changes_no_exit_code(tmp_path: Path) -> None:
    host = MadeUpHost(facts=replace(samples.end_state(), root=False))
    ended = call("support-bundle", str(tmp_path / "x"), host=host)
    assert ended.code == 0
    assert "could not be read:\n  - runs: only root may read them\n" in ended.out
    ended = call("support-bundle", str(tmp_path / "y"), "--output", "json", host=host)
    assert json.loads(ended.out)["bundle"]["unread"][0]["what"] == "runs"


def test_no_file_is_written_over(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_text("mine")
    ended = call("support-bundle", str(file))
    assert (ended.code, ended.out) == (2, "")
    assert str(file) in ended.err
    assert file.read_text() == "mine"


def test_a_name_with_a_dash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ended = call("support-bundle", "--", "-x.tar.gz")
    assert ended.code == 0
    assert "tar -xzOf ./-x.tar.gz" in ended.out
