"""What all changing commands do once they have a plan: show it, ask, apply it, verify, report."""

from __future__ import annotations

import io
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import vmnet
from vmnet.cli.outcome import Reported
from vmnet.cli.output import ProgressLines, show
from vmnet.errors import Refused, VerifyError
from vmnet.host.files.own_files import write_over
from vmnet.plan.steps import DomainStep
from vmnet.report.json_forms import Json, json_text, plan_form, run_form
from vmnet.report.plan import render_nothing_to_do, render_plan, render_plan_short, render_run
from vmnet.report.screen import Screen
from vmnet.shell_words import command, root

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vmnet import Facts, Finding, Plan, RunResult
    from vmnet.cli.session import Session
    from vmnet.report.screen import Block
    from vmnet.shell_words import Command

    Verify = Callable[[], tuple[Finding, ...]]


REPORT = "report.txt"
MANY = 100
"""With more steps, the plan of a domain command is shown in brief before it is carried out."""
WORKER_NOTE = "a worker process carries out the run; if this terminal closes, run: sudo vmnet follow\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """How far to go, and how to say it: the --plan, --yes, --output and --verbose of a command."""

    plan_only: bool
    yes: bool
    output: str
    verbose: bool | None = None
    """Of a command that shows its plan in brief: whether to show each step. None: the command does not."""

    @classmethod
    def of(cls, words: dict[str, Any]) -> Mode:
        """Return the mode from a command's options."""
        names = ("plan_only", "yes", "output")
        return cls(**{name: words[name] for name in names}, verbose=words.get("verbose"))

    @property
    def json(self) -> bool:
        """Whether the report is JSON."""
        return self.output == "json"


def carry_out(
    session: Session, words: dict[str, Any], plan: Plan, facts: Facts, *, uri: str, verify: Verify = tuple
) -> None:
    """Take a plan from showing it to the report of its run.

    Args:
        words: the command's options.
        verify: what checks the host after the run.

    Raises:
        Refused: not root, not confirmed, or nobody to ask.
        VerifyError: the run is done and what is seen is not what was wanted.
    """
    mode = Mode.of(words)
    if plan.empty or mode.plan_only:
        show_plan(session, mode, plan)
        return
    check_root(session, facts)
    if not mode.json:
        show(session, _blocks(session, mode, plan))
        # In a log, too, the plan must come before the progress, which goes to the other stream.
        session.stdout.flush()
    if not mode.yes:
        confirm(session, plan, mode)
    progress = ProgressLines(session, json=mode.json)
    if not mode.json:
        progress.say(WORKER_NOTE)
    try:
        result = vmnet.apply(plan, facts, progress=progress, uri=uri)
    finally:
        progress.close()
    try:
        report(session, mode, result, settled(session, verify))
    except KeyboardInterrupt as interrupt:
        back = root("vmnet", "undo", result.run)
        interrupt.add_note(f"run {result.run} was completed before, and is kept; to undo it: {back}")
        raise


def show_plan(session: Session, mode: Mode, plan: Plan) -> None:
    """Print a plan that is not to be carried out, or that is empty."""
    if mode.json:
        write_json(session, plan_form(plan))
    else:
        show(session, render_nothing_to_do(plan) if plan.empty else _blocks(session, mode, plan))


def _blocks(session: Session, mode: Mode, plan: Plan) -> tuple[Block, ...]:
    """Return the plan in brief where that is asked for, or where nobody could read it whole before saying yes."""
    many = not mode.plan_only and len(plan.planned) > MANY and any(isinstance(p.step, DomainStep) for p in plan.planned)
    if mode.verbose or (mode.verbose is None and not many):
        return render_plan(plan)
    words = [word for word in session.argv if word not in ("--plan", "--yes", "-y")]
    details = ("--plan",) if mode.verbose is None else ("--plan", "--verbose")
    return render_plan_short(plan, command("vmnet", *words, *details))


def check_root(session: Session, facts: Facts) -> None:
    """Raise Refused unless we may change things."""
    if not facts.root:
        raise Refused("changing the host needs root", f"{with_sudo(session)}\nor add --plan to see the plan only")


def with_sudo(session: Session) -> Command:
    """Return this very call with sudo, ready to paste."""
    return root("vmnet", *session.argv)


@contextmanager
def root_only(session: Session, what: str) -> Iterator[None]:
    """Have a PermissionError in the block say that only root can do this, and how: "read the journal of runs"."""
    try:
        yield
    except PermissionError:
        raise Refused(f"only root can {what}", with_sudo(session)) from None


def confirm(session: Session, plan: Plan, mode: Mode) -> None:
    """Ask whether to go on; anything but yes raises Refused."""
    if mode.json or not session.stdin.isatty():
        raise Refused(
            "nothing was changed: vmnet cannot ask for confirmation here", "add --yes to go on without asking"
        )
    session.stdout.flush()
    session.stderr.write(f"{plan.command}: go on with these {len(plan.planned)} steps? [y/N] ")
    session.stderr.flush()
    if session.stdin.readline().strip().lower() not in ("y", "yes"):
        raise Refused("nothing was changed: not confirmed", "answer y, or add --yes")


def settled(session: Session, verify: Verify) -> tuple[Finding, ...]:
    """Return the findings, as soon as all are well or the session's patience is over."""
    end = time.monotonic() + session.patience_s
    while True:
        findings = verify()
        if all(finding.ok for finding in findings) or time.monotonic() >= end:
            return findings
        time.sleep(1)


def findings_of(plan: Plan, network: str, uri: str, *, bridge: str | None = None) -> tuple[Finding, ...]:
    """Read the host again and return the findings about the plan's domains and, without a `bridge`, about `network`."""
    facts = vmnet.read_facts(uri=uri, host=False)
    goal = vmnet.deduce_goal(facts, bridge=bridge, network=network)
    layers = ("domain",) if bridge else ("domain", "network")
    moved = {f"{row.domain} {row.mac}" for row in plan.rows}
    return tuple(
        finding
        for finding in vmnet.verify(goal, facts, plan)
        if finding.layer in layers and (finding.layer == "network" or finding.subject in moved)
    )


def report(session: Session, mode: Mode, result: RunResult, findings: tuple[Finding, ...]) -> None:
    """Print what a run came to; raise VerifyError when what is seen is not what was wanted."""
    wrong = [finding for finding in findings if not finding.ok]
    keep_report(result, findings)
    if mode.json:
        write_json(session, run_form(result, findings))
        if wrong:
            raise Reported(VerifyError.exit_code)
        return
    show(session, render_run(result, findings))
    if wrong:
        raise VerifyError(
            f"the run is done, and {len(wrong)} of {len(findings)} checks differ from what is wanted",
            f"to check again: vmnet verify; to undo the run: {root('vmnet', 'undo', result.run)}",
        )


def keep_report(result: RunResult, findings: tuple[Finding, ...]) -> None:
    """Write what a run came to into its directory, for whoever asks in a week."""
    text = io.StringIO()
    Screen(text).show(render_run(result, findings))
    # The run is done, and its journal says so; where this cannot be written, the screen has it.
    with suppress(OSError):
        write_over(Path(result.directory) / REPORT, text.getvalue().encode("utf-8", "backslashreplace"), 0o600)


def write_json(session: Session, document: Json) -> None:
    """Print one JSON document on standard output."""
    session.stdout.write(json_text(document))


def answer(session: Session, output: str, document: Json, blocks: Iterable[Block]) -> None:
    """Print a report in the format that --output asks for, JSON or text."""
    if output == "json":
        write_json(session, document)
    else:
        show(session, blocks)
