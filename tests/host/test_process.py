"""Starting tools: a fixed PATH, an environment of vmnet's own, an end to time and output."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from vmnet.errors import ToolError
from vmnet.host import process

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.process


def test_nothing_of_the_callers_environment_reaches_a_tool(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fake = tmp_path / "env"
    fake.write_text("#!/bin/sh\necho stolen\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    for name in ("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "BASH_ENV", "IFS", "DBUS_SYSTEM_BUS_ADDRESS", "HOME"):
        monkeypatch.setenv(name, str(tmp_path))
    assert sorted(process.run(("env",)).stdout.split("\n")) == [
        "", "LC_ALL=C.UTF-8", "NO_COLOR=1", f"PATH={process.PATH}",
    ]  # fmt: skip
    monkeypatch.setenv("PATH", str(tmp_path))
    assert process.has_tool("env")
    fake.rename(tmp_path / "vmnet-no-such-tool")
    assert not process.has_tool("vmnet-no-such-tool")
    with pytest.raises(ToolError, match="vmnet-no-such-tool is not installed"):
        process.run(("vmnet-no-such-tool",))


@pytest.mark.parametrize("script", ["sleep 60", "exec >&- 2>&-; sleep 60", "sleep 60 & wait", "cat /dev/zero & wait"])
def test_what_takes_too_long_is_ended_with_its_children(script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OUTPUT_LIMIT", 1 << 40)
    monkeypatch.setattr(process, "_CHUNK", 1)
    begun = time.monotonic()
    with pytest.raises(ToolError, match=r"sh -c .*0\.2 s"):
        process.run(("sh", "-c", script), timeout_s=0.2)
    assert time.monotonic() - begun < 10


@pytest.mark.parametrize("stream", ["1", "2"])
def test_what_prints_without_end_is_ended(stream: str) -> None:
    with pytest.raises(ToolError, match=r"sh -c .*64 MiB"):
        process.run(("sh", "-c", f"cat /dev/zero >&{stream}"))


@pytest.mark.parametrize("argv", [("a\0b",), ("/",), ("true", "x" * 3_000_000)])
def test_what_cannot_be_started_is_said(argv: tuple[str, ...]) -> None:
    with pytest.raises(ToolError, match="vmnet cannot start"):
        process.run(argv)


def test_both_streams_are_kept_whole() -> None:
    script = "i=0; while [ $i -lt 20000 ]; do echo out$i; echo err$i >&2; i=$((i+1)); done; exit 3"
    out = process.run(("sh", "-c", script), accept=(3,))
    assert out.stdout == "".join(f"out{i}\n" for i in range(20000))
    assert out.stderr == "".join(f"err{i}\n" for i in range(20000)).strip()
    with pytest.raises(ToolError, match="failed with exit status 3: err0") as raised:
        process.run(("sh", "-c", script))
    assert raised.value.exit_status == 3
