"""Options that several commands share, and the one place where their words become values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import click

from vmnet.cli import complete
from vmnet.errors import SpecError
from vmnet.names import check_ifname
from vmnet.spec import HostSpec, Options

Command = TypeVar("Command", bound="Callable[..., Any]")

RISKS = {
    "allow_storage": "Go on although this host reaches storage or its cluster through the NICs.",
    "allow_new_address": "Go on although the address that this SSH session uses goes away.",
    "allow_lost_address": "Go on although a NIC that becomes a port has an address that the host loses.",
    "allow_firewall": "Go on although firewall rules accept connections on a NIC's name only.",
    "allow_claimed": "Go on although a VM or a libvirt network is configured to use one of the NICs.",
    "different_switches": "Build an LACP bond over two switches that act as one for LACP (MLAG).",
    "allow_duplicate_address": "Go on although another host answers for the address.",
}
"""HostSpec's fields that accept a risk, and the help of their options."""


def output_options(*choices: str, help_text: str) -> Callable[[Command], Command]:
    """Return what adds --output with these choices; the first is the default."""
    return click.option("--output", type=click.Choice(choices), default=choices[0], show_default=True, help=help_text)


REPORT_FORMAT = "Format of the plan, the findings and the result."
output_option = output_options("text", "json", help_text=REPORT_FORMAT)
connect_option = click.option(
    "--connect",
    "uri",
    metavar="URI",
    default="qemu:///system",
    show_default=True,
    help="Hypervisor URI, as virsh -c takes it.",
)
run_argument = click.argument("run", metavar="[RUN]", required=False, shell_complete=complete.runs)
spec_option = partial(click.option, "--spec", "spec_file", metavar="FILE", type=click.Path(dir_okay=False))
domain_option = partial(click.option, metavar="DOMAIN", shell_complete=complete.domains)
network_option = partial(click.option, metavar="NAME", show_default=True, shell_complete=complete.networks)
target_network_option = partial(network_option, default="host-bridge")


def pairs_option(kind: str) -> Callable[[Command], Command]:
    """Add --bond-option or --bridge-option; its value is a tuple of pairs."""

    def split(_context: click.Context, _option: click.Parameter, texts: tuple[str, ...]) -> Options:
        for text in texts:
            if "=" not in text:
                raise SpecError(f"{text!r} has no value", f"--{kind}-option takes NAME=VALUE")
        return tuple((name, value) for name, _, value in (text.partition("=") for text in texts))

    # Both tables are in docs/options.md.
    help_text = f"Option of the {kind}, by its name in the kernel; repeatable."
    names = (f"--{kind}-option", f"{kind}_options")
    return click.option(*names, metavar="NAME=VALUE", multiple=True, callback=split, help=help_text)


def run_options(command: Command) -> Command:
    """Add --plan, --yes and --output."""
    plan = click.option("--plan", "plan_only", is_flag=True, help="Show the plan and change nothing.")
    yes = click.option("--yes", "-y", is_flag=True, help="Do not ask for confirmation.")
    return plan(yes(output_option(command)))


def course_options(command: Command) -> Command:
    """Add the options that say how a run goes that changes the host."""
    timeout = click.option(
        "--timeout",
        metavar="SECONDS",
        type=int,
        help="Timeout of NetworkManager's checkpoint. Default: 60, plus 60 for DHCP and 30 for --stp.",
    )
    probe = click.option(
        "--probe",
        metavar="COMMAND",
        multiple=True,
        help="Command that succeeds before the run and must succeed after it; repeatable.",
    )
    confirm = click.option(
        "--confirm", metavar="SECONDS", type=int, help="Roll back unless you run vmnet confirm within this time."
    )
    script = click.option(
        "--script", is_flag=True, help="Print the plan as a shell script for this host, and change nothing."
    )
    return timeout(probe(confirm(script(command))))


def with_course(spec: HostSpec, words: dict[str, Any]) -> HostSpec:
    """Return the spec with what the command line says of the run, and with the risks that it accepts."""
    risks = {name: words[name] for name in RISKS}
    return replace(spec, timeout_s=words["timeout"], confirm_s=words["confirm"], **risks)


def bounce_options(command: Command) -> Command:
    """Add --bounce, --no-bounce and --renew."""
    bounce = click.option(
        "--bounce",
        "bounce_s",
        metavar="SECONDS",
        type=click.IntRange(1, 60),
        default=8,
        show_default=True,
        help="How long the links of running VMs are down, so that DHCP clients ask for a new address.",
    )
    off = click.option("--no-bounce", is_flag=True, help="Do not take the links of running VMs down.")
    renew = click.option(
        "--renew",
        type=click.Choice(["bounce", "agent"]),
        default="bounce",
        show_default=True,
        help="How guests get a new address. With bounce, their links go down and up. With agent, the QEMU guest agent "
        "runs a command in the guest. If it cannot, the link goes down and up.",
    )
    return bounce(off(renew(command)))


def renewal_of(words: dict[str, Any]) -> dict[str, Any]:
    """Return what a command's options say of how guests are made to ask, as fields of its spec."""
    return {"bounce_s": 0 if words["no_bounce"] else words["bounce_s"], "by_agent": words["renew"] == "agent"}


def risk_options(command: Command) -> Command:
    """Add the options that accept one risk each."""
    for name, text in reversed(RISKS.items()):
        command = click.option(f"--{name.replace('_', '-')}", is_flag=True, help=text)(command)
    return command


def parse_ifname(text: str | None, what: str) -> str | None:
    """Return `text` if it can be the name of a link; None stays None.

    Raises:
        SpecError: no link can have this name.
    """
    return None if text is None else check_ifname(text, what=what)


def check_name(text: str, what: str) -> str:
    """Return the name of a network or domain.

    Raises:
        SpecError: it is empty.
    """
    if not text.strip():
        listing = "virsh list --all" if what == "domain" else "virsh net-list --all"
        raise SpecError(f"the {what}'s name is empty", listing)
    return text
