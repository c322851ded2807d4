"""The README's commands and the Python example, on a real host."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .observe import links

if TYPE_CHECKING:
    from .machine import Lab

ROOT = Path(__file__).resolve().parent.parent.parent


def commands() -> list[list[str]]:
    """The vmnet commands of the README's chapter "The three commands", as they are written there."""
    chapter = (ROOT / "README.md").read_text().split("## The three commands")[1].split("\n## ")[0]
    found = []
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", chapter, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[:1] == ["vmnet"] or words[:2] == ["sudo", "vmnet"]:
                found.append(words[words.index("vmnet") :])
    return found


@pytest.mark.lab_state("clean")
def test_the_commands_of_the_readme(lab: Lab) -> None:
    written = commands()
    assert [words[1] for words in written] == [
        "host-setup", "host-setup", "host-setup", "attach-domain", "migrate-from-virbr0", "verify", "undo",
    ]  # fmt: skip
    for words in written:
        yes = [] if words[1] == "verify" or "--plan" in words else ["--yes"]
        lab.run([*words, *yes], timeout=300)


@pytest.mark.lab_state("clean")
def test_the_python_example(lab: Lab) -> None:
    lab.push([ROOT / "docs" / "examples" / "move_everything.py"])
    done = lab.run(["python3", "/root/move_everything.py"], timeout=400)
    assert re.search(r"web01 52:54:00:0a:00:01: now 172\.16\.4\.\d+", done.stdout)


def indented(page: str, chapter: str) -> list[list[str]]:
    """The blocks of commands below a heading of a page in docs/."""
    text = (ROOT / "docs" / page).read_text().split(f"## {chapter}\n")[1].split("\n## ")[0]
    blocks = re.findall(r"(?:^    .*\n)+", text, re.MULTILINE)
    return [block.replace("\n    ", "\n").strip().splitlines() for block in blocks]


@pytest.mark.lab_state("bridged", guests=False)
def test_the_way_back_at_night(lab: Lab) -> None:
    with_vmnet, by_hand = indented("safe-apply.md", "At 2 a.m.")
    for line in with_vmnet:
        if line.split() != ["vmnet", "undo"]:
            lab.run(line)
    run = lab.run("ls /var/lib/vmnet/runs").stdout.split()[-1]
    lan = json.loads(lab.run(["grep", "-h", "lan.nmconnection", f"/var/lib/vmnet/runs/{run}/profiles", "-r"]).stdout)
    script = "\n".join(by_hand).replace("RUN", run).replace("UUID", lan["uuid"])
    lab.run(f"set -e\n{script}", timeout=200)
    lab.lan(["ping", "-c", "2", "-W", "5", "172.16.4.3"])
    assert {"em1", "p4p1", "p2p1"} <= set(links(lab))
    assert "br0" not in links(lab)
