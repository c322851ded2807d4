"""Addresses of NICs that become ports, other than those that the bridge gets: the host loses them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan.risks.accept import Risk, listed
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Address, Link
    from vmnet.plan.host.build import Build

FLAG = "--allow-lost-address"


def lost_address_risks(build: Build) -> Iterator[Risk]:
    """Yield a risk for each NIC that has an address of its own, with the routes that go with it."""
    for nic in build.nics:
        lost = [str(address.interface) for address in _lost(nic, build) if not _is_spare(address, build)]
        if lost:
            routes = [
                f"{route.destination or 'default'} via {route.gateway}"
                for route in build.facts.routes
                if route.ifname == nic.ifname and route.gateway is not None
            ]
            more = f", and its routes {listed(routes)}" if routes else ""
            yield Risk(
                message=f"{nic.ifname} becomes a port, and the host would lose its {listed(lost)}{more}",
                hint=f"name other NICs, or give all addresses of the bridge, {command('--address', lost[0])} too",
                flag=FLAG,
                accepted=build.spec.allow_lost_address,
            )


def lost_address_warnings(build: Build) -> tuple[str, ...]:
    """Return a warning for each leased address that goes while the bridge keeps another one of the same network."""
    return tuple(
        f"the host loses {address.interface}, which {nic.ifname} has by DHCP or from a router, and keeps "
        f"its other address in that network"
        for nic in build.nics
        for address in _lost(nic, build)
        if _is_spare(address, build)
    )


def _lost(nic: Link, build: Build) -> list[Address]:
    if nic.ifname == build.layer3.holder:
        return []
    kept = set(build.layer3.addresses)
    found = [a for a in build.facts.addresses if a.ifname == nic.ifname and a.scope == "global"]
    return [address for address in found if address.interface not in kept]


def _is_spare(address: Address, build: Build) -> bool:
    """Return whether the address came by itself, and the bridge has one of the same network."""
    return address.dynamic and any(address.interface.ip in kept.network for kept in build.layer3.addresses)
