"""The README's commands and the Python example, on a real host."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .guests import assert_back
from .observe import management, observe

if TYPE_CHECKING:
    from .machine import Lab
    from .starts import Starts

pytestmark = pytest.mark.turns

ROOT = Path(__file__).resolve().parent.parent.parent


def commands() -> list[list[str]]:
    """The vmnet commands of the README's chapter "The three commands", as they are written there."""
    chapter = (ROOT / "README.md").read_text().split("## The three commands")[1].split("\n## ")[0]
    found = []
    for block in re.findall(r"```(?:sh|console)\n(.*?)```", chapter, re.DOTALL):
        for line in block.splitlines():
            words = shlex.split(line.removeprefix("$ "), comments=True)
            if words[:1] == ["vmnet"] or words[:2] == ["sudo", "vmnet"]:
                found.append(words[words.index("vmnet") + 1 :])
    return found


@pytest.mark.lab_state("bridged")
def test_the_commands_of_the_readme(lab: Lab) -> None:
    written = commands()
    assert [words[0] for words in written] == [
        "host-setup", "host-setup", "host-setup", "attach-domain", "migrate-from-virbr0", "migrate-from-virbr0",
        "export", "apply", "apply", "diff", "status", "verify", "doctor", "runs", "undo", "teardown",
    ]  # fmt: skip
    for words in written:
        looks = words[0] in ("export", "diff", "status", "verify", "doctor", "runs") or "--plan" in words
        yes = [] if looks else ["--yes"]
        lab.vmnet(*words, *yes, timeout=300)


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


@pytest.mark.lab_state("bridged")
def test_the_way_back_at_night(lab: Lab, starts: Starts) -> None:
    with_vmnet, by_hand = indented("safe-apply.md", "At 2 a.m.")
    for line in with_vmnet:
        command, *words = shlex.split(line, comments=True)
        if command == "vmnet":
            lab.vmnet(*words, *(["--yes"] if words == ["undo"] else []), timeout=300)
        else:
            lab.run([command, *words])
    assert_back(lab, starts.before["bridged"].observed)
    lab.reset("bridged")
    lab.run("rm -r /usr/local/lib/python3*/dist-packages/vmnet /usr/local/bin/vmnet")
    for line in by_hand:
        lab.run(line, timeout=300)
    assert_back(lab, starts.before["bridged"].observed)
    assert management(lab) == starts.before["bridged"].management


@pytest.mark.lab_state("bridged")
def test_the_way_back_of_a_domain_without_vmnet(lab: Lab) -> None:
    before = observe(lab)
    lab.vmnet("attach-domain", "web01", "--no-bounce", "--yes", timeout=200)
    lab.run(["sh", "/var/lib/vmnet/undo.sh"], timeout=100)
    assert_back(lab, before)
    lab.vmnet("attach-domain", "web01", "--add", "--yes", timeout=200)
    assert observe(lab)["domains"] != before["domains"]
    lab.run(["sh", "/var/lib/vmnet/undo.sh"], timeout=100)
    assert observe(lab)["domains"] == before["domains"]
