"""vmnet explain: a rule in words."""

from __future__ import annotations

import difflib

import click

from vmnet.cli import complete, flow, options
from vmnet.cli.output import show
from vmnet.cli.session import Session
from vmnet.errors import SpecError
from vmnet.report.json_forms import rules_form
from vmnet.report.troubles import render_rule, render_rules

HELP = """Explain a rule of verify and doctor: what holds where all is well, why it matters, and what helps. Without a
rule, all are listed.

\b
Examples:
  vmnet explain
  vmnet explain lacp.partner
  vmnet explain --output json
"""


@click.command("explain", help=HELP, short_help="Explain a rule.")
@click.argument("rule", metavar="[RULE]", required=False, shell_complete=complete.rules)
@options.output_option
@click.pass_obj
def command(session: Session, *, rule: str | None, output: str) -> None:
    """Read, report."""
    rules = session.api.read_rules()
    if rule is not None and rule not in rules:
        near = difflib.get_close_matches(rule, rules, n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(near)}?" if near else "vmnet explain lists all rules"
        raise SpecError(f"there is no rule {rule}", hint)
    chosen = tuple(rules.values()) if rule is None else (rules[rule],)
    if output == "json":
        flow.write_json(session, rules_form(chosen))
    else:
        show(session, render_rules(chosen) if rule is None else render_rule(chosen[0]))
