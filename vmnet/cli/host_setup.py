"""vmnet host-setup: the bridge, the bond below it, and the host's address on it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

import vmnet
from vmnet.cli import complete, flow, options
from vmnet.cli.commands import load
from vmnet.cli.output import write_exactly
from vmnet.cli.session import Session
from vmnet.errors import SpecError
from vmnet.spec.options import BOND_OPTIONS
from vmnet.spec.words import IPV6, OPTION_TABLES, HostWords, parse_host

if TYPE_CHECKING:
    from vmnet import Finding
    from vmnet.spec import HostSpec

HELP = """Build the bridge (and the bond below it) and give it the host's address.

NICs are the ports of the bond. Without NICs, vmnet proposes all wired NICs with carrier, and the plan says why it took
or left each one. Without --address, the bridge adopts the NIC's addresses, routes, DNS and DHCP identity. It always
adopts the firewalld zone, and the MTU unless --mtu sets it. vmnet does not change the management link.

The run changes the network under a checkpoint of NetworkManager. If the run does not reach its last step,
NetworkManager restores the state before by itself, even if this connection or this process is lost.

\b
Examples:
  vmnet host-setup --plan
  sudo vmnet host-setup em1 p4p1
  sudo vmnet host-setup em1 p4p1 --address 172.16.4.3/24 --gateway 172.16.4.1 --dns 172.16.4.2 --management p2p1
  sudo vmnet host-setup em1 p4p1 --mode active-backup      for a switch without LACP
  sudo vmnet host-setup em1 --no-bond
  sudo vmnet host-setup em2 p4p2 --bridge br1 --bond bond1 --address none --network guests      a second bridge
  sudo vmnet host-setup --vlan 20 --address none                    br20 on VLAN 20 of bond0
  sudo vmnet host-setup em1 p4p1 --probe 'curl -sf https://intra.example.org' --confirm 120
  sudo vmnet host-setup --spec host.toml                   read what is wanted from a file, as verify --spec does
  sudo vmnet apply host.toml                               several bridges, bonds and VLANs from one file
  vmnet host-setup em1 p4p1 --script > setup.sh            print a script for a host without vmnet
"""


@click.command("host-setup", help=HELP, short_help="Build the bridge and the bond.")
@click.argument("nics", metavar="[NIC]...", nargs=-1, shell_complete=complete.nics)
@click.option("--bridge", metavar="NAME", default="br0", show_default=True, help="Name of the bridge.")
@click.option("--bond", metavar="NAME", default="bond0", show_default=True, help="Name of the bond.")
@click.option("--vlan", metavar="TAG", type=int, help="Put the bridge on this VLAN of the bond, or of the NIC.")
@click.option("--no-bond", is_flag=True, help="Put the bridge on one NIC, without a bond.")
@click.option("--mode", default="802.3ad", show_default=True, help="802.3ad (LACP), active-backup or balance-xor.")
@click.option("--miimon", metavar="MS", type=int, default=100, show_default=True, help="Bond link check interval.")
@click.option("--arp-interval", metavar="MS", type=int, help="Refused: the bond of a bridge cannot use ARP monitoring.")
@click.option(
    "--lacp-rate",
    type=click.Choice(BOND_OPTIONS["lacp_rate"].words),
    help="How often the switch sends LACP frames. Default: slow.",
)
@click.option(
    "--xmit-hash-policy",
    type=click.Choice(BOND_OPTIONS["xmit_hash_policy"].words),
    help="How the bond distributes traffic over its ports. Default: layer2.",
)
@click.option("--stp/--no-stp", default=False, show_default=True, help="Spanning tree (STP) on the bridge.")
@click.option("--multicast-snooping/--no-multicast-snooping", default=None, help="IGMP and MLD snooping on the bridge.")
@options.pairs_option("bond")
@options.pairs_option("bridge")
@click.option(
    "--address",
    metavar="CIDR|dhcp|none",
    multiple=True,
    help="Address of the bridge, repeatable; none: the host has no address on it. Default: the NIC's.",
)
@click.option("--gateway", metavar="ADDRESS", multiple=True, help="Default gateway; one for IPv4 and one for IPv6.")
@click.option("--dns", metavar="ADDRESS", multiple=True, help="DNS server; repeatable.")
@click.option("--dns-search", metavar="DOMAIN", multiple=True, help="DNS search domain; repeatable.")
@click.option("--routes", metavar="'NETWORK [GATEWAY]'", multiple=True, help="Static route; repeatable.")
@click.option(
    "--ipv6", type=click.Choice(IPV6), help="How the bridge gets IPv6 without a static address. Default: auto."
)
@click.option("--mtu", metavar="BYTES", type=int, help="MTU of bridge, bond and NICs. Default: the NIC's.")
@click.option(
    "--management",
    metavar="LINK",
    help="Management link, never changed. `none` if the host has no management link. Default: detected.",
)
@click.option("--move-vlans", is_flag=True, help="Move the VLANs of the NICs onto the bridge.")
@click.option("--fix-management", is_flag=True, help="Set never-default and may-fail in the management profile.")
@click.option(
    "--network", metavar="NAME", default="host-bridge", show_default=True, help="Libvirt network on the bridge."
)
@click.option("--no-network", is_flag=True, help="Define no libvirt network.")
@click.option(
    "--displace",
    metavar="PROFILE",
    multiple=True,
    help="Disable the autoconnect of this profile, given by name or UUID; repeatable.",
)
@options.course_options
@options.spec_option(help="Read what is wanted from a TOML file. Options on the command line override it.")
@options.risk_options
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, uri: str, script: bool, spec_file: str | None, **words: Any) -> None:
    """Want, is, plan, show, ask, apply, verify, report."""
    change_host(session, _wanted(spec_file, words), words, command="host-setup", uri=uri, script=script)


def change_host(
    session: Session, spec: HostSpec, words: dict[str, Any], *, command: str, uri: str, script: bool
) -> None:
    """Plan what makes the host what the spec says, show it, ask, carry it out, and report."""
    if script and words["output"] == "json":
        raise SpecError("--script cannot be combined with --output json", "leave --output json out")
    facts = vmnet.read_facts(uri=uri, hypervisor=bool(spec.networks), probes=words["probe"])
    plan = replace(vmnet.plan_host_setup(spec, facts), command=command)
    asked = vmnet.find_duplicates(plan, facts)
    if asked.duplicates:
        plan = replace(vmnet.plan_host_setup(spec, asked), command=command)
    if script:
        write_exactly(session, load("vmnet.report.host_script").host_script(plan, facts))
        return

    def verify() -> tuple[Finding, ...]:
        return vmnet.verify(plan.goals, vmnet.read_facts(uri=uri, hypervisor=bool(spec.networks)))

    flow.carry_out(session, words, plan, facts, uri=uri, verify=verify)


def _wanted(spec_file: str | None, words: dict[str, Any]) -> HostSpec:
    """Return what is asked for: what the file says, and over it what was given on the command line."""
    start = HostWords() if spec_file is None else vmnet.read_host_words(spec_file)
    source = click.get_current_context().get_parameter_source
    # NICs that nobody named count as given for click.
    known = (field.name for field in fields(HostWords) if field.name in words)
    names = [name for name in known if source(name) is not ParameterSource.DEFAULT]
    given: dict[str, Any] = {name: words[name] for name in names if words[name] != ()}
    # Of one option that the file has as well, the later value counts.
    given |= {name: (*getattr(start, name), *given[name]) for name in OPTION_TABLES if name in given}
    given |= {name: False for name in ("bond", "network") if words[f"no_{name}"]}
    return options.with_course(parse_host(replace(start, **given)), words)
