"""A bridge or bond of the wanted name that exists already, and what uses it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import Refused
from vmnet.plan.adopt import controllers_of
from vmnet.plan.risks import listed
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts, Link, Profile
    from vmnet.plan.build import Build
    from vmnet.plan.profiles import WantedProfile

_GUESTS = ("tun", "veth", "macvtap")
"""Kinds of links whose other end is a domain or a container."""


def check_contents(build: Build) -> None:
    """Raise Refused where a bridge or bond gets a new profile and has ports or VLANs besides the wanted ones, or an
    address that the host would lose.

    When another profile is activated on a bridge, NetworkManager removes all ports, also taps of running domains. It
    restores only its own ports.
    """
    for wanted in build.wanted:
        if wanted.type == "ethernet" or build.facts.link(wanted.ifname) is None:
            continue
        _check_addresses(wanted, build)
        others = _others(wanted.ifname, build)
        if others:
            raise Refused(
                f"{_taken(wanted)}, which cuts off {listed(describe_link(link, build.facts) for link in others)}",
                f"remove them from {wanted.ifname} (shut domains down), or choose another name with --{wanted.type}",
            )


def _check_addresses(wanted: WantedProfile, build: Build) -> None:
    profile = profile_on(wanted, build)
    if profile is None or {profile.uuid, profile.name} & set(build.spec.displace):
        return
    displace = command("--displace", profile.name)
    if _carries_address(wanted, build):
        raise Refused(
            f"{_taken(wanted)}, and nobody could reach the host's address meanwhile",
            f"choose another name with --{wanted.type}: vmnet then builds the new one beside it and moves the address "
            f"last; or accept the interruption with {displace}",
        )
    kept = build.facts.addresses_of(build.layer3.holder) if build.layer3.holder else ()
    lost = [a for a in build.facts.addresses_of(wanted.ifname) if a not in (*kept, *build.layer3.addresses)]
    if lost:
        raise Refused(
            f"{_taken(wanted)}, and the host would lose {listed(map(str, lost))} of profile {profile.name!r}",
            f"choose another name with --{wanted.type}, or accept the loss with {displace}",
        )


def _taken(wanted: WantedProfile) -> str:
    return f"{wanted.type} {wanted.ifname} exists already and would get a new profile"


def _carries_address(wanted: WantedProfile, build: Build) -> bool:
    holder = build.layer3.holder
    if wanted.ifname == holder:
        return True
    chains = [controllers_of(nic, build.facts) for nic in build.nics]
    return any(wanted.ifname in chain and holder in chain for chain in chains)


def profile_on(wanted: WantedProfile, build: Build) -> Profile | None:
    """Return the profile that created the link with the name of the wanted one, and is active on it."""
    device = build.facts.device(wanted.ifname)
    return None if device is None or device.external else build.facts.active_profile(wanted.ifname)


def content_warnings(build: Build) -> Iterator[str]:
    """Yield a warning for each other uplink of a bridge, or port of a bond, that is kept."""
    for wanted in build.wanted:
        others = [link for link in _others(wanted.ifname, build) if link.kind not in _GUESTS and not link.parent]
        if wanted.type != "ethernet" and others:
            yield (
                f"{wanted.type} {wanted.ifname} keeps ports that are not in the request: "
                f"{listed(link.ifname for link in others)}. Without STP, a second uplink of a bridge can be a loop"
            )


def _others(ifname: str, build: Build) -> list[Link]:
    expected = {nic.ifname for nic in build.nics} | {wanted.ifname for wanted in build.wanted}
    above = [link for link in build.facts.links if link.parent == ifname]
    return [link for link in (*build.facts.ports(ifname), *above) if link.ifname not in expected]


def describe_link(link: Link, facts: Facts) -> str:
    """Return the link's name, and the domain that it belongs to."""
    domain = domain_of_tap(link.ifname, facts)
    return f"{link.ifname} of domain {domain}" if domain else link.ifname


def domain_of_tap(ifname: str, facts: Facts) -> str | None:
    """Return the running domain whose interface ends in the link `ifname` on the host."""
    taps = ((domain.name, interface.target) for domain in facts.domains for interface in domain.running)
    return next((name for name, target in taps if target == ifname), None)
