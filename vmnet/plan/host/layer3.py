"""Layer 3 of the bridge: what the admin asked for, or what the host has now, as NetworkManager settings."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from ipaddress import IPv6Interface
from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.facts import CONNECTED
from vmnet.spec import NoAddress

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from vmnet.facts import Device, Facts, Link, Profile
    from vmnet.names import Mac
    from vmnet.plan.steps import Settings
    from vmnet.spec import AddressSpec, BridgeSpec, IpAddress, IpInterface

# Property -> its default value, as nmcli prints it. Only what differs is carried over, so that a
# plan shows what matters and a newer NetworkManager keeps its own defaults.
_ADOPTED: dict[str, tuple[str, ...]] = {
    "ipv4.dns": ("",),
    "ipv4.dns-search": ("",),
    "ipv4.dns-options": ("",),
    "ipv4.dns-priority": ("0",),
    "ipv4.routes": ("",),
    "ipv4.route-metric": ("-1",),
    "ipv4.route-table": ("0",),
    "ipv4.routing-rules": ("",),
    "ipv4.ignore-auto-routes": ("no",),
    "ipv4.ignore-auto-dns": ("no",),
    "ipv4.dhcp-client-id": ("",),
    "ipv4.dhcp-timeout": ("0",),
    "ipv4.dhcp-send-hostname": ("yes", "-1"),
    "ipv4.dhcp-hostname": ("",),
    "ipv4.dhcp-fqdn": ("",),
    "ipv4.never-default": ("no",),
    "ipv4.may-fail": ("yes",),
    "ipv6.dns": ("",),
    "ipv6.dns-search": ("",),
    "ipv6.dns-options": ("",),
    "ipv6.dns-priority": ("0",),
    "ipv6.routes": ("",),
    "ipv6.route-metric": ("-1",),
    "ipv6.route-table": ("0",),
    "ipv6.routing-rules": ("",),
    "ipv6.ignore-auto-routes": ("no",),
    "ipv6.ignore-auto-dns": ("no",),
    "ipv6.never-default": ("no",),
    "ipv6.may-fail": ("yes",),
    "ipv6.ip6-privacy": ("-1",),
    "ipv6.addr-gen-mode": ("default",),
    "ipv6.dhcp-duid": ("",),
    "ipv6.dhcp-iaid": ("",),
    "ipv6.token": ("",),
}

IN_A_SPEC = frozenset(f"{family}.{key}" for family in ("ipv4", "ipv6") for key in ("dns", "dns-search", "routes"))
"""Those of them that an AddressSpec has."""
_OWN_NETWORK_LINKS = ("virbr", "docker", "cni", "podman")


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer3:
    """Layer 3 of the bridge.

    `settings` are NetworkManager's (ipv4.*, ipv6.*, zone); `holder` is the link that has the addresses now, the
    bridge itself on a second run; `addresses`, `gateways` and `dns` are those that the bridge will have; `lost` are
    addresses of the holder that it will not have.
    """

    settings: Settings
    holder: str | None
    mtu: int | None
    dhcp: bool
    addresses: tuple[IpInterface, ...]
    gateways: tuple[IpAddress, ...]
    dns: tuple[IpAddress, ...]
    lost: tuple[IpInterface, ...] = ()

    @property
    def has_ipv4(self) -> bool:
        """Whether an IPv4 address will be seen, one that is known or a DHCP server's."""
        return self.dhcp or any(address.version == 4 for address in self.addresses)


def plain(value: str) -> str:
    """Return a property's value without the comment that nmcli adds: "-1 (default)" -> "-1"."""
    return re.sub(r" \([^()]*\)$", "", value)


def find_holder(nics: Sequence[Link], asked: BridgeSpec, facts: Facts) -> str | None:
    """Return the link whose addresses the bridge will get: the bridge itself, a chosen NIC, what a chosen NIC is
    a port of, or another bridge that has the default route and no NIC; None when none has any.

    A bridge on a VLAN gets those of a link that takes this VLAN's frames now, and no others.
    """
    candidates = [asked.ifname, *(nic.ifname for nic in nics)]
    candidates += [name for nic in nics for name in controllers_of(nic, facts)]
    # A bridge on NICs of its own is another network, and keeps its address.
    stray = (link.ifname for link in facts.links if link.kind == "bridge" and not facts.nics_below(link.ifname))
    candidates += [name for name in stray if facts.default_routes(name)]
    if asked.vlan is not None:
        candidates = [asked.ifname, *_vlan_links(asked.vlan.id, (*candidates, *asked.below), facts)]
    usable = [
        name for name in dict.fromkeys(candidates)
        if facts.addresses_of(name) and not name.startswith(_OWN_NETWORK_LINKS)
    ]  # fmt: skip
    with_route = [name for name in usable if facts.default_routes(name)]
    best = min(with_route, key=lambda name: min(route.metric for route in facts.default_routes(name)), default=None)
    return best or next(iter(usable), None)


