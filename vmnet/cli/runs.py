"""vmnet runs: what was done on this host, and what became of it."""

from __future__ import annotations

import click

import vmnet
from vmnet.cli import flow, options
from vmnet.cli.session import Session
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
@options.run_argument
@options.output_option
@click.pass_obj
def command(session: Session, *, run: str | None, output: str) -> None:
    with flow.root_only(session, "read the journal of runs"):
        records = vmnet.read_runs(run)
    if run:
        flow.answer(session, output, run_record_form(records[0]), render_run_record(records[0]))
    else:
        flow.answer(session, output, runs_form(records), render_runs(records))
