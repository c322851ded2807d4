"""The way from a bridge on: uplink, bond, LACP, NICs and their cables, gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks.hops import Scope
from vmnet.shell_words import root
from vmnet.spec import BondMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.checks.hops import Ground, Hop
    from vmnet.facts import Facts, Link

_UPLINK_RULES = ("bridge.uplinks",)


def below_bridge(bridge: str, ground: Ground) -> Iterator[Hop]:
    """Yield the hops from a bridge to the gateway."""
    ports = ground.facts.uplinks(bridge)
    if not ports:
        veths = [port for port in ground.facts.ports(bridge) if port.kind == "veth"]
        names = ", ".join(veth.ifname for veth in veths)
        up = any(veth.carrier for veth in veths)
        other_end = "vmnet does not know the other end" if up else "no carrier"
        seen = f"{names}: {other_end}" if veths else "none: nothing leads to the LAN"
        about = (bridge,)
        hint = "bridge link show lists the ports; vmnet host-setup adds the NICs"
        yield ground.hop(
            "uplink",
            bridge,
            seen,
            ok=None if up else False,
            scope=Scope(rules=_UPLINK_RULES, about=about),
            hint=hint,
        )
    for port in ports:
        state = port.bridge_port_state or "state not known"
        forwards = None if port.bridge_port_state is None else port.bridge_port_state == "forwarding"
        own = (t.rule.id for t in ground.troubles if t.rule.layer == "bridge" and t.finding.subject == port.ifname)
        scope = Scope(rules=(*_UPLINK_RULES, *own), about=(bridge,))
        yield ground.hop("uplink", port.ifname, state, ok=forwards, scope=scope)
        yield from _carriers(port.ifname, ground)
    yield _gateway(bridge, ground)


def below_direct(name: str, target: str | None, parent: str, ground: Ground) -> Iterator[Hop]:
    """Yield the hops of an interface that sits on a link itself (macvtap)."""
    tap = ground.facts.link(target)
    seen = "missing" if tap is None else f"{'up' if tap.admin_up else 'down'}, on {parent}"
    if ground.runs:
        ok = tap is not None and tap.admin_up
        yield ground.hop(
            "macvtap", target or "none", seen, ok=ok, scope=Scope(about=(name,), rules=("domain.tap-down",))
        )
    if ground.facts.link(parent) is None:
        yield ground.hop("NIC", parent or "none", "missing", ok=False)
        return
    yield from _carriers(parent, ground)
    yield _gateway(parent, ground)


def _carriers(ifname: str, ground: Ground) -> Iterator[Hop]:
    links = sorted(
        ground.facts.carriers(ifname), key=lambda link: (link.hardware, link.ifname if link.hardware else "")
    )
    nics = [link for link in links if link.hardware]
    open_ = any(nic.admin_up and nic.carrier for nic in nics)
    for link in links:
        if link.kind == "bond":
            yield from _bond(link, ground)
        elif link.kind == "vlan":
            yield ground.hop("VLAN", link.ifname, f"on {link.parent}", ok=link.admin_up, scope=Scope(layers=("NIC",)))
        elif link.hardware:
            yield _nic(link, ground, stands=open_ and len(nics) > 1)


def _bond(bond: Link, ground: Ground) -> Iterator[Hop]:
    state = bond.bond
    mode = state.mode if state else "mode not known"
    seen = f"{mode}, {'carrier' if bond.carrier else 'no carrier'}"
    active = f", {state.active_port} carries" if state and state.active_port else ""
    yield ground.hop(
        "bond", bond.ifname, seen + active, ok=bond.admin_up and bond.carrier, scope=Scope(layers=("bond",))
    )
    if state is not None and state.mode == BondMode.LACP.value:
        yield _lacp(bond, ground)


def _lacp(bond: Link, ground: Ground) -> Hop:
    ports = ground.facts.ports(bond.ifname)
    forwarding = [port.ifname for port in ports if port.lacp is not None and port.lacp.forwarding]
    partner = bond.bond.partner_mac if bond.bond else None
    seen = f"{', '.join(forwarding) or 'no port'} collects and distributes, partner {partner or 'none'}"
    about = tuple(port.ifname for port in ports)
    ends = any(t.rule.id == "lacp.partner" and t.finding.subject == bond.ifname for t in ground.troubles)
    return ground.hop(
        "LACP",
        bond.ifname,
        seen,
        ok=bool(forwarding) and not ends,
        scope=Scope(layers=("LACP",), about=about, stands=bool(forwarding)),
    )


def _nic(nic: Link, ground: Ground, *, stands: bool) -> Hop:
    speed = f", {nic.speed_mbit} Mbit/s" if nic.carrier and nic.speed_mbit else ""
    up = f"{'up' if nic.admin_up else 'down'}, {'carrier' if nic.carrier else 'no carrier'}{speed}"
    seen = up if nic.carrier or not stands else f"{up}; another port carries"
    ok = stands or (nic.admin_up and nic.carrier)
    up_again = root("ip", "link", "set", "dev", nic.ifname, "up")
    hint = "check the cable and the switch port" if nic.admin_up else up_again
    return ground.hop("NIC", nic.ifname, seen, ok=ok, scope=Scope(layers=("NIC",), stands=stands), hint=hint)


def _gateway(link: str, ground: Ground) -> Hop:
    facts: Facts = ground.facts
    gateways = [route.gateway for route in facts.default_routes(link) if route.gateway is not None]
    name = str(gateways[0]) if gateways else "none known"
    asked = facts.lan if facts.lan is not None and facts.lan.bridge == link else None
    if asked is None or asked.gateway_answered is None:
        return ground.hop(
            "gateway",
            name,
            "not asked; to ask it: vmnet doctor --probe",
            ok=None,
            scope=Scope(layers=("LAN",), about=(link,)),
        )
    seen = "answers a new MAC" if asked.gateway_answered else "does not answer a new MAC"
    return ground.hop("gateway", name, seen, ok=asked.gateway_answered, scope=Scope(layers=("LAN",), about=(link,)))
