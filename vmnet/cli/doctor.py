"""vmnet doctor: what is wrong here, why it matters, and what to type."""

from __future__ import annotations

import click

from vmnet.cli import flow, options
from vmnet.cli.outcome import Reported
from vmnet.cli.output import show
from vmnet.cli.session import Session
from vmnet.errors import VerifyError
from vmnet.report.json_forms import troubles_form
from vmnet.report.troubles import render_troubles

HELP = """Say what is wrong on this host, and what to type: the worst first, each with what was seen, the command that
shows it, and why it matters.

It looks at all that verify compares, and at what lets VMs lose their network although everything looks right: filters
below the bridge, the next boot, other tools that own a NIC, snapshots that lead back, and more. On a host without a
bridge it looks at what is there. Nothing is changed, nothing is sent, and root is not needed; what could not be read
without it is listed. Exit code 6 where something is worse than a note.

\b
Examples:
  sudo vmnet doctor
  sudo vmnet doctor --output json
  vmnet explain bond.mode
"""


@click.command("doctor", help=HELP, short_help="Say what is wrong, and what to type.")
@click.option("--bridge", metavar="NAME", help="The bridge to look at. Default: that of the last host-setup, or br0.")
@click.option("--network", metavar="NAME", help="The libvirt network to look at. Default: as recorded, or host-bridge.")
@options.connect_option
@options.output_option
@click.pass_obj
def command(session: Session, *, bridge: str | None, network: str | None, uri: str, output: str) -> None:
    """Is, diagnose, report."""
    api = session.api
    options.parse_ifname(bridge, "bridge name")
    facts = api.read_facts(uri=uri, closely=True)
    goal = None if bridge or network else api.last_goal()
    if bridge or network:
        goal = api.deduce_goal(facts, bridge=bridge, network=network)
    troubles = api.diagnose(goal, facts)
    if output == "json":
        flow.write_json(session, troubles_form(troubles, facts.unread))
    else:
        show(session, render_troubles(troubles, facts.unread))
    if not all(trouble.finding.ok for trouble in troubles):
        raise Reported(VerifyError.exit_code)