def _vlan_links(tag: int, parents: Collection[str], facts: Facts) -> list[str]:
    """Return the links of a VLAN on one of the parents, and what these links are ports of."""
    found = [link for link in facts.links if link.vlan_id == tag and link.parent in parents]
    return [name for link in found for name in (link.ifname, *controllers_of(link, facts))]


def find_live(holder: str | None, nics: Sequence[Link], wanted: set[str], facts: Facts) -> str | None:
    """Return the NIC that joins last, because the address is reached over it; None where that cannot be, because
    the link with the address gets a new profile.

    Args:
        wanted: the names of the links to create.
    """
    names = [nic.ifname for nic in nics]
    link = facts.link(holder)
    if link is not None and link.vlan_id is not None and link.parent in names:
        return link.parent
    if holder is None or holder in names:
        return holder
    over = [nic.ifname for nic in nics if holder in controllers_of(nic, facts)]
    between = {name for nic in nics for name in controllers_of(nic, facts)}
    return over[0] if over and not between & wanted else None


def controllers_of(nic: Link, facts: Facts) -> list[str]:
    """Return what the NIC is a port of, what that is a port of, and so on."""
    found: list[str] = []
    link: Link | None = nic
    while link is not None and link.controller and link.controller not in found:
        found.append(link.controller)
        link = facts.link(link.controller)
    return found


def dhcp_leased(ifname: str, facts: Facts) -> bool:
    """Return whether the link gets its IPv4 address by DHCP."""
    profile = facts.active_profile(ifname)
    return profile is not None and profile.get("ipv4.method") == "auto"


def wanted_layer3(spec: AddressSpec | NoAddress | None, mtu: int | None, holder: str | None, facts: Facts) -> Layer3:
    """Return layer 3 as requested, or adopted from `holder`.

    Raises:
        SpecError: addresses, gateways and DNS do not fit together, or there is nothing to adopt.
        Refused: no address is wanted, and `holder` has one that the host would lose.
    """
    link = facts.link(holder)
    adopted_mtu = link.mtu if link and link.mtu != 1500 else None
    if isinstance(spec, NoAddress):
        return _nothing(mtu, holder, facts)
    if spec is not None:
        return replace(_requested(spec), holder=holder, mtu=mtu or adopted_mtu)
    if holder is None:
        raise SpecError(
            "none of the NICs has an address to adopt",
            "give the host's address: --address 172.16.4.3/24 --gateway 172.16.4.1 --dns 172.16.4.2, "
            "or --address dhcp, or --address none",
        )
    profile = facts.active_profile(holder)
    device = facts.device(holder)
    usable = profile is not None and device is not None and not device.external and device.state >= CONNECTED
    settings = _from_kernel(holder, facts)
    if usable and profile is not None and device is not None:
        settings = (*_from_profile(profile), *dhcp_identity(profile, device))
    lost = lost_addresses(holder, settings, facts)
    return Layer3(
        settings=settings,
        holder=holder,
        mtu=mtu or adopted_mtu,
        dhcp=dict(settings)["ipv4.method"] == "auto",
        addresses=tuple(address for address in facts.addresses_of(holder) if address not in lost),
        lost=lost,
        gateways=tuple(r.gateway for r in facts.default_routes(holder) if r.gateway is not None),
        dns=device.dns if device else (),
    )


def _nothing(mtu: int | None, holder: str | None, facts: Facts) -> Layer3:
    if holder is not None:
        addresses = ", ".join(str(address) for address in facts.addresses_of(holder))
        raise Refused(
            f"{holder} has {addresses}, and the host would lose that address with --address none",
            "to move the address to the bridge, leave --address out; for a bridge without an address, name other NICs",
        )
    settings = (("ipv4.method", "disabled"), ("ipv6.method", "disabled"))
    return Layer3(settings=settings, holder=None, mtu=mtu, dhcp=False, addresses=(), gateways=(), dns=())


def _requested(spec: AddressSpec) -> Layer3:
    _check_request(spec)
    settings: list[tuple[str, str]] = []
    for family, version in (("ipv4", 4), ("ipv6", 6)):
        addresses = [a for a in spec.addresses if a.version == version]
        automatic = ("auto" if spec.dhcp else "disabled") if version == 4 else spec.ipv6 or "auto"
        method = "auto" if version == 4 and spec.dhcp else "manual" if addresses else automatic
        settings.append((f"{family}.method", method))
        if method in ("disabled", "ignore"):
            continue
        settings += _listed(f"{family}.addresses", [str(a) for a in addresses])
        settings += _listed(f"{family}.gateway", [str(g) for g in spec.gateways if g.version == version])
        settings += _listed(f"{family}.dns", [str(d) for d in spec.dns if d.version == version])
        settings += _listed(f"{family}.routes", [r for r in spec.routes if (":" in r.split()[0]) == (version == 6)])
    settings += _listed("ipv4.dns-search" if not spec.dhcp else "ipv6.dns-search", list(spec.dns_search))
    return Layer3(
        settings=tuple(settings),
        holder=None,
        mtu=None,
        dhcp=spec.dhcp,
        addresses=spec.addresses,
        gateways=spec.gateways,
        dns=spec.dns,
    )


