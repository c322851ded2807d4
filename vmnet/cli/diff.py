"""vmnet diff: what differs from a file, in the kernel and in NetworkManager's profiles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import vmnet
from vmnet.cli import flow, options
from vmnet.cli.outcome import Reported
from vmnet.cli.output import show
from vmnet.errors import VerifyError
from vmnet.report.findings import render_wishes
from vmnet.report.json_forms import differences_form

if TYPE_CHECKING:
    from vmnet.cli.session import Session

HELP = """Show what differs from a TOML file: wanted, kernel, profile.

Each line is one wish that is not fulfilled, with what the kernel and NetworkManager's profile have instead. An empty
column was not looked at. vmnet changes nothing. The exit code is 6 if anything differs.

\b
Examples:
  vmnet diff host.toml
  vmnet diff host.toml --output json
"""


@click.command("diff", help=HELP, short_help="Show what differs from a file.")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False))
@options.connect_option
@options.output_options("text", "json", help_text="Format of the differences.")
@click.pass_obj
def command(session: Session, *, file: str, uri: str, output: str) -> None:
    """Is, compare, report."""
    spec = vmnet.read_spec(file)
    facts = vmnet.read_facts(uri=uri, hypervisor=bool(spec.networks))
    found = vmnet.differences(vmnet.verify(vmnet.wanted_goals(spec, facts), facts))
    if output == "json":
        flow.write_json(session, differences_form(found))
    else:
        show(session, render_wishes(found, file))
    if found:
        raise Reported(VerifyError.exit_code)
