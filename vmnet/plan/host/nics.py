"""Which NICs carry the bridge, and which link is the management one; why each is used or not."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.names import check_ifname
from vmnet.shell_words import command
from vmnet.spec import MATCHES, NoAddress

if TYPE_CHECKING:
    from vmnet.facts import Facts, Link
    from vmnet.spec import BridgeSpec, HostSpec

NO_MANAGEMENT = "none"
"""The value of `--management` for a host without a management link."""
_SERVICE_PROCESSOR = ("cdc_ether", "cdc_eem", "cdc_subset", "rndis_host")
"""Drivers of the USB NICs by which a server reaches its own service processor (iDRAC, XCC, iLO)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """The NICs in port order, the management link's name if there is one, and a line of reason for each NIC."""

    nics: tuple[Link, ...]
    management: str | None
    reasons: tuple[str, ...]


def with_names(spec: HostSpec, facts: Facts) -> HostSpec:
    """Return the request with the name of each NIC that it gives by permanent MAC (`mac=`) or PCI address (`pci=`), and
    of each VLAN.

    Raises:
        SpecError: no NIC of this host has it.
    """
    bridges = (replace(b, nics=tuple(_name_of(nic, facts) for nic in b.nics)) for b in spec.bridges)
    return replace(spec, bridges=tuple(with_vlan_name(bridge) for bridge in bridges))


def with_vlan_name(asked: BridgeSpec) -> BridgeSpec:
    """Return the request with the usual name for a VLAN that has none, if it is known on what the VLAN stands."""
    parent = asked.bond_name or next(iter(asked.nics), None)
    if asked.vlan is None or asked.vlan.ifname or parent is None:
        return asked
    return replace(asked, vlan=replace(asked.vlan, ifname=f"{parent}.{asked.vlan.id}"))


def _name_of(nic: str, facts: Facts) -> str:
    key, _, value = nic.partition("=")
    if key not in MATCHES:
        return nic
    found = [link for link in _hardware(facts) if value.lower() == (link.permanent_mac if key == "mac" else link.pci)]
    # Virtual functions and VLAN-like devices may repeat the address of their NIC.
    found = [link for link in found if not link.virtual_function] or found
    if len(found) != 1:
        having = ", ".join(
            f"{link.ifname} {key}={link.permanent_mac if key == 'mac' else link.pci}" for link in _hardware(facts)
        )
        many = f"{len(found)} NICs have" if found else "no NIC has"
        raise SpecError(f"{many} {nic}", f"NICs on this host: {having or 'none'}")
    return found[0].ifname


def choose_nics(asked: BridgeSpec, spec: HostSpec, facts: Facts) -> Chosen:
    """Return the NICs to build a bridge on.

    Raises:
        SpecError: a NIC is named twice, is unknown, or none was named and none can be proposed.
        Refused: a named NIC cannot or must not carry the bridge.
    """
    management = find_management(spec, facts)
    if not asked.nics:
        return _propose(asked, facts, management)
    check_named(asked)
    nics = tuple(_named(name, facts, management) for name in asked.nics)
    named = {name for bridge in spec.bridges for name in bridge.nics}
    left = [_left(link, facts, management, asked) for link in _hardware(facts) if link.ifname not in named]
    return Chosen(nics=nics, management=management, reasons=(*(f"{n.ifname}: used, as requested" for n in nics), *left))


def check_named(asked: BridgeSpec) -> None:
    """Raise SpecError if the named NICs exclude each other on any host."""
    for number, name in enumerate(asked.nics):
        check_ifname(name, what="NIC name")
        if name in asked.nics[:number]:
            raise SpecError(f"NIC {name} is named twice", "name each NIC once")
    if asked.bond is None and len(asked.nics) > 1:
        raise SpecError(
            f"without a bond the bridge takes one NIC, and {len(asked.nics)} are named",
            "name one NIC, or leave --no-bond out",
        )


def _hardware(facts: Facts) -> list[Link]:
    return sorted((link for link in facts.links if link.hardware), key=lambda link: link.ifname)


def find_management(spec: HostSpec, facts: Facts) -> str | None:
    """Return the management link: the one that is named, or that has an address and is none of the wanted NICs.

    Raises:
        SpecError: there is no link of the given name.
    """
    if spec.management == NO_MANAGEMENT:
        return None
    if spec.management is not None:
        if facts.link(spec.management) is None:
            raise SpecError(f"there is no link {spec.management!r}", _known_links(spec.management, facts))
        return spec.management
    # It has an address, and another link has the best default route. Its own network may announce a router, too.
    named = tuple(name for bridge in spec.bridges for name in bridge.nics)
    carrying = named or best_uplinks(facts)
    guessed = [
        link.ifname
        for link in _hardware(facts)
        if facts.addresses_of(link.ifname)
        and link.controller is None
        and link.driver not in _SERVICE_PROCESSOR
        and not (link.ifname in carrying and facts.default_routes(link.ifname))
    ]
    return min(guessed, key=lambda name: (name in named, bool(facts.default_routes(name))), default=None)


