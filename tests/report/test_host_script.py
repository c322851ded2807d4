"""A plan as a script: a golden file, and that a shell takes it for every lab host."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.calls import MadeUpHost, call
from tests.plan.standing import as_set_up
from tests.plan.test_host_setup import ADOPT
from tests.report import samples
from tests.specs import host_spec
from vmnet import fields
from vmnet.facts import Facts
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import Plan
from vmnet.report.host_script import host_script
from vmnet.spec import HostSpec

CASES = Path(__file__).parents[1] / "plan" / "cases"
GOLDEN = Path(__file__).parent / "golden" / "script.sh"
NAMES = ("bookworm-clean", "bookworm-primer", "trixie-clean", "trixie-primer")
EMPTY = Plan(command="host-setup", kept=("br0 is as wanted",))


def facts_of(name: str) -> Facts:
    return fields.decode(Facts, json.loads((CASES / name / "facts.json").read_text("utf-8")))


def script(name: str) -> str:
    if name == "empty":
        return host_script(EMPTY, facts_of(NAMES[0]))
    spec = fields.decode(HostSpec, json.loads((CASES / name / "spec.json").read_text("utf-8")))
    return host_script(plan_host_setup(spec, facts_of(name)), facts_of(name))


def test_golden(regenerate: bool) -> None:
    text = script(NAMES[0])
    if regenerate:
        GOLDEN.write_text(text, encoding="utf-8")
    assert text == GOLDEN.read_text(encoding="utf-8")


@pytest.mark.process
@pytest.mark.parametrize("name", [*NAMES, "empty"])
def test_shellcheck_finds_nothing(name: str) -> None:
    # SC2317, SC2329, SC2034: no script needs all that is in its head.
    argv = ["shellcheck", "--shell=sh", "--exclude=SC2317,SC2329,SC2034", "-"]
    done = subprocess.run(argv, input=script(name), text=True, check=False, timeout=60, capture_output=True)
    assert done.stdout == ""


@pytest.mark.process
def test_another_host_refuses_it(tmp_path: Path) -> None:
    path = tmp_path / "setup.sh"
    path.write_text(script(NAMES[0]), encoding="utf-8")
    done = subprocess.run(["sh", str(path)], check=False, timeout=30, capture_output=True, text=True)
    assert done.returncode == 3
    assert done.stdout == ""


@pytest.mark.process
@pytest.mark.parametrize(("there", "code"), [("192.0.2.3/24", 0), ("198.51.100.7/24", 1)])
def test_a_lost_lease_is_not_hidden_by_a_fixed_address(there: str, code: int) -> None:
    text = script(NAMES[0])
    functions = text[text.index("\nlease() {") : text.index("\nlook() {")]
    nmcli = "nmcli() { printf '%s\\n' 'O[1]:ip_address = 192.0.2.3' 'O[2]:expiry = 100'; }"
    ip = f"ip() {{ echo '2: br0    inet {there} brd 192.0.2.255 scope global br0'; }}"
    done = subprocess.run(
        ["sh"], input=f"{nmcli}\n{ip}{functions}\nreapply_leased br0 1\n", text=True, check=False, timeout=30
    )
    assert done.returncode == code


def test_every_step_and_every_undo_is_in_it() -> None:
    plan = samples.plan()
    text = host_script(plan, facts_of(NAMES[0]))
    assert text.count("\nstep ") == len(plan.planned)
    assert "\n    delete " not in text.split("undo() {")[0]
    assert "delete 00000000-0000-4000-8000-000000000001" in text


def test_where_a_bridge_stands_the_checkpoint_is_given_up_before_its_way_back() -> None:
    facts = as_set_up(ADOPT)
    text = host_script(plan_host_setup(host_spec(ADOPT, mtu=1400), facts), facts)
    assert "\nback=CheckpointDestroy\n" in text
    assert "\nback=CheckpointRollback\n" in script(NAMES[0])


def test_a_profile_that_is_deleted_first_may_be_there() -> None:
    add = samples.add_bridge()
    assert isinstance(add.step, steps.AddProfile)
    delete = replace(add, step=steps.DeleteProfile(uuid=add.step.uuid, name="br0"), undo=())
    fresh, again = (
        host_script(Plan(command="host-setup", planned=planned), facts_of(NAMES[0]))
        for planned in ((add,), (delete, add))
    )
    assert f"\nabsent {add.step.uuid}\n" in fresh
    assert f"\nabsent {add.step.uuid}\n" not in again


def test_the_command_prints_it_and_nothing_else() -> None:
    ended = call("host-setup", "--script")
    assert (ended.code, ended.err, ended.host.applied) == (0, "", [])
    assert ended.out.startswith("#!/bin/sh\n")
    assert call("host-setup", "--script", "--output", "json").code == 2
    empty = call("host-setup", "--script", host=MadeUpHost(plan=EMPTY))
    assert "nothing to do" in empty.out