def _listed(key: str, values: list[str]) -> list[tuple[str, str]]:
    return [(key, ",".join(values))] if values else []


def _check_request(spec: AddressSpec) -> None:
    if not spec.dhcp and not spec.addresses:
        raise SpecError("no address is given", "give one: --address 172.16.4.3/24, or --address dhcp")
    for address in spec.addresses:
        _check_address(address)
    for gateway in spec.gateways:
        same = [a for a in spec.addresses if a.version == gateway.version]
        if spec.dhcp and gateway.version == 4:
            raise SpecError("DHCP sets the gateway, and another one is given", "leave --gateway out")
        if not any(gateway in a.network for a in same) and not gateway.is_link_local:
            nets = ", ".join(str(a.network) for a in same) or "no address of its family"
            raise SpecError(f"gateway {gateway} is outside the subnet ({nets})", "correct --gateway or the prefix")
        if any(gateway == a.ip for a in same):
            raise SpecError(f"gateway {gateway} is the host's own address", "--gateway takes the router's address")
    if len({gateway.version for gateway in spec.gateways}) != len(spec.gateways):
        raise SpecError("more than one gateway of one family is given", "give at most one for IPv4 and one for IPv6")


def _check_address(address: IpInterface) -> None:
    network = address.network
    if address.ip.is_loopback or address.ip.is_multicast or address.ip.is_unspecified:
        raise SpecError(f"{address} cannot be a host's address", "give a unicast address: 172.16.4.3/24")
    if address.version == 4 and network.prefixlen < 31 and address.ip in (network[0], network[-1]):
        what = "network's own" if address.ip == network[0] else "broadcast"
        raise SpecError(f"{address.ip} is the {what} address of {network}", "give the host's address: 172.16.4.3/24")


def _from_profile(profile: Profile) -> Settings:
    settings: list[tuple[str, str]] = []
    for family in ("ipv4", "ipv6"):
        settings.append((f"{family}.method", profile.get(f"{family}.method") or "disabled"))
        for key in ("addresses", "gateway"):
            value = profile.get(f"{family}.{key}")
            settings += [(f"{family}.{key}", value.replace(", ", ","))] if value else []
    return (*settings, *carried_settings(profile))


def carried_settings(profile: Profile) -> Settings:
    """Return the settings besides method and addresses that move with them, where they differ from the defaults."""
    found = ((key, plain(profile.get(key))) for key in _ADOPTED)
    return tuple((key, value) for key, value in found if value and value not in _ADOPTED[key])


def _from_kernel(holder: str, facts: Facts) -> Settings:
    """Return static settings equal to what a link has that no profile of NetworkManager describes."""
    settings: list[tuple[str, str]] = []
    for family, version in (("ipv4", 4), ("ipv6", 6)):
        addresses = [str(a) for a in facts.addresses_of(holder) if a.version == version]
        gateways = [str(r.gateway) for r in facts.default_routes(holder) if r.gateway and r.gateway.version == version]
        empty = "disabled" if version == 4 else "auto"
        settings.append((f"{family}.method", "manual" if addresses else empty))
        settings += _listed(f"{family}.addresses", addresses)
        settings += _listed(f"{family}.gateway", gateways[:1])
    dns = [str(d) for d in facts.resolvers if ipaddress.ip_address(d).version == 4 and not d.is_loopback]
    return (*settings, *_listed("ipv4.dns", dns))


# IPv6 of the link that the bridge replaces: its DHCPv6 identity, and the addresses that are lost with it.


def dhcp_identity(profile: Profile, device: Device) -> Settings:
    """Return the host's DHCPv6 identity, if the profile leaves it to defaults that depend on the
    link's name (NetworkManager, ipv6.dhcp-iaid)."""
    seen = (("ipv6.dhcp-duid", device.dhcp6_duid), ("ipv6.dhcp-iaid", device.dhcp6_iaid))
    return tuple((key, value) for key, value in seen if value and not profile.get(key))


def lost_addresses(holder: str, settings: Settings, facts: Facts) -> tuple[IpInterface, ...]:
    """Return the addresses of the link that the bridge will not have: those that the kernel or NetworkManager derives
    from the link's name or at random (RFC 7217, RFC 8981). Those from the MAC, and leased ones, stay."""
    link = facts.link(holder)
    if link is None or dict(settings).get("ipv6.method") != "auto" or dict(settings).get("ipv6.token"):
        return ()
    made = (a.interface for a in facts.addresses if a.ifname == holder and a.scope == "global" and a.dynamic)
    ends = of_mac(link.mac)
    return tuple(
        address
        for address in made
        if isinstance(address, IPv6Interface) and address.network.prefixlen == 64 and int(address.ip) & _LOW != ends
    )


_LOW = (1 << 64) - 1


def of_mac(mac: Mac) -> int:
    """Return the interface identifier that follows from a MAC (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    return int.from_bytes(bytes((octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:])), "big")
