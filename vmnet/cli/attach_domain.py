"""vmnet attach-domain: one domain's interface onto the bridge."""

from __future__ import annotations

from typing import Any

import click

from vmnet.cli import complete, domains, flow, options
from vmnet.cli.session import Session
from vmnet.errors import SpecError
from vmnet.names import parse_mac
from vmnet.spec import AttachSpec

HELP = """Move one VM's interface onto the bridge, in the running VM and in its stored definition.

DOMAIN is a name or a UUID; a name that begins with a dash goes after --. The guest keeps its interface: it sees no
unplug, only its link going down and up when --bounce is not switched off. A VM with several interfaces needs --mac or
--index.

\b
Examples:
  vmnet attach-domain web01 --plan
  sudo vmnet attach-domain web01
  sudo vmnet attach-domain db01 --index 2 --no-bounce
  sudo vmnet attach-domain db01 --add
  sudo vmnet attach-domain -- -odd-name
"""


@click.command("attach-domain", help=HELP, short_help="Move one VM's interface onto the bridge.")
@click.argument("domain", metavar="DOMAIN", shell_complete=complete.domains)
@options.network_option
@click.option("--mac", metavar="MAC", help="Which interface, by its MAC address.")
@click.option("--index", metavar="N", type=click.IntRange(1), help="Which interface, counted from 1.")
@click.option("--add", is_flag=True, help="Add a new interface instead of moving one.")
@options.bounce_options
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, uri: str, **words: Any) -> None:
    """Want, is, plan, show, ask, apply, verify, report."""
    api = session.api
    spec = _wanted(words)
    facts = api.read_facts(uri=uri)
    plan = api.plan_attach_domain(spec, facts)
    asked = api.ask_lan(plan, facts, uri=uri)
    if asked.lan:
        plan = api.plan_attach_domain(spec, asked)
    flow.carry_out(
        session,
        flow.Mode.of(words),
        plan,
        facts,
        apply=lambda progress: api.apply(plan, facts, progress=progress, uri=uri),
        verify=lambda: domains.findings_of(session, plan, spec.network, uri),
    )


def _wanted(words: dict[str, Any]) -> AttachSpec:
    mac, index = words["mac"], words["index"]
    if words["add"] and (mac or index):
        raise SpecError("--add makes a new interface, --mac and --index choose one that is there", "leave one out")
    if mac and index:
        raise SpecError("--mac and --index both choose the interface", "give one of the two")
    return AttachSpec(
        domain=options.check_name(words["domain"], "domain"),
        network=options.check_name(words["network"], "network"),
        mac=parse_mac(mac) if mac else None,
        index=index,
        add=words["add"],
        bounce_s=0 if words["no_bounce"] else words["bounce_s"],
    )
