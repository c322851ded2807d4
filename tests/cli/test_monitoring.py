"""The commands of docs/monitoring.md, run as they stand there with a vmnet that says what it is told to."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "monitoring.md"
FOLDER = "/var/lib/prometheus/node-exporter"


def run(tmp_path: Path, said: str, code: int, script: str) -> subprocess.CompletedProcess[str]:
    vmnet = tmp_path / "bin" / "vmnet"
    vmnet.parent.mkdir(exist_ok=True)
    vmnet.write_text(f"#!/bin/sh\nprintf '{said}'\nexit {code}\n")
    vmnet.chmod(0o755)
    path = f"{vmnet.parent}:/usr/bin:/bin"
    words = ["sh", "-c", script.replace(FOLDER, str(tmp_path))]
    return subprocess.run(words, env={"PATH": path}, cwd=tmp_path, capture_output=True, text=True, check=False)


def scripts() -> list[str]:
    """The lines for a shell, and what the unit starts."""
    text = PAGE.read_text("utf-8")
    lines = re.search(rf"^    cd {FOLDER} \|\| exit\n(?:    .*\n)+", text, re.MULTILINE)
    unit = re.search(r"^    ExecStart=/bin/sh -c '(.*)'$", text, re.MULTILINE)
    assert lines
    assert unit
    return [lines[0], unit[1]]


@pytest.mark.process
@pytest.mark.parametrize("script", scripts(), ids=["shell", "unit"])
def test_the_file_changes_in_one_step_and_never_to_nothing(script: str, tmp_path: Path) -> None:
    metrics = tmp_path / "vmnet.prom"
    # All is as wanted, something differs, vmnet could not look.
    for said, code, stands in (("a 1", 0, "a 1"), ("a 0", 6, "a 0"), ("", 4, "a 0")):
        done = run(tmp_path, said, code, script)
        assert (metrics.read_text(), done.stderr) == (stands, "")
        assert (done.returncode == 0) is (code != 4)
