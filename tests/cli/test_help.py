"""Help, version and completion; nothing heavy is imported for them."""

from __future__ import annotations

import subprocess
import sys

import pytest

import vmnet
from tests.cli.calls import call
from vmnet.cli.commands import COMMANDS, load

HEAVY = ("libvirt", "lxml", "pyroute2", "rich", "vmnet.plan", "vmnet.facts", "vmnet.report")


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--help").code == 0
    out = capsys.readouterr().out
    assert all(command in out for command in COMMANDS)
    assert "Exit codes:" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_that_begins_as_its_line_in_the_list(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(name, "--help").code == 0
    assert f"Usage: vmnet {name}" in capsys.readouterr().out
    help_text = load(f"vmnet.cli.{name.replace('-', '_')}").command.help
    assert help_text.startswith(COMMANDS[name].removesuffix("."))
    assert "\b\nExample" in help_text


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert call().code == 0
    assert "host-setup" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version").code == 0
    assert capsys.readouterr().out == f"vmnet {vmnet.__version__}\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(shell: str) -> None:
    ended = call("completion", shell)
    assert ended.code == 0
    assert "_VMNET_COMPLETE" in ended.out


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("vmnet mig", ["migrate-from-virbr0"]),
        ("vmnet host-setup em1 p", ["p2p1", "p4p1"]),
        ("vmnet attach-domain ", ["db01", "web01"]),
        ("vmnet migrate-from-virbr0 --only w", ["web01"]),
        ("vmnet migrate-from-virbr0 --network d", ["default"]),
        ("vmnet teardown ", ["br0"]),
        ("vmnet verify --mt", []),
    ],
)
def test_completions(
    words: str, offered: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {"_VMNET_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        call(environ=environ)
    assert capsys.readouterr().out.split() == [f"plain,{word}" for word in offered]


@pytest.mark.process
def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from vmnet.cli import main; main(['--help']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert [name for name in HEAVY if name in done.stderr.split()] == []
