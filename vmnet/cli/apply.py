"""vmnet apply: the bridges, bonds and VLANs that a file describes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import vmnet
from vmnet.cli import options
from vmnet.cli.host_setup import change_host

if TYPE_CHECKING:
    from vmnet.cli.session import Session

HELP = """Make this host's bridges, bonds and VLANs what a TOML file says.

The file has a table [[bond]], [[vlan]] or [[bridge]] for each of them, or one table [host] with the options of
host-setup. vmnet builds what is missing, changes what differs if that drops no VM, and leaves everything else alone.
What the file does not name stays: vmnet teardown removes a bridge. The run goes as that of host-setup, under one
checkpoint of NetworkManager: all bridges come, or none.

\b
Examples:
  vmnet apply host.toml --plan
  sudo vmnet apply host.toml
  vmnet diff host.toml                 what differs now
  vmnet export host.toml               write the file from what this host has
"""


@click.command("apply", help=HELP, short_help="Make this host what a file says.")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False))
@options.course_options
@options.risk_options
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, file: str, uri: str, script: bool, **words: Any) -> None:
    """Want, is, plan, show, ask, apply, verify, report."""
    spec = options.with_course(vmnet.read_spec(file), words)
    change_host(session, spec, words, command="apply", uri=uri, script=script)
