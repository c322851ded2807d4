"""Rules about what guests on a LAN still have of the network that they left: leases, addresses, filters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks import ways
from vmnet.checks.domains import on_lan
from vmnet.checks.findings import EBTABLES, LIBVIRT, Finding
from vmnet.checks.libvirt import subject_of
from vmnet.checks.networks import ROUTED
from vmnet.documents.networks import parse_subnets
from vmnet.plan.moves import learns
from vmnet.shell_words import command, last, pipe, root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Domain, Facts, Interface
    from vmnet.plan.steps import HostGoal
    from vmnet.shell_words import Command
    from vmnet.spec import IpAddress

_SHOWN_BY_ARP = root("vmnet", "doctor", "--probe")
_ON_THE_LAN = "an address of the LAN"


def _behind(addresses: Iterable[IpAddress], facts: Facts) -> dict[IpAddress, str]:
    """Return those addresses that belong behind libvirt, each with its network's name."""
    routed = [network for network in facts.networks if network.forward_mode in ROUTED]
    subnets = [(subnet, network.name) for network in routed for subnet in parse_subnets(network.document)]
    return {address: name for address in addresses for subnet, name in subnets if address in subnet}


def _running_on_lan(facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    for domain in facts.domains:
        for interface in domain.running:
            if interface.mac is not None and on_lan(interface.source, facts):
                yield domain, interface


def old_addresses(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """domain.old-lease, domain.old-address: no guest on a LAN has an address from behind libvirt alone.

    A lease proves nothing: the old network's server goes on listing it. The guest's agent tells, or the guest's answer.
    """
    answered = facts.lan.guests if facts.lan is not None else ()
    for domain, interface in _running_on_lan(facts):
        own = [a for a in facts.guest_addresses if a.mac == interface.mac]
        told = {a.interface.ip for a in own if a.origin != "lease"}
        heard = {answer.address for answer in answered if answer.mac == interface.mac}
        old = _behind(told | heard, facts)
        if not old or {address for address in told if address.version == 4} - set(old):
            continue
        leased = set(old) & {a.interface.ip for a in own if a.origin == "lease"}
        seen = ", ".join(f"{address} of network {name}" for address, name in old.items())
        agent = command("virsh", "domifaddr", *ways.named(domain), "--source", "agent")
        hint = "take its link down and up: its DHCP client then asks again. Otherwise reboot it"
        yield Finding(
            rule="domain.old-lease" if leased else "domain.old-address", layer="domain", wanted=_ON_THE_LAN, seen=seen,
            subject=subject_of(domain, interface), source="ARP" if heard else "guest agent", ok=False,
            shown_by=_SHOWN_BY_ARP if heard else agent,
            hint=hint if leased else "the address did not come from a DHCP server: change it inside the guest",
            fix=ways.bounce(domain, interface) if leased else (),
        )  # fmt: skip


def filters_missing(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """filter.missing: each filter that a stored document names is defined."""
    known = facts.surroundings.filters if facts.surroundings is not None else None
    for domain in facts.domains if known is not None else ():
        for interface in domain.persistent:
            if interface.filter and interface.filter not in (known or ()):
                yield Finding(
                    rule="filter.missing", layer="filter", subject=subject_of(domain, interface), source=LIBVIRT,
                    wanted=f"filter {interface.filter}", seen="no such filter", ok=False,
                    shown_by=command("virsh", "nwfilter-list"),
                    hint="define it (virsh nwfilter-define FILE), or remove it: then nothing is filtered",
                    fix=(ways.change_stored(domain, interface, _WITHOUT_FILTER),),
                )  # fmt: skip


def filters_of_old(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """filter.old-address: no filter on a LAN's tap holds the guest to an address from behind libvirt."""
    passed = {f.tap: f.addresses for f in (facts.surroundings.tap_filters if facts.surroundings else ())}
    for domain, interface in _running_on_lan(facts):
        tap = interface.target or ""
        given = [address for address in passed.get(tap, ()) if address.version == 4]
        old = _behind(given, facts)
        if not old or len(old) < len(set(given)):
            continue
        listed = ", ".join(map(str, old))
        fix = _learn_again(tap) if learns(interface) else _without_address(domain, interface)
        yield Finding(
            rule="filter.old-address", layer="filter", subject=subject_of(domain, interface), wanted=_ON_THE_LAN,
            seen=f"{tap}: filter {interface.filter} allows only {listed}", source=EBTABLES, ok=False,
            shown_by=root("ebtables", "-t", "nat", "-L", f"I-{tap}-ipv4-ip"),
            hint="a new filter learns the next address that the guest uses",
            fix=(*fix, *ways.bounce(domain, interface)),
        )  # fmt: skip


_WITHOUT_FILTER = "/<filterref .*\\/>/d; /<filterref /,/<\\/filterref>/d"
_WITHOUT_ADDRESS = "/<parameter name=['\"]IP['\"]/d"


def _without_address(domain: Domain, interface: Interface) -> tuple[Command, ...]:
    stored = (ways.change_stored(domain, interface, _WITHOUT_ADDRESS),) if domain.stored else ()
    return (*stored, ways.change_running(domain, interface, _WITHOUT_ADDRESS))


def _learn_again(tap: str) -> tuple[Command, ...]:
    kept, binding = f"/run/{tap}.xml", last(tap)
    return (
        pipe(root("virsh", "nwfilter-binding-dumpxml", *binding), root("tee", kept)),
        root("virsh", "nwfilter-binding-delete", *binding),
        root("virsh", "nwfilter-binding-create", kept),
    )


CHECKS = (old_addresses, filters_missing, filters_of_old)
"""What doctor looks at."""
