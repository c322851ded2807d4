"""vmnet doctor: what is wrong here, why it matters, and what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

import vmnet
from vmnet.cli import complete, flow, options
from vmnet.cli.outcome import Reported
from vmnet.cli.session import Session
from vmnet.errors import SpecError, VerifyError
from vmnet.report.findings import render_paths, render_troubles
from vmnet.report.json_forms import paths_form, troubles_form

if TYPE_CHECKING:
    from vmnet import Facts, Finding, Trouble
    from vmnet.plan.steps import Goals

HELP = """Find what is wrong on this host, and say how to fix it: the worst first, each with what was seen, the command
that shows it, and why it matters.

It checks all that verify compares, and also what cuts VMs off although everything looks right. Examples are filters
below the bridge, the next boot, other tools that own a NIC, and snapshots with the old network. It works on a host
without a bridge, too. It changes nothing, sends nothing, and needs no root. It lists what it cannot read without root.
The exit code is 6 if something is worse than a note.

With --fix RULE, vmnet repairs what this rule finds. It shows the plan, asks, applies the plan with a journal, and
checks again. If no plan is safe, it says what to type. To undo a repair: vmnet undo

With --domain, vmnet follows the frames of one VM hop by hop, from its interface to the switch. It names the first hop
in trouble.

With --probe, vmnet sends traffic, and needs root. From the bridge, with a new MAC, as a new VM would, it asks for an
address by DHCP and for the gateway by ARP. It pings the gateway with large packets, and asks by ARP for the addresses
that guests had behind NAT. It takes no address.

\b
Examples:
  sudo vmnet doctor
  sudo vmnet doctor --domain web01
  sudo vmnet doctor --domain web01 --probe
  sudo vmnet doctor --output json
  sudo vmnet doctor --fix domain.tap
  vmnet explain bond.mode
"""


@click.command("doctor", help=HELP, short_help="Find what is wrong, and say how to fix it.")
@click.option("--bridge", metavar="NAME", help="Bridge to check. Default: that of the last host-setup, or br0.")
@click.option("--network", metavar="NAME", help="Libvirt network to check. Default: as recorded, or host-bridge.")
@click.option(
    "--fix", metavar="RULE", shell_complete=complete.rules, help="Repair what this rule finds; can be undone."
)
@options.domain_option("--domain", help="Follow this VM's path to the switch.")
@click.option("--probe", is_flag=True, help="Send probes to the LAN, too. Needs root and takes some seconds.")
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, bridge: str | None, network: str | None, uri: str, **words: Any) -> None:
    mode = flow.Mode.of(words)
    fix, domain, probe = words["fix"], words["domain"], words["probe"]
    options.parse_ifname(bridge, "bridge name")
    if fix is None and (mode.plan_only or mode.yes):
        raise SpecError("--plan and --yes need --fix RULE", "doctor without --fix changes nothing")
    if fix is not None and (domain is not None or probe):
        raise SpecError("--fix cannot be combined with --domain or --probe", "--fix repairs all that the rule finds")
    facts = vmnet.read_facts(uri=uri, closely=True)
    named = bridge or network
    goals: Goals = vmnet.deduce_goal(facts, bridge=bridge, network=network) if named else vmnet.last_goals()
    if fix is not None:
        _put_right(session, words, goals, facts, uri)
        return
    facts = vmnet.probe_lan(goals, facts, domain=domain) if probe else facts
    troubles = vmnet.diagnose(goals, facts)
    if domain is not None:
        _walk(session, mode.output, domain, troubles, facts)
        return
    flow.answer(session, mode.output, troubles_form(troubles, facts.unread), render_troubles(troubles, facts.unread))
    if not all(trouble.finding.ok for trouble in troubles):
        raise Reported(VerifyError.exit_code)


def _walk(session: Session, output: str, domain: str, troubles: tuple[Trouble, ...], facts: Facts) -> None:
    paths = vmnet.walk_path(options.check_name(domain, "domain"), troubles, facts)
    flow.answer(session, output, paths_form(paths, facts.unread), render_paths(paths, facts.unread))
    if any(path.broken for path in paths):
        raise Reported(VerifyError.exit_code)


def _put_right(session: Session, words: dict[str, Any], goals: Goals, facts: Facts, uri: str) -> None:
    rule = words["fix"]
    plan = vmnet.plan_fix(rule, goals, facts)

    def left() -> tuple[Finding, ...]:
        now = vmnet.read_facts(uri=uri, closely=True)
        return tuple(trouble.finding for trouble in vmnet.diagnose(plan.goals or goals, now) if trouble.rule.id == rule)

    flow.carry_out(session, words, plan, facts, uri=uri, verify=left)
