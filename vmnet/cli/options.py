"""Options that several commands share, and the one place where their words become values."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface
from typing import TYPE_CHECKING, Any, TypeVar

import click

from vmnet.cli import complete
from vmnet.errors import SpecError
from vmnet.names import check_ifname
from vmnet.spec import AddressSpec, BondMode

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmnet.spec import IpAddress, IpInterface

Command = TypeVar("Command", bound="Callable[..., Any]")

DHCP = "dhcp"
RISKS = {
    "allow_storage": "Go on where this host reaches storage or its cluster through the NICs.",
    "allow_new_address": "Go on where the address that this SSH session came in by goes away.",
    "allow_claimed": "Go on where a VM or a libvirt network is to use one of the NICs itself.",
    "different_switches": "Build an LACP bond over two switches, which are one to LACP (MLAG).",
    "allow_duplicate_address": "Go on where another host answers for the address.",
}
"""HostSpec's fields that accept a risk, and the help of their options."""

_MODES_BY_NUMBER = tuple(BondMode)
"""The kernel's own numbers, 0 to 6, in the order of BondMode."""


def output_option(command: Command) -> Command:
    """Add --output."""
    return click.option(
        "--output",
        type=click.Choice(["text", "json"]),
        default="text",
        show_default=True,
        help="How to print the plan, the findings and the result.",
    )(command)


def run_options(command: Command) -> Command:
    """Add --plan, --yes and --output."""
    plan = click.option("--plan", "plan_only", is_flag=True, help="Print what would be done and change nothing.")
    yes = click.option("--yes", "-y", is_flag=True, help="Do not ask before changing anything.")
    return plan(yes(output_option(command)))


def connect_option(command: Command) -> Command:
    """Add --connect."""
    return click.option(
        "--connect",
        "uri",
        metavar="URI",
        default="qemu:///system",
        show_default=True,
        help="The hypervisor, as virsh takes it.",
    )(command)


def network_option(command: Command) -> Command:
    """Add --network for the commands that move domains."""
    return click.option(
        "--network",
        metavar="NAME",
        default="host-bridge",
        show_default=True,
        shell_complete=complete.networks,
        help="The libvirt network on the bridge.",
    )(command)


def bounce_options(command: Command) -> Command:
    """Add --bounce, --no-bounce and --renew."""
    bounce = click.option(
        "--bounce",
        "bounce_s",
        metavar="SECONDS",
        type=click.IntRange(1, 60),
        default=8,
        show_default=True,
        help="Hold the links of running VMs down so long, so that DHCP clients ask for a new address.",
    )
    off = click.option("--no-bounce", is_flag=True, help="Leave the links of running VMs alone.")
    renew = click.option(
        "--renew",
        type=click.Choice(["bounce", "agent"]),
        default="bounce",
        show_default=True,
        help="How guests are made to ask for a new address: by their links going down, or by a command to their DHCP "
        "client through the guest agent, where there is one that takes commands.",
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


def parse_mode(text: str) -> BondMode:
    """Return a bond mode from its name or the kernel's number.

    Raises:
        SpecError: there is no such mode.
    """
    word = text.strip().lower()
    if word.isdecimal() and int(word) < len(_MODES_BY_NUMBER):
        return _MODES_BY_NUMBER[int(word)]
    try:
        return BondMode({"lacp": "802.3ad"}.get(word, word))
    except ValueError:
        names = ", ".join(mode.value for mode in BondMode)
        raise SpecError(f"{text!r} is no bond mode", f"--mode takes one of {names}") from None


def parse_interface(text: str) -> IpInterface:
    """Return an address with its prefix length.

    Raises:
        SpecError: it is no address, or the prefix length is missing.
    """
    hint = "--address takes an address with its prefix length: 172.16.4.3/24, or dhcp"
    if "/" not in text:
        problem = "has no prefix length" if _is_address(text) else "is no address"
        raise SpecError(f"{text!r} {problem}", hint)
    try:
        return ip_interface(text.strip())
    except ValueError:
        raise SpecError(f"{text!r} is no address", hint) from None


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip())
    except ValueError:
        return False
    return True


def parse_address(text: str, option: str) -> IpAddress:
    """Return an address without prefix length, for `option`.

    Raises:
        SpecError: it is no address.
    """
    try:
        return ip_address(text.strip())
    except ValueError:
        raise SpecError(f"{text!r} is no address", f"{option} takes one address: 172.16.4.1") from None


def parse_addresses(
    addresses: Sequence[str], gateways: Sequence[str], dns: Sequence[str], dns_search: Sequence[str]
) -> AddressSpec | None:
    """Return the wanted addresses; None when none are given and the host's own are to be adopted.

    Raises:
        SpecError: a value is wrong, or options do not go together.
    """
    if not addresses:
        given = {"--gateway": gateways, "--dns": dns, "--dns-search": dns_search}
        alone = [option for option, values in given.items() if values]
        if alone:
            raise SpecError(
                f"{alone[0]} goes with --address", "without --address all is adopted from the NIC: gateway and DNS too"
            )
        return None
    dhcp = DHCP in (text.lower() for text in addresses)
    static = tuple(parse_interface(text) for text in addresses if text.lower() != DHCP)
    if dhcp and any(interface.version == 4 for interface in static):
        raise SpecError("--address dhcp and a static IPv4 address do not go together", "give one of the two")
    return AddressSpec(
        dhcp=dhcp,
        addresses=tuple(dict.fromkeys(static)),
        gateways=tuple(dict.fromkeys(parse_address(text, "--gateway") for text in gateways)),
        dns=tuple(dict.fromkeys(parse_address(text, "--dns") for text in dns)),
        dns_search=tuple(dict.fromkeys(dns_search)),
    )


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
        raise SpecError(f"the {what}'s name is empty", f"vmnet verify and virsh list --all name what there is: {what}s")
    return text
