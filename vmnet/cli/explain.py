"""vmnet explain: a rule in words."""

from __future__ import annotations

import click

import vmnet
from vmnet.checks.fix import known_rule
from vmnet.cli import complete, flow, options
from vmnet.cli.session import Session
from vmnet.report.findings import render_rule, render_rules
from vmnet.report.json_forms import rules_form

HELP = """Explain a rule of verify and doctor: what it expects, why that matters, and what helps.

Without a rule, all rules are listed.

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
    rules = vmnet.read_rules()
    if rule is not None:
        known_rule(rule)
    chosen = tuple(rules.values()) if rule is None else (rules[rule],)
    blocks = render_rules(chosen) if rule is None else render_rule(chosen[0])
    flow.answer(session, output, rules_form(chosen), blocks)
