"""vmnet confirm: the admin's word that the host can still be reached."""

from __future__ import annotations

import click

from vmnet.cli import complete, flow, options
from vmnet.cli.output import show
from vmnet.cli.session import Session
from vmnet.errors import Refused
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
@click.argument("run", metavar="[RUN]", required=False, shell_complete=complete.runs)
@options.output_option
@click.pass_obj
def command(session: Session, *, run: str | None, output: str) -> None:
    """Confirm, report."""
    try:
        confirmed = session.api.confirm(run)
    except PermissionError:
        raise Refused("only root can confirm a run", flow.with_sudo(session)) from None
    if output == "json":
        flow.write_json(session, confirm_form(confirmed))
    else:
        show(session, [Line(f"confirm: run {confirmed} is confirmed; sudo vmnet follow shows the rest")])
