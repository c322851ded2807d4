"""Where the guests are after a run: their new addresses, as far as they can be known from here."""

from __future__ import annotations

import ipaddress
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vmnet.errors import HypervisorError, LinkError
from vmnet.host.kernel import netlink, sysfs
from vmnet.host.lan import arp_probe
from vmnet.host.lan.listen import TapListener
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.plan import steps
from vmnet.plan.domains.rows import rows_after
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from vmnet.facts import Facts, GuestAddress
    from vmnet.host.lan.listen import TapListener
    from vmnet.host.libvirt.hypervisor import Hypervisor
    from vmnet.names import Mac
    from vmnet.plan.steps import Guest, MovedInterface, Plan, WaitGuests
    from vmnet.spec import IpAddress

    Agents = dict[str, set[Mac]]

    Addresses = dict[Mac, list[IpAddress]]

ASKED_AT_ONCE = 8
LOOK_S = 1.0
RENEW_S = 30.0
"""How long after the bounce a guest may take: systemd-networkd took up to 6 s, NetworkManager up to 5 s; dhclient and
udhcpc do not react at all."""


@contextmanager
def listening(plan: Plan, facts: Facts) -> Iterator[TapListener]:
    """Listen on the taps of all running interfaces that the plan moves."""
    with TapListener(_taps(plan, facts)) as listener:
        yield listener


def _taps(plan: Plan, facts: Facts) -> dict[str, Mac]:
    if facts.hypervisor_elsewhere:
        return {}
    moved = {row.mac for row in plan.rows if row.mac is not None}
    running = (interface for domain in facts.domains for interface in domain.running)
    return {i.target: i.mac for i in running if i.target and i.mac in moved}


def rows_now(plan: Plan, facts: Facts, listener: TapListener, uri: str) -> tuple[MovedInterface, ...]:
    """Return the plan's rows as they are after the run; waits for the guests that were made to ask."""
    if not plan.rows:
        return ()
    agents = _agents(plan, facts)
    # Only a connection that may write may ask an agent.
    with Hypervisor(uri, read_only=not agents) as libvirt:
        seen = watch(_asking(plan), agents, facts, listener, libvirt)
        return rows_after(plan.rows, libvirt.read_states(), seen)


def _agents(plan: Plan, facts: Facts) -> Agents:
    """Return the domains whose agents can tell where they are, and the MACs that have moved."""
    moved = {row.mac for row in plan.rows if row.mac is not None}
    macs = {domain.uuid: moved & {i.mac for i in domain.running} for domain in facts.domains if domain.agent}
    return {uuid: found for uuid, found in macs.items() if found}


def _asking(plan: Plan) -> frozenset[Mac]:
    """Return the MACs of those that were made to ask: one whose link is down, or that is paused, will not."""
    bounces = (planned.step for planned in plan.planned if isinstance(planned.step, steps.BounceLinks))
    return frozenset(link.mac for bounce in bounces for link in bounce.links)


def watch(
    asking: Collection[Mac], agents: Agents, facts: Facts, listener: TapListener, libvirt: Hypervisor
) -> list[GuestAddress]:
    """Return the guests' addresses as soon as all that are `asking`, and of whom one hears, have a new one; after
    `RENEW_S` seconds in any case. What an agent says counts more than what was last heard on the tap."""
    old = {address.interface.ip for address in facts.guest_addresses}
    wanted = listener.macs.union(*agents.values()).intersection(asking)
    deadline = time.monotonic() + (RENEW_S if wanted else 0.0)
    while True:
        look = time.monotonic() + LOOK_S
        heard = listener.learn(min(LOOK_S, max(0.0, deadline - time.monotonic())), old)
        said = _ask_all(libvirt, agents)
        told = {address.mac for address in said}
        seen = [*said, *(address for address in heard if address.mac not in told)]
        new = {address.mac for address in seen if address.interface.version == 4 and address.interface.ip not in old}
        if wanted <= new or time.monotonic() >= deadline:
            return seen
        time.sleep(max(0.0, look - time.monotonic()))


