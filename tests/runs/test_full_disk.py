"""A disk that is full from any step on, for real: a small filesystem of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.runs.full_disk import LONG
from vmnet.errors import Refused
from vmnet.host.files.own_files import check_room, trouble_with

ROOT = Path(__file__).parents[2]
FORWARD = ["OpenCheckpoint", *(f"p{number}" for number in range(60)), "CommitCheckpoint"]


def on_a_small_disk(tmp_path: Path, how: str) -> Any:
    (tmp_path / "small").mkdir()
    (tmp_path / "other").mkdir()
    mount = 'mount -t tmpfs -o size=2m,mode=700 tmpfs "$1" && shift && exec "$@"'
    run = [sys.executable, "-m", "tests.runs.full_disk", str(tmp_path / "small"), str(tmp_path / "other"), how]
    mine = [] if os.geteuid() == 0 else ["--map-root-user"]
    command = ["unshare", "--mount", *mine, "sh", "-c", mount, "sh", str(tmp_path / "small"), *run]
    ended = subprocess.run(command, check=False, cwd=ROOT, timeout=300, capture_output=True)
    assert ended.returncode == 0, ended.stderr.decode()
    return json.loads(ended.stdout)


@pytest.mark.process
def test_room_that_is_kept_takes_every_line(tmp_path: Path) -> None:
    outcomes = on_a_small_disk(tmp_path, "reserved")
    assert outcomes == [["stands", FORWARD, [], True]] * len(LONG.planned)


@pytest.mark.process
def test_without_it_all_is_undone_and_told_in_memory(tmp_path: Path) -> None:
    outcomes = on_a_small_disk(tmp_path, "plain")
    # The last block of the file has room for some more lines.
    assert [state for state, _, _, _ in outcomes].count("rolled back") > len(LONG.planned) / 2
    for state, done, undone, told in outcomes:
        assert told
        assert state == ("rolled back" if undone else "stands")
        assert done == FORWARD or set(done) - {"OpenCheckpoint"} <= set(undone)


@pytest.mark.process
def test_a_profile_is_put_back_on_a_full_disk(tmp_path: Path) -> None:
    assert on_a_small_disk(tmp_path, "restore") == "[connection]\nuuid=u\nid=lan\n"


def test_a_run_is_refused_without_room(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="MiB free"):
        check_room(tmp_path / "not" / "made" / "yet", 1 << 60)
    check_room(tmp_path, 1)
    assert trouble_with((tmp_path,)) == ""
