"""What must be the same before and after a run for a link that the run must not change."""

from __future__ import annotations

from collections.abc import Iterable

from vmnet.facts.everything import Facts

Proof = tuple[tuple[str, str], ...]
"""(what, how it is): ("MTU", "1500")."""

PROFILE = "profile's "
"""Prefix of settings of the active profile, which separates them from values of the kernel."""
NM_VERSION = "NetworkManager"


def proof_of(ifname: str, facts: Facts) -> Proof:
    """Return what is known of a link: index, MAC, MTU, carrier changes, addresses, routes, rules, active profile,
    and the zone that firewalld has it in, where that runs.

    IPv6 addresses that a router has announced come and go by themselves: they are left out, as are IPv6 routes.
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
    zone = (("firewall zone", facts.firewalld.zone_of(ifname)),) if facts.firewalld else ()
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
        *zone,
    )


def record_of(ifname: str, facts: Facts) -> Proof:
    """Return what `proof_of` does, and the settings of the active profile: for a comparison in days or months."""
    profile = facts.active_profile(ifname)
    # The time at which it was up last is not the admin's doing.
    settings = [pair for pair in profile.settings if pair[0] != "connection.timestamp"] if profile else []
    proof = (*proof_of(ifname, facts), (NM_VERSION, facts.nm_version or "none"))
    return (*proof, *((f"{PROFILE}{key}", value) for key, value in settings))


def _version_4(thing: object) -> bool:
    return getattr(thing, "version", 4) == 4


def _joined(items: Iterable[str]) -> str:
    return ", ".join(sorted(items)) or "none"