def _ask_all(libvirt: Hypervisor, agents: Agents) -> list[GuestAddress]:
    if not agents:
        return []
    # One that hangs takes libvirt's 5 s.
    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        said = pool.map(lambda uuid: _ask(libvirt, uuid, agents[uuid]), agents)
        return [address for found in said for address in found]


def _ask(libvirt: Hypervisor, uuid: str, macs: Collection[Mac]) -> list[GuestAddress]:
    try:
        return libvirt.ask_agent(uuid, macs)
    except HypervisorError:
        # It was shut off or removed meanwhile.
        return []


# Check that the first guest answers on the bridge, before the others move there.

HEAR_S = 1.0
CANARY_RENEW_S = 20.0
"""Time for a guest whose link was bounced to get a new address. After that, an answer at its old address is enough: it
may be static, or its DHCP client may ignore the link."""


def wait_guests(
    step: WaitGuests, hypervisor: Hypervisor, listener: TapListener, alive: Callable[[float], None]
) -> None:
    """Wait until one of the guests is proven: it answers ARP on the bridge. Where no address is known, its MAC must be
    heard there; of a hypervisor elsewhere, only what the guest's agent says can be known.

    Args:
        listener: listens on the guests' taps.
        alive: called now and then with the seconds that are left.

    Raises:
        LinkError: none was in time.
    """
    started = time.monotonic()
    while True:
        took = time.monotonic() - started
        new = _new_addresses(step, hypervisor, listener.learn(HEAR_S))
        old_counts = not step.renews or took > CANARY_RENEW_S
        if any(_proven(guest, step.bridge, hypervisor, new, old_counts=old_counts) for guest in step.guests):
            return
        if took > step.timeout_s:
            raise LinkError(_problem(step, new), _hint(step, new))
        alive(step.timeout_s - took)


def _proven(guest: Guest, bridge: str, hypervisor: Hypervisor, new: Addresses, *, old_counts: bool) -> bool:
    addresses = new.get(guest.mac, [])
    if not hypervisor.local:
        return bool(addresses)
    old = [ipaddress.ip_address(text) for text in guest.old]
    if not addresses and not old:
        return guest.mac in sysfs.read_forwarding(bridge)
    return _answers(bridge, guest, [*addresses, *(old if old_counts else [])])


def _new_addresses(step: WaitGuests, hypervisor: Hypervisor, heard: Iterable[GuestAddress]) -> Addresses:
    old = {ipaddress.ip_address(text) for guest in step.guests for text in guest.old}
    found: Addresses = {}
    for address in (*heard, *_of_agents(step, hypervisor)):
        ip = address.interface.ip
        if ip not in old and ip.version == 4:
            found.setdefault(address.mac, []).append(ip)
    return found


def _of_agents(step: WaitGuests, hypervisor: Hypervisor) -> list[GuestAddress]:
    macs = {guest.mac for guest in step.guests}
    try:
        return [a for uuid in {guest.domain_uuid for guest in step.guests} for a in hypervisor.ask_agent(uuid, macs)]
    except HypervisorError:
        return []


def _answers(bridge: str, guest: Guest, addresses: Collection[IpAddress]) -> bool:
    if not addresses:
        return False
    links = netlink.read_links()
    own = {link.mac for link in links}
    on = [link for link in links if link.ifname == bridge]
    return any(answer.mac == guest.mac for answer in arp_probe.ask_links(on, list(addresses), own))


def _problem(step: WaitGuests, known: Addresses) -> str:
    name = step.guests[0].domain
    if known:
        addresses = ", ".join(str(ip) for ips in known.values() for ip in ips)
        return f"{name} has {addresses} but does not answer on {step.bridge}"
    return f"vmnet received nothing from {name} on {step.bridge} for {step.timeout_s} s"


def _hint(step: WaitGuests, known: Addresses) -> str:
    if known:
        return (
            "check for a firewall in the guest, and for a switch port that allows only one MAC. "
            "To go on without proof: --no-canary"
        )
    return (
        "check that the LAN answers DHCP, and that the switch allows other MACs than the host's: "
        f"{command('tcpdump', '-ni', step.bridge, 'arp or port 67')}\n"
        "to begin with another VM: --canary DOMAIN; to go on without proof: --no-canary"
    )
