"""vmnet doctor: what is wrong here, why it matters, and what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from vmnet.cli import complete, flow, options
from vmnet.cli.outcome import Reported
from vmnet.cli.output import show
from vmnet.cli.session import Session
from vmnet.errors import SpecError, VerifyError
from vmnet.report.json_forms import paths_form, troubles_form
from vmnet.report.path import render_paths
from vmnet.report.troubles import render_troubles

if TYPE_CHECKING:
    from vmnet import Facts, Finding, HostGoal, Trouble

HELP = """Say what is wrong on this host, and what to type: the worst first, each with what was seen, the command that
shows it, and why it matters.

It looks at all that verify compares, and at what lets VMs lose their network although everything looks right: filters
below the bridge, the next boot, other tools that own a NIC, snapshots that lead back, and more. On a host without a
bridge it looks at what is there. Nothing is changed, nothing is sent, and root is not needed; what could not be read
without it is listed. Exit code 6 where something is worse than a note.

With --fix RULE what this rule finds is put right as the other commands do it: the plan is shown, you are asked, it is
applied with a journal, doctor looks again, and vmnet undo takes it back. Where no plan is safe, it says what to type.

With --domain it walks the way of one VM's frames, hop by hop, from its interface to the switch, and says which hop is
the first in trouble. With --probe it sends traffic and needs root: from the bridge it asks for an address by DHCP and
for the gateway by ARP, both with a MAC that nobody has seen before, as a new VM would; then the gateway with large
packets, and the guests for addresses that they had behind NAT. No address is taken.

\b
Examples:
  sudo vmnet doctor
  sudo vmnet doctor --domain web01
  sudo vmnet doctor --domain web01 --probe
  sudo vmnet doctor --output json
  sudo vmnet doctor --fix domain.tap
  vmnet explain bond.mode
"""


@click.command("doctor", help=HELP, short_help="Say what is wrong, and what to type.")
@click.option("--bridge", metavar="NAME", help="The bridge to look at. Default: that of the last host-setup, or br0.")
@click.option("--network", metavar="NAME", help="The libvirt network to look at. Default: as recorded, or host-bridge.")
@click.option(
    "--fix", metavar="RULE", shell_complete=complete.rules, help="Put right what this rule finds, by a plan, with undo."
)
@click.option(
    "--domain", metavar="DOMAIN", shell_complete=complete.domains, help="Walk this VM's way to the switch, hop by hop."
)
@click.option("--probe", is_flag=True, help="Ask the LAN, too: sends traffic, needs root, takes some seconds.")
@options.connect_option
@options.run_options
@click.pass_obj
def command(session: Session, *, bridge: str | None, network: str | None, uri: str, **words: Any) -> None:
    """Is, diagnose, report; or want, is, plan, show, ask, apply, verify, report."""
    api = session.api
    mode = flow.Mode.of(words)
    fix, domain, probe = words["fix"], words["domain"], words["probe"]
    options.parse_ifname(bridge, "bridge name")
    if fix is None and (mode.plan_only or mode.yes):
        raise SpecError("doctor alone changes nothing", "--plan and --yes go with --fix RULE")
    if fix is not None and (domain is not None or probe):
        raise SpecError("--fix goes without --domain and --probe", "it puts right what a rule finds, wherever that is")
    facts = api.read_facts(uri=uri, closely=True)
    goal = None if bridge or network else api.last_goal()
    if bridge or network:
        goal = api.deduce_goal(facts, bridge=bridge, network=network)
    if fix is not None:
        _put_right(session, mode, fix, goal, facts, uri)
        return
    facts = api.probe_lan(goal, facts, domain=domain) if probe else facts
    troubles = api.diagnose(goal, facts)
    if domain is not None:
        _walk(session, mode, domain, troubles, facts)
        return
    if mode.json:
        flow.write_json(session, troubles_form(troubles, facts.unread))
    else:
        show(session, render_troubles(troubles, facts.unread))
    if not all(trouble.finding.ok for trouble in troubles):
        raise Reported(VerifyError.exit_code)


def _walk(session: Session, mode: flow.Mode, domain: str, troubles: tuple[Trouble, ...], facts: Facts) -> None:
    paths = session.api.walk_path(options.check_name(domain, "domain"), troubles, facts)
    if mode.json:
        flow.write_json(session, paths_form(paths, facts.unread))
    else:
        show(session, render_paths(paths, facts.unread))
    if any(path.broken for path in paths):
        raise Reported(VerifyError.exit_code)


def _put_right(session: Session, mode: flow.Mode, rule: str, goal: HostGoal | None, facts: Facts, uri: str) -> None:
    api = session.api
    plan = api.plan_fix(rule, goal, facts)

    def left() -> tuple[Finding, ...]:
        now = api.read_facts(uri=uri, closely=True)
        return tuple(trouble.finding for trouble in api.diagnose(plan.goal or goal, now) if trouble.rule.id == rule)

    flow.carry_out(
        session,
        mode,
        plan,
        facts,
        apply=lambda progress: api.apply(plan, facts, progress=progress, uri=uri),
        verify=left,
    )
