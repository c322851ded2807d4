"""vmnet confirm: the admin's word that the host can still be reached."""

from __future__ import annotations

import click

import vmnet
from vmnet.cli import flow, options
from vmnet.cli.session import Session
from vmnet.report.json_forms import confirm_form
from vmnet.report.screen import Line

HELP = """Confirm a run that waits for confirmation: host-setup --confirm SECONDS.

Run it from a new connection, after the address has moved: an existing connection does not prove that new ones work.
Without a confirmation, vmnet rolls back the run when the time is over.

\b
Examples:
  sudo vmnet confirm
"""


@click.command("confirm", help=HELP, short_help="Confirm a run that waits for confirmation.")
@options.run_argument
@options.output_option
@click.pass_obj
def command(session: Session, *, run: str | None, output: str) -> None:
    with flow.root_only(session, "confirm a run"):
        confirmed = vmnet.confirm(run)
    text = Line(f"confirm: run {confirmed} is confirmed; sudo vmnet follow shows the rest")
    flow.answer(session, output, confirm_form(confirmed), [text])
