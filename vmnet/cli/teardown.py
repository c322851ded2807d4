"""vmnet teardown: bridges become plain NICs again."""

from __future__ import annotations

from typing import Any

import click

import vmnet
from vmnet.cli import complete, flow, options
from vmnet.cli.session import Session
from vmnet.spec import TeardownSpec

HELP = """Remove bridges and give the address back to a NIC.

BRIDGE is the name of a bridge on NICs. It can be left out if there is only one. The bridge's bond and VLAN, their
profiles, and the libvirt networks on the bridge go, too. One NIC gets the bridge's addresses, routes, DNS, DHCP
identity, MTU and firewalld zone. If the NIC still has its old profile with the same addresses, vmnet uses that.

teardown needs no recorded run. It also removes bridges that vmnet did not make, if NetworkManager manages them. It
refuses while domains use the bridge. `vmnet undo` brings the bridge back.

\b
Examples:
  vmnet teardown --plan
  sudo vmnet teardown br0
  sudo vmnet teardown br0 br20                             a bridge, and another one on a VLAN of the same bond
  sudo vmnet teardown br0 --move-domains-to default        move the bridge's domains to another network first
"""


@click.command("teardown", help=HELP, short_help="Remove bridges and give the address back to a NIC.")
@click.argument("bridges", metavar="[BRIDGE]...", nargs=-1, shell_complete=complete.bridges)
@click.option(
    "--nic",
    metavar="NAME",
    shell_complete=complete.nics,
    help="NIC that gets the address. Default: the one whose MAC the bridge has.",
)
@options.network_option(
    "--move-domains-to", help="Move the domains on the bridge to this libvirt network first. Default: refuse."
)
@click.option(
    "--management",
    metavar="LINK",
    help="Management link, never changed. `none` if the host has no management link. Default: detected.",
)
@click.option(
    "--probe",
    metavar="COMMAND",
    multiple=True,
    help="Command that succeeds before the run and must succeed after it; repeatable.",
)
@click.option("--confirm", metavar="SECONDS", type=int, help="Roll back unless you run vmnet confirm within this time.")
@click.option("--allow-firewall", is_flag=True, help=options.RISKS["allow_firewall"])
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, uri: str, **words: Any) -> None:
    """Want, is, plan, show, ask, apply, report."""
    moved_to = words["move_domains_to"]
    spec = TeardownSpec(
        bridges=words["bridges"],
        nic=words["nic"],
        move_domains_to=None if moved_to is None else options.check_name(moved_to, "network"),
        management=words["management"],
        confirm_s=words["confirm"],
        allow_firewall=words["allow_firewall"],
    )
    facts = vmnet.read_facts(uri=uri, probes=words["probe"])
    flow.carry_out(session, words, vmnet.plan_teardown(spec, facts), facts, uri=uri)
