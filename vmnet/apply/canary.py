"""Check that the first guest answers on the bridge, before the others move there."""

from __future__ import annotations

import ipaddress
import time
from typing import TYPE_CHECKING

from vmnet.errors import HypervisorError, LinkError
from vmnet.host import arp_probe, netlink, sysfs
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from vmnet.facts import GuestAddress
    from vmnet.host.hypervisor import Hypervisor
    from vmnet.host.listen import TapListener
    from vmnet.names import Mac
    from vmnet.plan.steps import Guest, WaitGuests
    from vmnet.spec import IpAddress

    Addresses = dict[Mac, list[IpAddress]]

LOOK_S = 1.0
RENEW_S = 20.0
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
        new = _new_addresses(step, hypervisor, listener.learn(LOOK_S))
        old_counts = not step.renews or took > RENEW_S
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
