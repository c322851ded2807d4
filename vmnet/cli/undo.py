"""vmnet undo: the last run backwards."""

from __future__ import annotations

from typing import Any

import click

import vmnet
from vmnet.cli import flow, options
from vmnet.cli.session import Session

HELP = """Undo the last run, newest step first. Profiles, addresses, networks and VMs are then as before the run.

RUN is the id that the run printed. Default: the last run that was not undone. undo also finishes the rollback of a run
that was interrupted by a kill or a reboot.

\b
Examples:
  vmnet undo --plan
  sudo vmnet undo
"""


@click.command("undo", help=HELP, short_help="Undo the last run.")
@options.run_argument
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, run: str | None, uri: str, **words: Any) -> None:
    facts = vmnet.read_facts(uri=uri)
    with flow.root_only(session, "read the journal of runs"):
        facts = vmnet.ask_again(facts, run)
        plan = vmnet.plan_undo(facts, run)
    flow.carry_out(session, words, plan, facts, uri=uri)
