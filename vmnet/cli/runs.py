"""vmnet runs: what was done on this host, and what became of it."""

from __future__ import annotations

import click

from vmnet.cli import complete, flow, options
from vmnet.cli.output import show
from vmnet.cli.session import Session
from vmnet.errors import Refused
from vmnet.report.json_forms import run_record_form, runs_form
from vmnet.report.plan import render_run_record, render_runs

HELP = """List the runs on this host, or show one of them.

The list begins with the oldest run. With RUN, the run is shown step by step. `vmnet undo RUN` undoes a completed run.
An open run is in progress or was interrupted; `vmnet undo` finishes the rollback of an interrupted one.

\b
Examples:
  sudo vmnet runs
  sudo vmnet runs 20260102T030405Z-host-setup
  sudo vmnet runs --output json
"""


@click.command("runs", help=HELP, short_help="List runs, or show one.")
@click.argument("run", metavar="[RUN]", required=False, shell_complete=complete.runs)
@options.output_option
@click.pass_obj
def command(session: Session, *, run: str | None, output: str) -> None:
    """Read, report."""
    try:
        records = session.api.read_runs(run)
    except PermissionError:
        raise Refused("only root can read the journal of runs", flow.with_sudo(session)) from None
    if output == "json":
        flow.write_json(session, run_record_form(records[0]) if run else runs_form(records))
    else:
        show(session, render_run_record(records[0]) if run else render_runs(records))
