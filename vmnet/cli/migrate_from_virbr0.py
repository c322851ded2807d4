"""vmnet migrate-from-virbr0: all domains from libvirt's NAT network onto the bridge."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

import vmnet
from vmnet.cli import flow, options
from vmnet.cli.session import Session
from vmnet.errors import SpecError
from vmnet.spec import MigrationSpec, Retire

HELP = """Move all VMs from libvirt's NAT network onto the bridge: running, paused and shut off VMs, with their managed
saves and snapshots.

vmnet moves every interface on the network --network, or directly on that network's bridge, to --to. The plan says what
changes for each VM. The report says which address each guest has now, and what is left to do by hand.

One running VM, the canary, moves first. No other VM moves until the canary answers on the bridge. The links of running
VMs are down together for --bounce seconds, so that DHCP clients ask for an address on the LAN. If a step fails, the run
stops. vmnet rolls back the VM that failed; the others stay where they are. Run the same command again to continue.

\b
Examples:
  vmnet migrate-from-virbr0 --plan
  sudo vmnet migrate-from-virbr0
  sudo vmnet migrate-from-virbr0 --canary test01 --batch 20 --pause 60
  sudo vmnet migrate-from-virbr0 --only 'web*' --exclude web09
  sudo vmnet migrate-from-virbr0 --retire
"""


@click.command("migrate-from-virbr0", help=HELP, short_help="Move all VMs from NAT onto the bridge.")
@options.network_option("--network", "--from", "source", default="default", help="Libvirt network that the VMs leave.")
@options.target_network_option("--to", "network", help="Libvirt network that the VMs move to.")
@options.domain_option(
    "--only",
    multiple=True,
    help="Move only this VM, or the VMs that match a pattern such as 'web*'; repeatable.",
)
@options.domain_option(
    "--exclude", multiple=True, help="Do not move this VM, or the VMs that match a pattern; repeatable."
)
@click.option(
    "--static",
    type=click.Choice(["move", "skip"]),
    default="move",
    show_default=True,
    help="Move or skip guests whose address seems static. Such an address does not work on the LAN.",
)
@options.domain_option("--canary", help="VM that moves first. Default: the first running VM.")
@click.option(
    "--no-canary", is_flag=True, help="Move all VMs without waiting until the first one answers on the bridge."
)
@click.option("--batch", metavar="N", type=click.IntRange(min=1), help="VMs to move at a time. Default: all.")
@click.option("--pause", "pause_s", metavar="SECONDS", type=click.IntRange(1, 3600), help="Wait between two batches.")
@options.bounce_options
@click.option(
    "--undo-on-failure/--stop-on-failure",
    default=False,
    show_default=True,
    help="If a step fails: roll back all VMs, or stop and keep the VMs that have moved.",
)
@click.option(
    "--retire",
    type=click.Choice([Retire.AUTOSTART.value, Retire.STOP.value]),
    is_flag=False,
    flag_value=Retire.AUTOSTART.value,
    help="If nothing refers to the old network any more, disable its autostart; with --retire=stop, stop it, too.",
)
@click.option("--verbose", "-v", is_flag=True, help="Show each step of the plan, not only a line for each VM.")
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, uri: str, **words: Any) -> None:
    spec = _wanted(words)
    facts = vmnet.find_mentions(spec.source, vmnet.read_facts(uri=uri, host=False))
    plan = vmnet.plan_migration(spec, facts)
    asked = vmnet.ask_lan(plan, facts)
    if asked.lan:
        plan = vmnet.plan_migration(spec, asked)
    verify = partial(flow.findings_of, plan, spec.network, uri)
    flow.carry_out(session, words, plan, facts, uri=uri, verify=verify)


def _wanted(words: dict[str, Any]) -> MigrationSpec:
    canary = words["canary"]
    if canary is not None and words["no_canary"]:
        raise SpecError("--canary cannot be combined with --no-canary", "give one of the two")
    return MigrationSpec(
        source=options.check_name(words["source"], "network"),
        network=options.check_name(words["network"], "network"),
        only=tuple(options.check_name(name, "domain") for name in words["only"]),
        exclude=tuple(options.check_name(name, "domain") for name in words["exclude"]),
        **options.renewal_of(words),
        canary=None if canary is None else options.check_name(canary, "domain"),
        no_canary=words["no_canary"],
        batch=words["batch"] or 0,
        pause_s=words["pause_s"] or 0,
        skip_static=words["static"] == "skip",
        undo_on_failure=words["undo_on_failure"],
        retire=Retire(words["retire"] or "no"),
    )
