"""Show, ask, apply, verify, report: what a command does with its plan, and the exit code of each ending."""

from __future__ import annotations

import io
import json
import signal
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

import pytest

from tests import facts_samples
from tests.cli.calls import CHANGING, DEGRADED, MadeUpHost, Terminal, call, some_plan
from tests.report import samples
from vmnet.cli.flow import MANY, WORKER_NOTE
from vmnet.errors import (
    Conflict,
    HypervisorError,
    LinkError,
    Refused,
    SpecError,
    ToolError,
    UndoIncomplete,
    VerifyError,
    VmnetError,
)
from vmnet.facts import Duplicate
from vmnet.names import Mac
from vmnet.plan.steps import MoveInterface, Plan, Planned
from vmnet.runs.lock import one_interrupt

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmnet.runs.progress import RunResult

NOT_ROOT = replace(facts_samples.end_state(), root=False)


class Gone(io.StringIO):
    """A stream whose other end went away: a closed pipe, a lost terminal."""

    def write(self, text: str) -> int:
        raise BrokenPipeError(32, "Broken pipe")


@pytest.mark.parametrize("words", CHANGING)
def test_with_yes_it_is_done(words: str) -> None:
    ended = call(*words.split(), "--yes")
    assert ended.code == 0
    assert len(ended.host.applied) == 1
    assert ended.err == f"{WORKER_NOTE}[1/2] activate br0 ... 1.2 s\n[2/2] set bond0 up ... 1.2 s\n"
    assert "set bond0 up" in ended.out
    assert f"{words.split(maxsplit=1)[0]}: done, 2 steps, run run1\n" in ended.out


@pytest.mark.parametrize("words", CHANGING)
def test_a_plan_changes_nothing(words: str) -> None:
    ended = call(*words.split(), "--plan", "--yes")
    assert (ended.code, ended.host.applied, ended.err) == (0, [], "")
    assert "activate br0" in ended.out


@pytest.mark.parametrize("way", ["--plan", "--yes", ""])
def test_a_migration_is_shown_in_brief_and_says_how_to_see_the_steps(way: str) -> None:
    short = call("migrate-from-virbr0", "--only", "web 1", *way.split(), stdin=Terminal("n\n"))
    assert "nmcli --wait" not in short.out
    assert "vmnet migrate-from-virbr0 --only 'web 1' --plan --verbose\n" in short.out
    whole = call("migrate-from-virbr0", "--verbose", *way.split(), stdin=Terminal("n\n"))
    assert "nmcli --wait" in whole.out


def test_an_undo_of_many_domains_is_shown_in_brief_before_it_is_confirmed() -> None:
    move = next(step for step in samples.LIBVIRT_STEPS if isinstance(step, MoveInterface))
    planned = tuple(Planned(step=replace(move, domain=f"web{n}"), why="") for n in range(MANY + 1))
    plan = Plan(command="undo", planned=planned)
    short = call("undo", stdin=Terminal("n\n"), host=MadeUpHost(plan=plan))
    assert "vmnet undo --plan\n" in short.out
    assert f"  web{MANY} " in short.out
    assert len(short.out.splitlines()) < 2 * MANY
    assert "by hand: virsh" in call("undo", "--plan", host=MadeUpHost(plan=plan)).out


@pytest.mark.parametrize("words", CHANGING)
def test_nothing_to_do_is_said_and_no_root_is_needed(words: str) -> None:
    host = MadeUpHost(plan=Plan(command=words.split(maxsplit=1)[0], kept=("br0 is as wanted",)))
    ended = call(*words.split(), host=host)
    assert (ended.code, ended.host.applied) == (0, [])
    assert "br0 is as wanted" in ended.out
    assert "nothing to do" in ended.out


@pytest.mark.parametrize("words", CHANGING)
def test_without_root_it_is_refused(words: str) -> None:
    ended = call(*words.split(), "--yes", host=MadeUpHost(facts=NOT_ROOT))
    assert (ended.code, ended.host.applied) == (3, [])
    assert f"hint: sudo vmnet {words} --yes" in ended.err


def test_without_root_one_may_look() -> None:
    assert call("host-setup", "--plan", host=MadeUpHost(facts=NOT_ROOT)).code == 0


def test_host_setup_is_planned_anew_with_who_answered() -> None:
    answer = Duplicate(address=ip_address("192.0.2.3"), mac=Mac("00:00:5e:00:53:99"), ifname="em1")
    assert len(call("host-setup", "--plan").host.specs) == 1
    assert len(call("host-setup", "--plan", host=MadeUpHost(duplicates=(answer,))).host.specs) == 2


@pytest.mark.parametrize(
    "streams", [{}, {"stdin": Terminal("n\n")}, {"stdin": Terminal("\n")}, {"stdin": Terminal("")}]
)
def test_without_a_yes_nothing_is_done(streams: dict[str, Any]) -> None:
    ended = call("host-setup", **streams)
    assert (ended.code, ended.host.applied) == (3, [])
    assert "nothing was changed" in ended.err
    assert "--yes" in ended.err


@pytest.mark.parametrize("answer", ["y\n", "YES\n"])
def test_a_yes_at_the_terminal_is_enough(answer: str) -> None:
    ended = call("host-setup", stdin=Terminal(answer))
    assert (ended.code, len(ended.host.applied)) == (0, 1)
    assert "go on with these 2 steps? [y/N] " in ended.err


