"""Values that every part of the plan of one bridge needs, computed once."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmnet.facts import Route
from vmnet.names import Mac
from vmnet.plan.host.layer3 import Layer3
from vmnet.plan.host.profiles import MAC, WantedProfile
from vmnet.spec import BondMode, BridgeSpec, NoAddress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmnet.facts import Facts, Link
    from vmnet.spec import HostSpec, IpAddress, IpInterface


LOSING = 1000
"""While the bridge is built, the metric of its routes is worse than the current ones by this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Build:
    """A bridge of the request, the facts, and what follows from both.

    `nics`: the NICs that become ports, or are; none where the bridge stands on a VLAN of a bond that another bridge has
    made, or makes in this plan. `live`: the port that carries the current address and joins last; None if none does, or
    if it becomes a port at once. `missing`: the ports that are to join a bridge and bond that exist and are changed in
    place; None where all is created. `wanted`: the profiles, the bridge's first; `below`: those that exist under a new
    VLAN, and are changed in place.
    """

    spec: HostSpec
    asked: BridgeSpec
    facts: Facts
    nics: tuple[Link, ...]
    management: str | None
    layer3: Layer3
    wanted: tuple[WantedProfile, ...]
    live: str | None
    missing: tuple[str, ...] | None
    below: tuple[WantedProfile, ...] = ()

    @property
    def bridge(self) -> WantedProfile:
        return self.wanted[0]

    @property
    def mac(self) -> Mac:
        """The MAC of the bridge, and of what it stands on."""
        return Mac(dict(self.bridge.shape)[MAC])

    @property
    def makes_bond(self) -> bool:
        """Whether the bond is made with this bridge."""
        return self.asked.bond is not None and bool(self.nics)

    @property
    def ports(self) -> tuple[str, ...]:
        """The links that join: the NICs, or the VLAN on a bond that exists."""
        return tuple(nic.ifname for nic in self.nics) or self.asked.uplinks

    @property
    def takes_over(self) -> bool:
        """Whether the bridge gets an address that another link has now."""
        return self.layer3.holder not in (None, self.bridge.ifname)

    @property
    def idle(self) -> tuple[str, ...]:
        return tuple(port for port in self.ports if port != self.live)

    @property
    def controller(self) -> str:
        """What the ports join: the bond, or the bridge."""
        return self.asked.bond.ifname if self.asked.bond and self.nics else self.bridge.ifname

    @property
    def touched(self) -> tuple[str, ...]:
        """The links whose configuration changes: the ports, and what has the address now."""
        holder = (self.layer3.holder,) if self.layer3.holder else ()
        return (*self.ports, *holder)

    @property
    def lacp(self) -> bool:
        return self.makes_bond and self.asked.bond is not None and self.asked.bond.mode is BondMode.LACP

    @property
    def uplinks(self) -> tuple[str, ...]:
        return self.asked.below[:1] or self.ports

    def port(self, ifname: str) -> WantedProfile:
        return next(profile for profile in self.wanted if profile.ifname == ifname)


def winning_metric(layer3: Layer3, bridge: str, facts: Facts) -> Layer3:
    """While NIC and bridge both have the address, the bridge's routes must win, whatever the metrics of their kinds
    (NetworkManager: 100 for Ethernet, 425 for a bridge); one less than the NIC's keeps the order to all others."""
    if layer3.holder in (None, bridge) or any(key == "ipv4.route-metric" for key, _ in layer3.settings):
        return layer3
    metrics = [r.metric for r in facts.routes if r.ifname == layer3.holder and r.metric > 1]
    if not metrics:
        return layer3
    return replace(layer3, settings=(*layer3.settings, ("ipv4.route-metric", str(min(metrics) - 1))))


def losing_metric(build: Build) -> int | None:
    """While it is built, the bridge's routes must lose to those of the link that has the address now; None when no
    other link has it."""
    metrics = _metrics_now(build)
    return max(metrics) + LOSING if metrics else None


def first_routes(build: Build) -> tuple[Route, ...]:
    """Return the routes with which the bridge's static IPv4 wins at once. They are better than those of the link that
    has the address now, and than those that NetworkManager adds next. Empty if the metrics leave no room."""
    best = min(_metrics_now(build), default=0) - 2
    mine = [address for address in build.layer3.addresses if address.version == 4]
    if best < 1 or not mine:
        return ()
    bridge = build.bridge.ifname
    networks = {a.network: a.ip for a in reversed(mine) if a.network.prefixlen < 32}
    gateways = {gateway: _source(gateway, mine) for gateway in build.layer3.gateways if gateway.version == 4}
    return (
        *(Route(destination=n, gateway=None, ifname=bridge, metric=best, source=ip) for n, ip in networks.items()),
        *(Route(destination=None, gateway=g, ifname=bridge, metric=best, source=ip) for g, ip in gateways.items()),
    )


def routes_back(build: Build) -> tuple[Route, ...]:
    """In a rollback, the routes of the link that has the address now must win before the other NICs leave the bridge,
    which still exists."""
    if build.live is None or build.layer3.holder is None or not build.idle:
        return ()
    return tuple(replace(route, ifname=build.layer3.holder) for route in first_routes(build))


def _source(gateway: IpAddress, addresses: Sequence[IpInterface]) -> IpAddress:
    return next((address.ip for address in addresses if gateway in address.network), addresses[0].ip)


def _metrics_now(build: Build) -> list[int]:
    holder = build.layer3.holder
    if holder in (None, build.bridge.ifname):
        return []
    ends = ((r.destination or r.gateway, r.metric) for r in build.facts.routes if r.ifname == holder)
    return [metric for end, metric in ends if end is not None and end.version == 4]


def bridge_mac(asked: BridgeSpec, nics: Sequence[Link], holder: str | None, facts: Facts) -> Mac:
    """Return the MAC of the bridge: the holder's, which neighbours, DHCP servers and port security know."""
    exists = facts.link(asked.ifname)
    if exists is not None and holder == exists.ifname:
        return exists.mac
    if holder is not None and holder not in {nic.ifname for nic in nics} and (link := facts.link(holder)):
        return link.mac
    nic = next((nic for nic in nics if nic.ifname == holder), nics[0])
    return nic.permanent_mac or nic.mac


def resolved(asked: BridgeSpec, layer3: Layer3, **found: object) -> BridgeSpec:
    """Return what is wanted with nothing left open, for verify to compare with: what was asked for, and what follows
    from the host.

    Args:
        found: fields of the record that the plan has filled in.
    """
    static = () if layer3.dhcp else tuple(address for address in layer3.addresses if address.version == 4)
    asked_for = asked.requested
    address = replace(asked_for, dhcp=layer3.dhcp, addresses=static, gateways=layer3.gateways, dns=layer3.dns)
    if isinstance(asked.address, NoAddress):
        return replace(asked, mtu=layer3.mtu, **found)  # type: ignore[arg-type]
    return replace(asked, mtu=layer3.mtu, address=address, **found)  # type: ignore[arg-type]
