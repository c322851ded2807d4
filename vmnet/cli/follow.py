"""vmnet follow: watch the run that goes on, or one that has ended."""

from __future__ import annotations

import click

import vmnet
from vmnet.cli import flow, options
from vmnet.cli.output import ProgressLines
from vmnet.cli.session import Session
from vmnet.report.json_forms import result_form
from vmnet.report.plan import render_run

HELP = """Watch the run that is in progress, from its first step to its end.

A worker process carries out each run, so a closed terminal or a lost connection does not stop it. follow shows the run
again, from any terminal. With RUN, it also shows a run that has ended. Ctrl-C rolls back a run that is in progress.
The exit code is that of the run.

\b
Examples:
  sudo vmnet follow
  sudo vmnet follow 20260102T030405Z-host-setup
"""


@click.command("follow", help=HELP, short_help="Watch the run that is in progress.")
@options.run_argument
@options.output_option
@click.pass_obj
def command(session: Session, *, run: str | None, output: str) -> None:
    progress = ProgressLines(session, json=output == "json")
    try:
        with flow.root_only(session, "read the journal of runs"):
            result = vmnet.follow(run, progress=progress)
    finally:
        progress.close()
    flow.answer(session, output, result_form(result), render_run(result, ()))