def best_uplinks(facts: Facts) -> tuple[str, ...]:
    """Return the links of the default routes with the lowest metric: those of IPv4, or of IPv6 if it has none."""
    for version in (4, 6):
        routes = [r for r in facts.default_routes() if r.gateway is None or r.gateway.version == version]
        if routes:
            best = min(route.metric for route in routes)
            return tuple(dict.fromkeys(route.ifname for route in routes if route.metric == best))
    return ()


def _known_links(name: str, facts: Facts) -> str:
    names = [link.ifname for link in _hardware(facts)]
    close = difflib.get_close_matches(name, names, n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return f"{meant}NICs on this host: {', '.join(names) or 'none'}"


def _named(name: str, facts: Facts, management: str | None) -> Link:
    link = facts.link(name)
    if link is None:
        raise SpecError(f"there is no NIC {name!r}", _known_links(name, facts))
    if name == management:
        raise Refused(
            f"{name} is the management link ({_addresses(link, facts)}); vmnet never changes it",
            "name other NICs. If another link is the management link, give it with --management LINK, "
            f"or {command('--management', NO_MANAGEMENT)} if there is none",
        )
    problem = _unfit(link)
    if problem:
        raise Refused(f"{name} {problem}", "name a wired NIC: " + _known_links("", facts))
    return link


def _addresses(link: Link, facts: Facts) -> str:
    return ", ".join(str(a) for a in facts.addresses_of(link.ifname)) or "no address"


def _unfit(link: Link) -> str:
    """Return why a link can never be a port of a bridge with guests; "" when it can."""
    if link.wireless:
        return "is a Wi-Fi NIC: the access point drops frames from other MACs, so guests would reach nobody"
    if not link.hardware:
        return f"is a {link.kind or 'virtual'} link, not a NIC"
    if not link.ethernet:
        return "is not an Ethernet NIC, and a bridge takes Ethernet only"
    if link.driver in _SERVICE_PROCESSOR:
        return f"is a USB link to this server's service processor ({link.driver}), which leads to no switch"
    return ""


def _propose(asked: BridgeSpec, facts: Facts, management: str | None) -> Chosen:
    best = best_uplinks(facts)
    fit = [link for link in _hardware(facts) if not _left_because(link, facts, management, asked)]
    if len(several := [link.ifname for link in fit if link.ifname in best]) > 1:
        raise SpecError(
            f"vmnet cannot tell which NIC is the uplink: {', '.join(several)} have default routes of one metric",
            f"name the NICs: {command('vmnet', 'host-setup', several[0])}",
        )
    # The one that has the default route comes first: it gives the bridge its MAC.
    fit.sort(key=lambda link: (link.ifname not in best, link.ifname))
    taken = fit if asked.bond else fit[:1]
    if not taken:
        why = "; ".join(_left(link, facts, management, asked) for link in _hardware(facts))
        raise SpecError(
            f"vmnet finds no suitable NIC ({why or 'this host has none'})", "name the NICs: vmnet host-setup em1 p4p1"
        )
    names = {link.ifname for link in taken}
    reasons = [f"{link.ifname}: used, wired and with carrier" for link in taken]
    left = [_left(link, facts, management, asked) for link in _hardware(facts) if link.ifname not in names]
    return Chosen(nics=tuple(taken), management=management, reasons=(*reasons, *left))


def _left(link: Link, facts: Facts, management: str | None, asked: BridgeSpec) -> str:
    return f"{link.ifname}: not used, {_left_because(link, facts, management, asked) or 'not requested'}"


def _left_because(link: Link, facts: Facts, management: str | None, asked: BridgeSpec) -> str:
    device = facts.device(link.ifname)
    if link.ifname == management:
        return f"the management link ({_addresses(link, facts)})"
    wanted = {asked.ifname, *asked.below}
    if isinstance(asked.address, NoAddress) and link.controller not in (None, *wanted):
        return f"a port of {link.controller}"
    if facts.addresses_of(link.ifname) and (
        isinstance(asked.address, NoAddress) or link.ifname not in best_uplinks(facts)
    ):
        return f"it has an address of its own ({_addresses(link, facts)})"
    if link.wireless:
        return "Wi-Fi"
    if not link.ethernet:
        return "not Ethernet, and a bridge takes Ethernet only"
    if link.driver in _SERVICE_PROCESSOR:
        return f"a USB link to this server's service processor ({link.driver})"
    if link.virtual_function:
        return "a virtual function of another NIC"
    if not link.carrier and link.admin_up:
        return "no carrier: no cable, or the switch port is off"
    if device is not None and not device.managed:
        return "not managed by NetworkManager"
    return ""
