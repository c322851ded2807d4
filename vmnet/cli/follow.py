"""vmnet follow: watch the run that goes on, or one that has ended."""

from __future__ import annotations

import click

from vmnet.cli import complete, flow, options
from vmnet.cli.output import ProgressLines, show
from vmnet.cli.session import Session
from vmnet.errors import Refused
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
@click.argument("run", metavar="[RUN]", required=False, shell_complete=complete.runs)
@options.output_option
@click.pass_obj
def command(session: Session, *, run: str | None, output: str) -> None:
    """Follow, report."""
    progress = ProgressLines(session, json=output == "json")
    try:
        result = session.api.follow(run, progress=progress)
    except PermissionError:
        raise Refused("only root can read the journal of runs", flow.with_sudo(session)) from None
    finally:
        progress.close()
    if output == "json":
        flow.write_json(session, result_form(result))
    else:
        show(session, render_run(result, ()))
