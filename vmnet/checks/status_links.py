"""Links and switches as nodes and edges of the topology."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from vmnet.checks.rules.bond import NOBODY
from vmnet.checks.topology import Edge, Node, Remark, Remarks, Role, State, link_key, remarked
from vmnet.facts import GUEST_KINDS, Facts, Link, SwitchPort
from vmnet.names import Mac

_KINDS = {"bond": Role.BOND, "bridge": Role.BRIDGE, "vlan": Role.VLAN}
_USUAL_MTU = 1500


class Links:
    """The links that are shown, each looked up once.

    Args:
        facts: the host as it is.
        remarks: what findings say; what is said of these links is taken.
        taps: the host's ends of the domains' interfaces, which are edges and not nodes.
    """

    def __init__(self, facts: Facts, remarks: Remarks, taps: frozenset[str]) -> None:
        self._facts = facts
        self._remarks = remarks
        own = () if facts.hypervisor_elsewhere else facts.links
        self.by_name = {link.ifname: link for link in own}
        self.roles = {link.ifname: role for link in own if link.ifname not in taps and (role := self._role(link))}
        self._networks = {network.bridge for network in facts.networks if network.active}
        self._lldp = {port.ifname: port for port in facts.switch_ports}
        self._addresses: dict[str, list[str]] = defaultdict(list)
        for address in facts.addresses:
            if address.scope == "global":
                self._addresses[address.ifname].append(str(address.interface))
        self._gateways: dict[str, dict[str, None]] = defaultdict(dict)
        for route in facts.default_routes():
            self._gateways[route.ifname][str(route.gateway or "the link")] = None
        self._ports: dict[str, list[Link]] = defaultdict(list)
        for link in own:
            if link.controller:
                self._ports[link.controller].append(link)
        self._states: dict[str, State] = {}
        names = {profile.uuid: profile.name for profile in facts.profiles}
        self._profiles = {d.ifname: names[d.profile] for d in facts.devices if d.profile in names}

    @staticmethod
    def _role(link: Link) -> Role | None:
        if link.hardware and link.kind == "":
            return Role.NIC
        return _KINDS.get(link.kind) or (Role.PORT if link.controller else None)

    def nodes(self) -> Iterator[Node]:
        """Yield a node for each link, and one for each that is missed."""
        for ifname, role in self.roles.items():
            yield self._node(self.by_name[ifname], role)
        if not self._facts.hypervisor_elsewhere:
            for ifname, role in self._remarks.missing_links():
                yield Node(
                    key=link_key(ifname), role=role, name=ifname, state=State.ERROR,
                    remarks=self._remarks.take(ifname),
                )  # fmt: skip

    def _node(self, link: Link, role: Role) -> Node:
        seen, said = self._seen(link, role)
        found = self._remarks.take(link.ifname)
        remarks = found or said
        state = self._states[link.ifname] = remarked(seen, remarks)
        return Node(
            key=link_key(link.ifname), role=role, name=link.ifname, state=state,
            words=tuple(self._words(link, role)), details=tuple(self._details(link)), remarks=remarks,
        )  # fmt: skip

    def _seen(self, link: Link, role: Role) -> tuple[State, tuple[Remark, ...]]:
        """Return the state of a link by the facts alone; where a rule speaks, it is asked instead."""
        works = link.admin_up and link.carrier
        if role is Role.PORT and link.kind == "tun" and not works:
            return State.IDLE, (Remark(state=State.WARNING, text="a tap that nothing uses"),)
        if works or link.ifname in self._networks:
            return State.OK, ()
        if role is Role.NIC and link.controller:
            return State.OK, (Remark(state=State.WARNING, text=_why_still(link)),)
        if role is Role.BOND and self._ports[link.ifname]:
            return State.OK, (Remark(state=State.ERROR, text=_why_still(link)),)
        return State.IDLE, ()

    def _words(self, link: Link, role: Role) -> Iterator[str]:
        if link.ifname == self._remarks.management:
            yield "management"
        yield from self._addresses[link.ifname]
        if link.ifname in self._gateways:
            yield f"default route via {', '.join(self._gateways[link.ifname])}"
        if link.bond:
            yield from _bond_words(link, self._ports[link.ifname])
        if role is Role.PORT:
            # Whose tap it is, only libvirt could have said.
            tap = "tap" if self._facts.libvirt_version is None else "tap of no domain here"
            yield tap if link.kind == "tun" else link.kind or "link"
        if role is Role.NIC and link.admin_up and link.carrier and link.speed_mbit:
            yield _speed(link.speed_mbit) + (f" {link.duplex} duplex" if link.duplex == "half" else "")
        if not (link.admin_up and link.carrier) and link.ifname not in self._networks:
            yield _why_still(link)
        if link.bridge and link.bridge.stp and link.ifname not in self._networks:
            yield "STP"
        if link.mtu != _USUAL_MTU:
            yield f"MTU {link.mtu}"

    def _details(self, link: Link) -> Iterator[tuple[str, str]]:
        yield "MAC", link.mac
        yield "MTU", str(link.mtu)
        if link.lacp:
            yield "LACP", f"actor {link.lacp.actor_state}, partner {link.lacp.partner_state}"
        if link.bond and link.bond.partner_mac:
            yield "LACP partner", link.bond.partner_mac
        if link.bridge_port_state:
            yield "port state", link.bridge_port_state
        if link.ifname in self._profiles:
            yield "profile", self._profiles[link.ifname]
        if link.carrier_changes:
            yield "carrier changes", str(link.carrier_changes)

    def edges(self) -> Iterator[Edge]:
        """Yield who is a port of whom, and what stands on what."""
        for ifname in self.roles:
            link = self.by_name[ifname]
            if link.parent in self.roles:
                yield Edge(above=link_key(link.parent or ""), below=link_key(ifname), state=self._flow(link))
            if link.controller in self.roles:
                ends = (link_key(ifname), link_key(link.controller or ""))
                above, below = reversed(ends) if link.kind in GUEST_KINDS else ends
                yield Edge(above=above, below=below, state=self._flow(link))

    def switches(self) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
        """Return what the NICs are plugged into, as LLDP or else LACP says, and the cables."""
        nodes: dict[str, Node] = {}
        edges = []
        for ifname, role in self.roles.items():
            link, heard = self.by_name[ifname], self._lldp.get(ifname)
            bond = self.by_name.get(link.controller or "")
            partner = bond.bond.partner_mac if bond and bond.bond and link.lacp and link.carrier else None
            if role is not Role.NIC or not (heard or partner not in (None, NOBODY)):
                continue
            node = _switch(heard, partner)
            nodes.setdefault(node.key, node)
            name = heard.port if heard else ""
            edges.append(Edge(above=node.key, below=link_key(ifname), state=self._flow(link), name=name))
        return tuple(nodes.values()), tuple(edges)

    def _flow(self, link: Link) -> State:
        """Return how a connection is: where nothing can pass, as bad as the link that lets nothing pass."""
        if link.admin_up and link.carrier:
            return State.OK
        state = self._states.get(link.ifname, State.IDLE)
        return State.IDLE if state is State.OK else state


def _switch(heard: SwitchPort | None, partner: Mac | None) -> Node:
    if heard is None:
        return Node(
            key=f"switch:{partner}", role=Role.SWITCH, name="switch", state=State.OK, words=(f"LACP partner {partner}",)
        )
    return Node(
        key=f"switch:{heard.chassis}", role=Role.SWITCH, name=heard.system or heard.chassis, state=State.OK,
        words=(f"LLDP {heard.chassis}",),
    )  # fmt: skip


def _why_still(link: Link) -> str:
    return "no carrier" if link.admin_up else "down"


def _speed(mbit: int) -> str:
    return f"{mbit // 1000} Gbit/s" if mbit >= 1000 and mbit % 1000 == 0 else f"{mbit} Mbit/s"


def _bond_words(link: Link, ports: list[Link]) -> Iterator[str]:
    assert link.bond is not None
    yield link.bond.mode
    if link.bond.active_port:
        yield f"{link.bond.active_port} active"
    working = link.bond.aggregator_ports
    if working is None:
        working = sum(port.admin_up and port.carrier for port in ports)
    yield f"{working} of {len(ports)} ports work"
