"""A hop of a guest's way to the switch, and how one is judged: by what was read, and by what rules have found there."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import StrEnum

from vmnet.checks.diagnostics import Trouble
from vmnet.checks.rule_texts import Severity
from vmnet.facts import Facts, Link
from vmnet.shell_words import root
from vmnet.spec import BondMode


class HopState(StrEnum):
    """State of a hop."""

    OK = "ok"
    TROUBLE = "trouble"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One thing that a guest's frames pass through.

    Args:
        place: kind of the hop: "tap", "bridge", "LACP".
        subject: its name.
        state: whether frames pass.
        seen: what was seen, as text.
        troubles: what doctor's rules found there, without notes.
        hint: what helps, if the hop is in trouble and no rule says what helps.
    """

    place: str
    subject: str
    state: HopState
    seen: str
    troubles: tuple[Trouble, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The path of one interface of a domain, from the guest to the gateway. `interface` is its MAC."""

    domain: str
    interface: str
    hops: tuple[Hop, ...]

    @property
    def broken(self) -> Hop | None:
        """The first hop that is in trouble."""
        return next((hop for hop in self.hops if hop.state is HopState.TROUBLE), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which findings belong to a hop: those of these `layers` (but for the rules in `without`) or `rules`, if they are
    about the hop's own subject or one of `about`. `stands`: they do no harm, for another way is open."""

    layers: Collection[str] = ()
    rules: Collection[str] = ()
    without: Collection[str] = ()
    about: Collection[str] = ()
    stands: bool = False

    def holds(self, trouble: Trouble, subject: str) -> bool:
        """Return whether a trouble belongs to the hop with this subject."""
        rule = trouble.rule
        here = trouble.finding.subject in (subject, *self.about)
        meant = (rule.layer in self.layers and rule.id not in self.without) or rule.id in self.rules
        return here and meant and not trouble.finding.ok


NOTHING = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the hops of all interfaces are judged by. `runs`: the domain does; for one that does not, what keeps it from
    its next start is trouble, too."""

    facts: Facts
    troubles: tuple[Trouble, ...]
    runs: bool

    def hop(
        self, place: str, subject: str, seen: str, *, ok: bool | None, scope: Scope = NOTHING, hint: str = ""
    ) -> Hop:
        """Return a hop.

        Args:
            ok: what was seen is well; None: it cannot be told.
            scope: whose findings count here.
            hint: what helps where no rule says so.
        """
        found = tuple(t for t in self.troubles if scope.holds(t, subject))
        bad = [t for t in found if t.severity is Severity.ERROR or not self.runs] if not scope.stands else []
        state = HopState.TROUBLE if bad or ok is False else HopState.UNKNOWN if ok is None else HopState.OK
        if bad and ok is not False:
            # The hop itself looks well: what the rule has seen is the news.
            seen = bad[0].finding.seen
        shown = hint if state is HopState.TROUBLE and not found else ""
        return Hop(place=place, subject=subject, state=state, seen=seen, troubles=found, hint=shown)


# The way from a bridge on: uplink, bond, LACP, NICs and their cables, gateway.

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
        scope = Scope(rules=_UPLINK_RULES, about=(bridge,))
        hint = "bridge link show lists the ports; vmnet host-setup adds the NICs"
        yield ground.hop("uplink", bridge, seen, ok=None if up else False, scope=scope, hint=hint)
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
        scope = Scope(about=(name,), rules=("domain.tap-down",))
        yield ground.hop("macvtap", target or "none", seen, ok=tap is not None and tap.admin_up, scope=scope)
    if ground.facts.link(parent) is None:
        yield ground.hop("NIC", parent or "none", "missing", ok=False)
        return
    yield from _carriers(parent, ground)
    yield _gateway(parent, ground)


def _carriers(ifname: str, ground: Ground) -> Iterator[Hop]:
    links = list(ground.facts.carriers(ifname))
    nics = sorted((link for link in links if link.hardware), key=lambda nic: nic.ifname)
    open_ = any(nic.admin_up and nic.carrier for nic in nics)
    for link in (*(link for link in links if not link.hardware), *nics):
        if link.kind == "bond":
            yield from _bond(link, ground)
        elif link.kind == "vlan":
            yield ground.hop("VLAN", link.ifname, f"on {link.parent}", ok=link.admin_up, scope=Scope(layers=("NIC",)))
        elif link.hardware:
            yield _nic(link, ground, stands=open_ and len(nics) > 1)


def _bond(bond: Link, ground: Ground) -> Iterator[Hop]:
    state = bond.bond
    seen = f"{state.mode if state else 'mode not known'}, {'carrier' if bond.carrier else 'no carrier'}"
    seen += f", {state.active_port} carries" if state and state.active_port else ""
    yield ground.hop("bond", bond.ifname, seen, ok=bond.admin_up and bond.carrier, scope=Scope(layers=("bond",)))
    if state is not None and state.mode == BondMode.LACP.value:
        yield _lacp(bond, ground)


def _lacp(bond: Link, ground: Ground) -> Hop:
    ports = ground.facts.ports(bond.ifname)
    forwarding = [port.ifname for port in ports if port.lacp is not None and port.lacp.forwarding]
    partner = bond.bond.partner_mac if bond.bond else None
    seen = f"{', '.join(forwarding) or 'no port'} collects and distributes, partner {partner or 'none'}"
    scope = Scope(layers=("LACP",), about=tuple(port.ifname for port in ports), stands=bool(forwarding))
    ends = any(t.rule.id == "lacp.partner" and t.finding.subject == bond.ifname for t in ground.troubles)
    return ground.hop("LACP", bond.ifname, seen, ok=bool(forwarding) and not ends, scope=scope)


def _nic(nic: Link, ground: Ground, *, stands: bool) -> Hop:
    speed = f", {nic.speed_mbit} Mbit/s" if nic.carrier and nic.speed_mbit else ""
    seen = f"{nic.state}{speed}{'' if nic.carrier or not stands else '; another port carries'}"
    ok = stands or (nic.admin_up and nic.carrier)
    up_again = root("ip", "link", "set", "dev", nic.ifname, "up")
    hint = "check the cable and the switch port" if nic.admin_up else up_again
    return ground.hop("NIC", nic.ifname, seen, ok=ok, scope=Scope(layers=("NIC",), stands=stands), hint=hint)


def _gateway(link: str, ground: Ground) -> Hop:
    lan = ground.facts.lan
    gateways = [route.gateway for route in ground.facts.default_routes(link) if route.gateway is not None]
    name = str(gateways[0]) if gateways else "none known"
    answered = lan.gateway_answered if lan is not None and lan.bridge == link else None
    seen = "answers a new MAC" if answered else "does not answer a new MAC"
    if answered is None:
        seen = "not asked; to ask it: vmnet doctor --probe"
    return ground.hop("gateway", name, seen, ok=answered, scope=Scope(layers=("LAN",), about=(link,)))