def test_a_difference_after_the_run_is_an_error() -> None:
    ended = call("host-setup", "--yes", host=MadeUpHost(facts=DEGRADED))
    assert (ended.code, len(ended.host.applied)) == (6, 1)
    assert "DIFFERS" in ended.out
    assert "sudo vmnet undo run1" in ended.err


ERRORS: list[Callable[[str], VmnetError]] = [
    VmnetError, SpecError, Refused, ToolError, HypervisorError, LinkError, Conflict, VerifyError, UndoIncomplete,
]  # fmt: skip


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_has_its_exit_code(kind: Callable[[str], VmnetError]) -> None:
    error = kind("it failed")
    ended = call("host-setup", "--yes", host=MadeUpHost(error=error))
    assert ended.code == error.exit_code
    assert ended.err == f"{WORKER_NOTE}[1/2] activate br0 ...\nerror: it failed\n"


def test_an_interrupt_says_what_became_of_the_run() -> None:
    interrupt = KeyboardInterrupt()
    interrupt.add_note("all that was done is taken back")
    ended = call("host-setup", "--yes", host=MadeUpHost(error=interrupt))
    assert ended.code == 130
    assert ended.err.endswith(
        "error: interrupted\n  all that was done is taken back\nhint: vmnet verify shows the state\n"
    )


def test_a_bug_is_told_from_a_mishap() -> None:
    ended = call("host-setup", "--yes", host=MadeUpHost(error=ZeroDivisionError("division by zero")))
    assert ended.code == 1
    assert "Traceback" in ended.err
    assert "error: a bug in vmnet: ZeroDivisionError: division by zero" in ended.err


def test_a_lost_terminal_does_not_stop_the_run() -> None:
    ended = call("host-setup", "--yes", stderr=Gone())
    assert (ended.code, len(ended.host.applied)) == (0, 1)


def test_a_reader_that_went_away_is_no_error() -> None:
    ended = call("verify", stdout=Gone())
    assert (ended.code, ended.err) == (141, "")


def test_a_full_disk_is_not_a_bug() -> None:
    error = OSError(28, "No space left on device", "/var/lib/vmnet/runs/1/journal")
    ended = call("host-setup", "--yes", host=MadeUpHost(error=error))
    assert ended.code == 4
    assert "No space left on device: '/var/lib/vmnet/runs/1/journal'" in ended.err
    assert "Traceback" not in ended.err


def test_verify_is_quiet_about_its_exit_code() -> None:
    assert call("verify").code == 0
    ended = call("verify", host=MadeUpHost(facts=DEGRADED))
    assert (ended.code, ended.err) == (6, "")
    assert "br0 (bridge.link)" in ended.out


def test_verify_compares_with_the_last_run() -> None:
    host = MadeUpHost(goal=replace(facts_samples.goal(), mtu=9000))
    assert call("verify", host=host).code == 6
    assert call("verify", "--bridge", "br0", host=host).code == 0


@pytest.mark.parametrize("environ", [{}, {"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}])
def test_no_colour_where_it_is_not_wanted(environ: dict[str, str]) -> None:
    assert "\x1b" not in call("verify", stdout=Terminal(), environ=environ).out


def test_colour_on_a_terminal() -> None:
    assert "\x1b[" in call("verify", stdout=Terminal(), environ={"TERM": "xterm"}).out
    assert "\x1b" not in call("verify", environ={"TERM": "xterm"}).out


@contextmanager
def handled(number: signal.Signals, handler: signal.Handlers) -> Iterator[None]:
    """As vmnet may find a signal: whoever starts the tests may have them ignored, as a shell does in the background."""
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_interrupt_once(number: signal.Signals) -> None:
    with handled(number, signal.SIG_DFL):
        with one_interrupt():
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(number)
            signal.raise_signal(number)
        assert signal.getsignal(number) == signal.SIG_DFL


def test_nohup_stays() -> None:
    with handled(signal.SIGHUP, signal.SIG_IGN), one_interrupt():
        signal.raise_signal(signal.SIGHUP)


def test_the_made_up_plan_is_not_empty() -> None:
    assert not some_plan("host-setup").empty


def test_runs_are_listed_and_shown() -> None:
    host = MadeUpHost(runs=samples.run_records())
    assert "20260102T030405Z-host-setup" in call("runs", host=host).out
    one = call("runs", "20260102T030405Z-host-setup", host=host)
    assert (one.code, "FAILED" in one.out.upper()) == (0, True)
    listed = json.loads(call("runs", "--output", "json", host=host).out)
    assert [run["state"] for run in listed["runs"]] == ["rolled back", "stands", "undone"]
    shown = json.loads(call("runs", "20260102T030405Z-host-setup", "--output", "json", host=host).out)
    assert [step["state"] for step in shown["run"]["steps"]] == ["taken back", "failed"]


def test_runs_are_read_by_root_only() -> None:
    ended = call("runs", host=MadeUpHost(facts=NOT_ROOT))
    assert (ended.code, "sudo vmnet runs" in ended.err) == (3, True)


class Watched(io.StringIO):
    """A stream to a file: what was written is there only once it is flushed."""

    arrived = ""

    def flush(self) -> None:
        self.arrived = self.getvalue()


def test_the_plan_has_arrived_before_the_first_step() -> None:
    out, seen = Watched(), list[str]()

    class Host(MadeUpHost):
        def apply(self, *args: Any, **words: Any) -> RunResult:
            seen.append(out.arrived)
            return super().apply(*args, **words)

    assert call("host-setup", "--yes", host=Host(), stdout=out).code == 0
    assert "ip link set dev bond0 up" in seen[0]
