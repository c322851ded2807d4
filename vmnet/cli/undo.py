"""vmnet undo: the last run backwards."""

from __future__ import annotations

from typing import Any

import click

from vmnet.cli import complete, flow, options
from vmnet.cli.session import Session
from vmnet.errors import Refused

HELP = """Undo the last run, newest step first. Profiles, addresses, networks and VMs are then as before the run.

RUN is the id that the run printed. Default: the last run that was not undone. undo also finishes the rollback of a run
that was interrupted by a kill or a reboot.

\b
Examples:
  vmnet undo --plan
  sudo vmnet undo
"""


@click.command("undo", help=HELP, short_help="Undo the last run.")
@click.argument("run", metavar="[RUN]", required=False, shell_complete=complete.runs)
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, run: str | None, uri: str, **words: Any) -> None:
    """Is, plan, show, ask, apply, report."""
    api = session.api
    facts = api.read_facts(uri=uri)
    try:
        facts = api.ask_again(facts, run)
        plan = api.plan_undo(facts, run)
    except PermissionError:
        raise Refused("only root can read the journal of runs", flow.with_sudo(session)) from None
    flow.carry_out(
        session,
        flow.Mode.of(words),
        plan,
        facts,
        apply=lambda progress: api.apply(plan, facts, progress=progress, uri=uri),
        verify=lambda: (),
    )
