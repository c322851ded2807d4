"""vmnet attach-domain: one domain's interface onto the bridge."""

from __future__ import annotations

from functools import partial
from typing import Any

import click

import vmnet
from vmnet.cli import complete, flow, options
from vmnet.cli.session import Session
from vmnet.errors import SpecError
from vmnet.names import parse_mac
from vmnet.spec import AttachSpec

HELP = """Move one VM's interface onto the bridge, in its running and its persistent document.

DOMAIN is a name or a UUID. Put -- before a name that begins with a dash. The guest keeps its interface: vmnet unplugs
nothing unless you give --replug. The guest's link goes down and up, unless you give --no-bounce. If the VM has several
interfaces, choose with --mac, --index, --tap or --source. Each of these may be repeated.

\b
Examples:
  vmnet attach-domain web01 --plan
  sudo vmnet attach-domain web01
  sudo vmnet attach-domain db01 --index 2 --no-bounce
  sudo vmnet attach-domain db01 --mac 52:54:00:0a:00:21 --mac 52:54:00:0a:00:22
  sudo vmnet attach-domain db01 --add --queues 4 --filter clean-traffic
  sudo vmnet attach-domain -- -odd-name
"""


@click.command("attach-domain", help=HELP, short_help="Move one VM's interface onto the bridge.")
@click.argument("domain", metavar="DOMAIN", shell_complete=complete.domains)
@options.target_network_option("--network", help="Libvirt network on the bridge.")
@click.option("--bridge", metavar="IFNAME", help="Move to this bridge itself instead of a network.")
@click.option(
    "--mac", "macs", metavar="MAC", multiple=True, help="The interface with this MAC. With --add: its new MAC."
)
@click.option(
    "--index", "indexes", metavar="N", type=click.IntRange(1), multiple=True, help="The Nth interface, from 1."
)
@click.option("--tap", "taps", metavar="IFNAME", multiple=True, help="The interface with this tap, such as vnet3.")
@click.option(
    "--source", "sources", metavar="NAME", multiple=True, help="The interface that is on this network or bridge now."
)
@click.option(
    "--replug",
    is_flag=True,
    help="If libvirt cannot move the interface while the VM runs (direct, user, ...), unplug it and plug it in on the "
    "bridge. The guest sees it disappear and come back. Without --replug, and for a passed-through device (hostdev), "
    "the interface moves when the VM is next powered off and on.",
)
@click.option("--add", is_flag=True, help="Add a new interface instead of moving one.")
@click.option("--model", metavar="MODEL", help="With --add: the device model. Default: virtio.")
@click.option("--queues", metavar="N", type=click.IntRange(1, 256), help="With --add: number of virtio queues.")
@click.option("--filter", "filter_name", metavar="FILTER", help="With --add: libvirt network filter (nwfilter).")
@options.bounce_options
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, uri: str, **words: Any) -> None:
    spec = _wanted(words)
    facts = vmnet.read_facts(uri=uri, host=False)
    plan = vmnet.plan_attach_domain(spec, facts)
    asked = vmnet.ask_lan(plan, facts)
    if asked.lan:
        plan = vmnet.plan_attach_domain(spec, asked)
    verify = partial(flow.findings_of, plan, spec.network, uri, bridge=spec.bridge)
    flow.carry_out(session, words, plan, facts, uri=uri, verify=verify)


def _wanted(words: dict[str, Any]) -> AttachSpec:
    macs = tuple(parse_mac(text) for text in words["macs"])
    others = words["indexes"] or words["taps"] or words["sources"]
    if words["add"] and (others or len(macs) > 1 or words["replug"]):
        raise SpecError(
            "--add creates a new interface: --index, --tap, --source, --replug and a second --mac are not allowed",
            "leave them out; one --mac sets the MAC of the new interface",
        )
    for_new = [name for name in ("model", "queues", "filter_name") if words[name] is not None]
    if for_new and not words["add"]:
        option = for_new[0].removesuffix("_name")
        raise SpecError(f"--{option} needs --add", "an interface that moves keeps its model, queues and filter")
    return AttachSpec(
        domain=options.check_name(words["domain"], "domain"),
        network=options.check_name(words["network"], "network"),
        bridge=options.parse_ifname(words["bridge"], "bridge"),
        macs=macs,
        indexes=words["indexes"],
        taps=words["taps"],
        sources=words["sources"],
        replug=words["replug"],
        add=words["add"],
        model=words["model"] or "virtio",
        queues=words["queues"],
        filter=words["filter_name"],
        **options.renewal_of(words),
    )
