"""What must be the same of a link before and after a run that was not to touch it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmnet.facts.everything import Facts

Proof = tuple[tuple[str, str], ...]
"""(what, how it is): ("MTU", "1500")."""


def proof_of(ifname: str, facts: Facts) -> Proof:
    """Return what is known of a link: index, MAC, MTU, carrier changes, addresses, routes, rules, active profile.

    IPv6 addresses that a router has announced come and go by themselves and are left out, as are IPv6 routes.
    """
    link = facts.link(ifname)
    if link is None:
        return (("link", "not there"),)
    addresses = [a for a in facts.addresses if a.ifname == ifname and not (a.dynamic and a.interface.version == 6)]
    own = {str(address.interface.ip) for address in addresses}
    routes = [
        f"{route.destination or 'default'} via {route.gateway or 'link'} metric {route.metric}"
        for route in facts.routes
        if route.ifname == ifname and _version_4(route.destination or route.gateway)
    ]
    device = facts.device(ifname)
    return (
        ("index", str(link.ifindex)),
        ("MAC", link.mac),
        ("MTU", str(link.mtu)),
        ("controller", link.controller or "none"),
        ("carrier changes", str(link.carrier_changes)),
        ("addresses", _joined(str(address.interface) for address in addresses)),
        ("routes", _joined(routes)),
        ("rules", _joined(rule for rule in facts.rules if {ifname, *own} & set(rule.replace("/", " ").split()))),
        ("active profile", (device.profile if device else None) or "none"),
    )


def _version_4(thing: object) -> bool:
    return getattr(thing, "version", 4) == 4


def _joined(items: Iterable[str]) -> str:
    return ", ".join(sorted(items)) or "none"
