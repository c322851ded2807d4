"""vmnet verify: wanted and seen, side by side."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import click

import vmnet
from vmnet.cli import flow, options, watch
from vmnet.cli.commands import load
from vmnet.cli.outcome import Reported
from vmnet.cli.output import redraws, show, write_exactly
from vmnet.errors import SpecError, VerifyError
from vmnet.report.findings import render_differences, render_findings
from vmnet.report.json_forms import findings_form
from vmnet.spec.words import parse_host

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmnet import Facts, Finding
    from vmnet.cli.session import Session

    Look = Callable[[], tuple[Facts, tuple[Finding, ...]]]

EVERY_S = 5.0
HELP = """Compare what is wanted with what nmcli, the kernel and libvirt show, layer by layer: NICs, bond, LACP, bridge,
addresses, routes, DNS, profiles, management link, libvirt network, VMs.

What is wanted comes from the host-setup runs, the last one of each bridge. If none is recorded, or with --bridge or
--network, vmnet derives it from the bridge's own profile. With --spec it comes from a file, the same that host-setup
takes. vmnet changes nothing and needs no root. The exit code is 6 if anything differs; with --watch, if anything
differs in the last check.

\b
Examples:
  vmnet verify
  vmnet verify --bridge br1 --network lan1
  vmnet verify --spec host.toml
  vmnet verify --watch 2                        until Ctrl-C; in a pipe, one line for each change
  vmnet verify --quiet || logger "vmnet: the network differs from what is wanted"
  vmnet verify --output junit > vmnet.xml
"""


@click.command("verify", help=HELP, short_help="Compare wanted and seen.")
@click.option("--bridge", metavar="NAME", help="Bridge to check. Default: those of the host-setup runs, or br0.")
@click.option("--network", metavar="NAME", help="Libvirt network to check. Default: as recorded, or host-bridge.")
@options.spec_option(help="Read what is wanted from a TOML file, as host-setup does.")
@click.option(
    "--watch",
    "every_s",
    metavar="[SECONDS]",
    type=click.FloatRange(min=0, min_open=True),
    is_flag=False,
    flag_value=EVERY_S,
    help="Repeat the check until Ctrl-C. Without a value: every 5 seconds.",
)
@click.option("--quiet", "-q", is_flag=True, help="Print only what differs, and nothing if all is as wanted.")
@options.connect_option
@options.output_options("text", "json", "junit", "prometheus", help_text=options.REPORT_FORMAT)
@click.pass_obj
def command(session: Session, *, uri: str, every_s: float | None, quiet: bool, output: str, **words: Any) -> None:
    _check(every_s, output, quiet=quiet)
    look = _looker(uri, words)
    if every_s is None:
        facts, findings = look()
        _report(session, facts, findings, output, quiet=quiet)
    else:
        say = _sayer(session, every_s, output, quiet=quiet)
        findings = watch.watch(session, lambda: look()[1], say, every_s=every_s)
    if not all(finding.ok for finding in findings):
        raise Reported(VerifyError.exit_code)


def _check(every_s: float | None, output: str, *, quiet: bool) -> None:
    if output not in ("junit", "prometheus"):
        return
    if every_s is not None:
        raise SpecError(
            f"--watch cannot be combined with --output {output}", "use text or json, or a timer: docs/monitoring.md"
        )
    if quiet:
        raise SpecError(f"--quiet cannot be combined with --output {output}", "leave --quiet out")


def _looker(uri: str, words: dict[str, Any]) -> Look:
    """Return what reads the host and compares it with what is wanted: a file's spec, or names, or what the last runs
    planned for."""
    file, bridge, network = words["spec_file"], words["bridge"], words["network"]
    options.parse_ifname(bridge, "bridge name")
    if file is not None and (bridge or network):
        raise SpecError("--spec cannot be combined with --bridge or --network", f"set both in {file}")
    spec = None if file is None else parse_host(vmnet.read_host_words(file))

    def look() -> tuple[Facts, tuple[Finding, ...]]:
        facts = vmnet.read_facts(uri=uri)
        if spec is not None:
            return facts, vmnet.verify(vmnet.wanted_goals(spec, facts), facts)
        if bridge or network:
            return facts, vmnet.verify(vmnet.deduce_goal(facts, bridge=bridge, network=network), facts)
        return facts, vmnet.verify(vmnet.last_goals(), facts)

    return look


def _sayer(session: Session, every_s: float, output: str, *, quiet: bool) -> watch.Say:
    if output == "json":
        return watch.json_lines(session, quiet=quiet)
    if redraws(session.stdout, session.environ) and not quiet:
        return watch.drawing(session, every_s)
    return watch.logging(session, quiet=quiet)


def _report(session: Session, facts: Facts, findings: tuple[Finding, ...], output: str, *, quiet: bool) -> None:
    if quiet and all(finding.ok for finding in findings):
        return
    match output:
        case "json":
            flow.write_json(session, findings_form("verify", findings))
        case "junit":
            now = watch.utc_now().removesuffix("Z")
            junit = load("vmnet.report.monitoring").junit_text
            write_exactly(session, junit(findings, hostname=facts.hostname, time=now))
        case "prometheus":
            write_exactly(session, load("vmnet.report.monitoring").prometheus_text(findings, time_s=time.time()))
        case _:
            show(session, render_differences(findings) if quiet else render_findings(findings))
