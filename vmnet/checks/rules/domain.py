"""Rules about domains: their state, links and addresses, and what guests still have of the network that they left."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from vmnet.checks import commands
from vmnet.checks.findings import EBTABLES, LIBVIRT, Finding, subject_of
from vmnet.checks.registry import diagnosed
from vmnet.checks.rules.network import named
from vmnet.documents.networks import parse_subnets
from vmnet.facts import Domain, DomainState, Facts, Interface
from vmnet.plan.domains.interface_moves import learns, pair_interfaces
from vmnet.shell_words import Command, command, last, pipe, root
from vmnet.spec import BridgeSpec, IpAddress


@diagnosed("domain.link-down")
def links_down(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The guest's end has a link, unless the stored document, too, says that it has none."""
    for domain in facts.domains:
        for pair in pair_interfaces(domain):
            live = pair.running
            if live is None or live.link_up:
                continue
            meant = pair.persistent is not None and not pair.persistent.link_up
            yield Finding(
                subject=subject_of(domain, live), wanted="link up",
                seen=f"link down in the running document{' and the persistent one' if meant else ''}", source=LIBVIRT,
                ok=meant, shown_by=command("virsh", "domif-getlink", *commands.named(domain), live.mac or ""),
                hint="for the guest its cable is pulled" + ("; this seems to be intended" if meant else ""),
                fix=(commands.set_link(domain, live, "up"),),
            )  # fmt: skip


@diagnosed("domain.state")
def states(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A domain that is paused, or neither running nor off, answers nobody; for information."""
    for domain in facts.domains:
        if domain.state in (DomainState.PAUSED, DomainState.OTHER):
            paused = domain.state is DomainState.PAUSED
            yield Finding(
                subject=domain.name, wanted="running or shut off",
                seen="paused" if paused else "neither running, paused nor shut off", source=LIBVIRT, ok=True,
                shown_by=command("virsh", "domstate", *commands.named(domain), "--reason"),
                hint="a guest that is not running does not answer",
                fix=(root("virsh", "resume", *commands.named(domain)),) if paused else (),
            )  # fmt: skip


@diagnosed("domain.one-lan")
def in_one_lan(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A domain with two interfaces on one bridge; for information."""
    for domain in facts.domains:
        interfaces = domain.running if domain.active else domain.persistent
        bridges = Counter(b for i in interfaces if facts.on_lan(i.source) and (b := facts.bridge_behind(i.source)))
        for bridge, count in bridges.items():
            if count > 1:
                yield Finding(
                    subject=domain.name, wanted="one interface a LAN", seen=f"{count} interfaces on {bridge}",
                    source=LIBVIRT, ok=True, shown_by=commands.list_interfaces(domain),
                    hint="this works if the guest bonds them; otherwise each interface answers for the other's address",
                )  # fmt: skip


@diagnosed("domain.address")
def unknown_addresses(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Whose address nobody on this host can tell; for information."""
    known = {address.mac for address in facts.guest_addresses if address.origin != "lease"}
    lost = tuple(
        domain
        for domain in facts.domains
        if domain.state is DomainState.RUNNING
        and any(facts.on_lan(i.source) and i.mac not in known for i in domain.running)
    )
    if lost:
        yield Finding(
            subject="all", wanted="guests' addresses known here", seen=f"not known: {named(lost)}", source=LIBVIRT,
            ok=True, shown_by=command("virsh", "domifaddr", "--source", "agent", "DOMAIN"),
            hint="libvirt has no leases of the LAN: ask its DHCP server, or install qemu-guest-agent in the guests",
        )  # fmt: skip


# Rules about what guests on a LAN still have of the network that they left: leases, addresses, filters.

_SHOWN_BY_ARP = root("vmnet", "doctor", "--probe")
_ON_THE_LAN = "an address of the LAN"


def _behind(addresses: Iterable[IpAddress], facts: Facts) -> dict[IpAddress, str]:
    """Return those addresses that belong behind libvirt, each with its network's name."""
    routed = [network for network in facts.networks if network.routed]
    subnets = [(subnet, network.name) for network in routed for subnet in parse_subnets(network.document)]
    return {address: name for address in addresses for subnet, name in subnets if address in subnet}


def _running_on_lan(facts: Facts) -> Iterator[tuple[Domain, Interface]]:
    return ((d, i) for d, i in facts.running_interfaces() if i.mac is not None and facts.on_lan(i.source))


@diagnosed("domain.old-lease", "domain.old-address")
def old_addresses(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No guest on a LAN has an address from behind libvirt alone.

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
        agent = command("virsh", "domifaddr", *commands.named(domain), "--source", "agent")
        hint = "take its link down and up: its DHCP client then asks again. Otherwise reboot it"
        yield Finding(
            rule="domain.old-lease" if leased else "domain.old-address", layer="domain",
            subject=subject_of(domain, interface), wanted=_ON_THE_LAN, seen=seen,
            source="ARP" if heard else "guest agent", shown_by=_SHOWN_BY_ARP if heard else agent,
            hint=hint if leased else "the address did not come from a DHCP server: change it inside the guest",
            fix=commands.bounce(domain, interface) if leased else (),
        )  # fmt: skip


@diagnosed("filter.missing")
def filters_missing(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each filter that a stored document names is defined."""
    known = facts.surroundings.filters if facts.surroundings is not None else None
    for domain, interface in facts.stored_interfaces() if known is not None else ():
        if interface.filter and interface.filter not in (known or ()):
            yield Finding(
                subject=subject_of(domain, interface), wanted=f"filter {interface.filter}", seen="no such filter",
                source=LIBVIRT, shown_by=command("virsh", "nwfilter-list"),
                hint="define it (virsh nwfilter-define FILE), or remove it: then nothing is filtered",
                fix=(commands.change_stored(domain, interface, _WITHOUT_FILTER),),
            )  # fmt: skip


@diagnosed("filter.old-address")
def filters_of_old(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No filter on a LAN's tap holds the guest to an address from behind libvirt."""
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
            subject=subject_of(domain, interface), wanted=_ON_THE_LAN,
            seen=f"{tap}: filter {interface.filter} allows only {listed}", source=EBTABLES,
            shown_by=root("ebtables", "-t", "nat", "-L", f"I-{tap}-ipv4-ip"),
            hint="a new filter learns the next address that the guest uses",
            fix=(*fix, *commands.bounce(domain, interface)),
        )  # fmt: skip


_WITHOUT_FILTER = "/<filterref .*\\/>/d; /<filterref /,/<\\/filterref>/d"
_WITHOUT_ADDRESS = "/<parameter name=['\"]IP['\"]/d"


def _without_address(domain: Domain, interface: Interface) -> tuple[Command, ...]:
    stored = (commands.change_stored(domain, interface, _WITHOUT_ADDRESS),) if domain.stored else ()
    return (*stored, commands.change_running(domain, interface, _WITHOUT_ADDRESS))


def _learn_again(tap: str) -> tuple[Command, ...]:
    kept, binding = f"/run/{tap}.xml", last(tap)
    return (
        pipe(root("virsh", "nwfilter-binding-dumpxml", *binding), root("tee", kept)),
        root("virsh", "nwfilter-binding-delete", *binding),
        root("virsh", "nwfilter-binding-create", kept),
    )
