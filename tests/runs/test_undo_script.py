"""The way back without vmnet: what is in the script, that a shell takes it, and where the link leads."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.report import samples
from tests.runs.test_run import FACTS, PLAN
from vmnet.host.networkmanager.profile_files import ProfileCopy
from vmnet.plan import steps
from vmnet.plan.shell import UNDO_FUNCTIONS
from vmnet.plan.steps import Plan, Planned
from vmnet.runs.records.journal import UNDO_SCRIPT, Journal
from vmnet.runs.undo_script import point_to_undo_script, undo_script, write_undo_script

GOLDEN = Path(__file__).parent / "golden" / "undo.sh"
OLD = ProfileCopy(
    uuid=samples.OLD_UUID, filename="/etc/NetworkManager/system-connections/it's lan.nmconnection",
    mode=0o600, uid=0, gid=0,
)  # fmt: skip


def plan() -> Plan:
    """A plan whose undos are of every kind."""
    everything = Planned(step=steps.SetLink(ifname="em1", up=True), why="all of it", undo=samples.LIBVIRT_STEPS)
    return replace(samples.plan(), planned=(*samples.plan().planned, everything))


def script() -> str:
    return undo_script(plan(), "20260102T030405Z-host-setup", [OLD], FACTS)


def test_golden(regenerate: bool) -> None:
    if regenerate:
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(script(), encoding="utf-8")
    assert script() == GOLDEN.read_text(encoding="utf-8")


def test_every_undo_of_every_step_is_in_it() -> None:
    undo = [step for planned in plan().planned for step in planned.undo]
    assert script().count("# undoes:") == len(undo) > 5


@pytest.mark.process
@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_takes_it(shell: str) -> None:
    subprocess.run([shell, "-n"], input=script(), text=True, check=True, timeout=30)


@pytest.mark.process
def test_shellcheck_finds_nothing() -> None:
    done = subprocess.run(
        # SC2317: no script needs all of the functions.
        ["shellcheck", "--shell=sh", "--exclude=SC2317", "-"],
        input=script(),
        text=True,
        check=False,
        timeout=60,
        capture_output=True,
    )
    assert done.stdout == ""


@pytest.mark.process
def test_a_profile_that_a_loss_of_power_left_empty_is_removed(tmp_path: Path) -> None:
    empty, other = tmp_path / "br0.nmconnection", tmp_path / "br0-1.nmconnection"
    empty.touch()
    other.write_text("[connection]\nid=br0\n")
    functions = UNDO_FUNCTIONS.replace("/etc/NetworkManager/system-connections", str(tmp_path))
    # The exit status of an nmcli that knows no such profile.
    text = f"nmcli() {{ return 10; }}\nfailed=0\n{functions}\ndelete 1 br0\nexit $failed\n"
    subprocess.run(["sh"], input=text, text=True, check=True, timeout=30)
    assert list(tmp_path.iterdir()) == [other]


@pytest.mark.process
@pytest.mark.parametrize(("there", "failed"), [("192.0.2.3/24", 0), ("192.0.2.33/24", 1), ("198.51.100.7/24", 1)])
def test_an_old_address_that_does_not_come_back_counts_as_a_failure(there: str, failed: int) -> None:
    ip = f"ip() {{ echo '2: em1    inet {there} brd 192.0.2.255 scope global em1'; }}"
    text = f"{ip}\nfailed=0\n{UNDO_FUNCTIONS}\nback_again em1 0 192.0.2.3/24\nexit $failed\n"
    assert subprocess.run(["sh"], input=text, text=True, check=False, timeout=30).returncode == failed


@pytest.mark.process
@pytest.mark.parametrize(
    ("answers", "asked", "failed"),
    [("0", 1, 0), ("4 0", 2, 0), ("4 4 0", 3, 0), ("4 4 4 0", 3, 1), ("3 0", 1, 1), ("active", 0, 0)],
)
def test_an_activation_that_fails_is_tried_again(tmp_path: Path, answers: str, asked: int, failed: int) -> None:
    nmcli = """
    nmcli() {
        case "$*" in *--active) echo "$answers" | sed "s/active/uuid-1/"; return;; esac
        echo "$*" >>asked
        set -- $answers
        status=$1
        shift
        answers=$*
        return "$status"
    }
    sleep() { :; }
    """
    text = f"{nmcli}\nanswers='{answers}'\nfailed=0\n{UNDO_FUNCTIONS}\nactivate uuid-1 60\nexit $failed\n"
    (tmp_path / "asked").touch()
    done = subprocess.run(["sh"], input=text, text=True, check=False, timeout=30, cwd=tmp_path)
    assert done.returncode == failed
    assert (tmp_path / "asked").read_text() == "--wait 60 connection up uuid uuid-1\n" * asked


@pytest.mark.process
@pytest.mark.parametrize(
    ("before", "after", "failed"),
    [
        ("gateway dns", "gateway dns", 0),
        ("gateway dns", "dns", 1),
        ("gateway dns", "", 2),
        # What had gone before is not waited for, unless nothing was heard at all.
        ("gateway", "gateway", 0),
        ("gateway", "dns", 1),
        ("", "gateway dns", 0),
        ("", "dns", 1),
    ],
)
def test_what_answered_before_must_answer_again(before: str, after: str, failed: int) -> None:
    text = f"""
    {UNDO_FUNCTIONS}
    failed=0
    asks() {{ case " $there " in *" $1 "*) ;; *) false ;; esac; }}
    there='{before}'
    hear 1 asks gateway
    hear 2 asks dns
    there='{after}'
    answers 1 0 'the gateway' asks gateway
    answers 2 0 'the name server' asks dns
    exit $failed
    """
    done = subprocess.run(["sh"], input=text, text=True, check=False, timeout=30, capture_output=True)
    assert done.returncode == failed, done.stderr
    assert done.stderr.count("ON THE SWITCH") == failed


@pytest.mark.process
def test_the_other_links_go_down_before_a_script_gives_up() -> None:
    text = f"""
    {UNDO_FUNCTIONS}
    failed=0 reached=
    others() {{ echo "$1"; [ "$1" != down ] || reached=yes; }}
    asks() {{ [ -n "$reached" ]; }}
    answers 1 0 'the gateway' asks
    exit $failed
    """
    done = subprocess.run(["sh"], input=text, text=True, check=False, timeout=30, capture_output=True)
    assert (done.returncode, done.stdout.split("\n")[1:]) == (0, ["down", "up", ""])


def test_a_document_cannot_end_its_own_quotation() -> None:
    move = steps.DefineNetwork(name="n", document="<network>\nEND\nEND_\n</network>")
    plan = Plan(command="host-setup", planned=(Planned(step=move, why="a test\nin two lines", undo=(move,)),))
    text = undo_script(plan, "run", [], FACTS)
    assert "<<'END'\n <network>\n END\n END_\n </network>\nEND\n" in text
    assert "# undoes: a test in two lines\n" in text


def test_the_link_leads_to_the_newest_run_that_is_left(tmp_path: Path) -> None:
    runs, link = tmp_path / "runs", tmp_path / UNDO_SCRIPT
    first, second = (Journal.create(replace(PLAN, command=name), FACTS, runs) for name in ("a", "b"))
    for journal in (first, second):
        write_undo_script(PLAN, journal, [], FACTS)
    assert link.resolve() == (second.directory / UNDO_SCRIPT).resolve()
    first.note("committed")
    second.note("rolled-back")
    point_to_undo_script(runs)
    assert link.resolve() == (first.directory / UNDO_SCRIPT).resolve()
    second.write("plan.jsonl", b"{}")
    second.note("committed")
    point_to_undo_script(runs)
    assert link.resolve() == (first.directory / UNDO_SCRIPT).resolve()
    second.note("rolled-back")
    first.note("undone")
    point_to_undo_script(runs)
    assert not link.is_symlink()
