"""vmnet migrate-from-virbr0: all domains from libvirt's NAT network onto the bridge."""

from __future__ import annotations

from typing import Any

import click

from vmnet.cli import complete, domains, flow, options
from vmnet.cli.session import Session
from vmnet.spec import MigrationSpec

HELP = """Move all VMs from libvirt's NAT network onto the bridge: running, paused and shut off ones, with their managed
saves and snapshots.

Every interface on the network --source, or directly on that network's bridge, moves. A table before says what will
become of each; a table after says which address each guest has now and what is left to do by hand. The links of
running VMs are held down together for --bounce seconds, so that DHCP clients ask for an address on the LAN.

\b
Examples:
  vmnet migrate-from-virbr0 --plan
  sudo vmnet migrate-from-virbr0
  sudo vmnet migrate-from-virbr0 --only web01 --only db01
  sudo vmnet migrate-from-virbr0 --exclude build01 --no-bounce
"""


@click.command("migrate-from-virbr0", help=HELP, short_help="Move all VMs from NAT onto the bridge.")
@click.option(
    "--source",
    "--from",
    "source",
    metavar="NAME",
    default="default",
    show_default=True,
    shell_complete=complete.networks,
    help="The network to leave.",
)
@options.network_option
@click.option(
    "--only",
    metavar="DOMAIN",
    multiple=True,
    shell_complete=complete.domains,
    help="Move this VM only; may be repeated.",
)
@click.option(
    "--exclude",
    metavar="DOMAIN",
    multiple=True,
    shell_complete=complete.domains,
    help="Leave this VM where it is; may be repeated.",
)
@options.bounce_options
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, uri: str, **words: Any) -> None:
    """Want, is, plan, show, ask, apply, verify, report."""
    api = session.api
    spec = _wanted(words)
    facts = api.read_facts(uri=uri)
    plan = api.plan_migration(spec, facts)
    flow.carry_out(
        session,
        flow.Mode.of(words),
        plan,
        facts,
        apply=lambda progress: api.apply(plan, facts, progress=progress, uri=uri),
        verify=lambda: domains.findings_of(session, plan, spec.network, uri),
    )


def _wanted(words: dict[str, Any]) -> MigrationSpec:
    return MigrationSpec(
        source=options.check_name(words["source"], "network"),
        network=options.check_name(words["network"], "network"),
        only=tuple(options.check_name(name, "domain") for name in words["only"]),
        exclude=tuple(options.check_name(name, "domain") for name in words["exclude"]),
        bounce_s=0 if words["no_bounce"] else words["bounce_s"],
    )
