"""vmnet verify: wanted and seen, side by side."""

from __future__ import annotations

import click

from vmnet.cli import flow, options
from vmnet.cli.outcome import Reported
from vmnet.cli.output import show
from vmnet.cli.session import Session
from vmnet.errors import VerifyError
from vmnet.report.findings import render_findings
from vmnet.report.json_forms import findings_form

HELP = """Compare what is wanted with what nmcli, the kernel and libvirt say, layer by layer: NICs, bond, LACP, bridge,
addresses, routes, DNS, profiles, management link, libvirt network, VMs.

Wanted is what the last host-setup planned for. Where none is recorded, or with --bridge, it is worked out from the
bridge's own profile. Nothing is changed, and root is not needed. Exit code 6 on any difference.

\b
Examples:
  vmnet verify
  vmnet verify --bridge br1 --network lan1
  vmnet verify --output json
"""


@click.command("verify", help=HELP, short_help="Compare wanted and seen.")
@click.option("--bridge", metavar="NAME", help="The bridge to look at. Default: that of the last host-setup, or br0.")
@click.option("--network", metavar="NAME", help="The libvirt network to look at. Default: as recorded, or host-bridge.")
@options.connect_option
@options.output_option
@click.pass_obj
def command(session: Session, *, bridge: str | None, network: str | None, uri: str, output: str) -> None:
    """Is, verify, report."""
    api = session.api
    options.parse_ifname(bridge, "bridge name")
    facts = api.read_facts(uri=uri)
    goal = None if bridge or network else api.last_goal()
    findings = api.verify(goal or api.deduce_goal(facts, bridge=bridge, network=network), facts)
    if output == "json":
        flow.write_json(session, findings_form("verify", findings))
    else:
        show(session, render_findings(findings))
    if not all(finding.ok for finding in findings):
        raise Reported(VerifyError.exit_code)
