"""All facts in one record, and questions to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from vmnet.facts.fabric import BondPort, Fabric
from vmnet.facts.filters import FilterChain, Filters, Firewalld
from vmnet.facts.host import GUEST_KINDS, Address, Device, Duplicate, Link, Profile, Route, SshSession, SwitchPort
from vmnet.facts.lan import Answer, LanAnswer, Mention
from vmnet.facts.libvirt import Domain, GuestAddress, HypervisorLink, Interface, Network, Source
from vmnet.facts.surroundings import Boot, Dependent, Owner, Surroundings, Unread
from vmnet.spec import IpAddress, IpInterface


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All facts about the host. `nm_version` or `libvirt_version` None: the daemon does not run or is out of reach, and
    `nm_problem` or `libvirt_problem` says why."""

    hostname: str
    machine_id: str
    root: bool
    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[str, ...] = ()
    """The IPv4 and IPv6 routing rules, as `ip rule` shows them."""
    nm_version: str | None = None
    nm_problem: str = ""
    nmcli_version: str | None = None
    """Version of nmcli, if read with `closely`."""
    devices: tuple[Device, ...] = ()
    profiles: tuple[Profile, ...] = ()
    checkpoints: tuple[str, ...] = ()
    libvirt_version: str | None = None
    libvirt_problem: str = ""
    hypervisor_elsewhere: bool = False
    """Whether the hypervisor runs on another machine: then the links here are not its own."""
    networks: tuple[Network, ...] = ()
    hypervisor_links: tuple[HypervisorLink, ...] | None = None
    domains: tuple[Domain, ...] = ()
    guest_addresses: tuple[GuestAddress, ...] = ()
    ssh: SshSession | None = None
    resolvers: tuple[IpAddress, ...] = field(default=())
    dependents: tuple[Dependent, ...] = ()
    owners: tuple[Owner, ...] = ()
    switch_ports: tuple[SwitchPort, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    """Who answered for wanted addresses, after `find_duplicates`."""
    answers: tuple[Answer, ...] = ()
    """Answers to the probes, if `read_facts` was called with probes."""
    lan: LanAnswer | None = None
    """Answers of the LAN, after `ask_lan` or `probe_lan`."""
    mentions: tuple[Mention, ...] = ()
    """Hooks and firewall rules that name a network that domains leave, after `find_mentions` or with `closely`."""
    boot: Boot | None = None
    """What the next boot will start. None: not read."""
    bond_ports: tuple[BondPort, ...] = ()
    firewalld: Firewalld | None = None
    """Zones of firewalld. None: it does not run, or did not answer."""
    surroundings: Surroundings | None = None
    """Other facts about libvirt, if read with `closely`."""
    filters: Filters | None = None
    chains: tuple[FilterChain, ...] = ()
    """Filters for bridged frames, if read with `closely`."""
    fabric: Fabric | None = None
    """State of the bridges' ports and tables, if read with `closely`."""
    unread: tuple[Unread, ...] = ()
    """What could not be read."""
    runs_mark: str = ""
    """Changes with each run of vmnet on this host; "" without root."""

    def link(self, ifname: str | None) -> Link | None:
        """Return the link called `ifname`."""
        return next((link for link in self.links if link.ifname == ifname), None)

    def device(self, ifname: str | None) -> Device | None:
        """Return NetworkManager's device called `ifname`."""
        return next((device for device in self.devices if device.ifname == ifname), None)

    def profile(self, uuid: str | None) -> Profile | None:
        """Return the profile with this uuid."""
        return next((profile for profile in self.profiles if profile.uuid == uuid), None)

    def active_profile(self, ifname: str | None) -> Profile | None:
        """Return the profile that is active on `ifname`."""
        device = self.device(ifname)
        return self.profile(device.profile) if device else None

    def addresses_of(self, ifname: str, *, scope: str = "global") -> tuple[IpInterface, ...]:
        """Return the addresses on `ifname` with this scope, in the kernel's order."""
        return tuple(a.interface for a in self.addresses if a.ifname == ifname and a.scope == scope)

    def default_routes(self, ifname: str | None = None) -> tuple[Route, ...]:
        """Return the default routes, all or those of one link."""
        return tuple(r for r in self.routes if r.destination is None and ifname in (None, r.ifname))

    def route_to(self, address: IpAddress) -> Route | None:
        """Return the main table's route to `address`: the longest prefix, then the lowest metric.

        Rules that choose another table are not looked at.
        """
        fits = [route for route in self.routes if route.leads_to(address)]
        return max(fits, key=lambda r: (r.destination.prefixlen if r.destination else -1, -r.metric), default=None)

    def links_to(self, address: IpAddress) -> tuple[str, ...]:
        """Return the link that has `address` where it is our own, else the one that the route to it goes through."""
        own = tuple(a.ifname for a in self.addresses if a.interface.ip == address)
        route = None if own or address.is_loopback else self.route_to(address)
        return (route.ifname,) if route else own

    def ports(self, controller: str) -> tuple[Link, ...]:
        """Return the links whose controller is `controller`, by name."""
        return tuple(sorted((x for x in self.links if x.controller == controller), key=lambda x: x.ifname))

    def uplinks(self, bridge: str) -> tuple[Link, ...]:
        """Return the bridge's ports that lead out of the host: all but the ends of domains' and containers' links."""
        return tuple(port for port in self.ports(bridge) if port.kind not in GUEST_KINDS)

    def nics_below(self, ifname: str) -> frozenset[str]:
        """Return the NICs that carry a link, itself among them if it is one."""
        return frozenset(link.ifname for link in self.carriers(ifname) if link.hardware)

    def network(self, name: str | None) -> Network | None:
        """Return the libvirt network called `name`."""
        return next((network for network in self.networks if network.name == name), None)

    def running_interfaces(self) -> Iterator[tuple[Domain, Interface]]:
        """Yield each interface of the running documents, with its domain."""
        return ((domain, interface) for domain in self.domains for interface in domain.running)

    def stored_interfaces(self) -> Iterator[tuple[Domain, Interface]]:
        """Yield each interface of the persistent documents, with its domain."""
        return ((domain, interface) for domain in self.domains for interface in domain.persistent)

    def users(self, network: str) -> tuple[Domain, ...]:
        """Return the domains that name a network, running or stored."""
        return tuple(d for d in self.domains if any(i.source.network == network for i in d.interfaces))

    def bridge_behind(self, source: Source) -> str | None:
        """Return the bridge that a source's taps are ports of; None where it has none."""
        if source.network is None:
            return source.bridge
        network = self.network(source.network)
        return network.bridge if network else None

    def on_lan(self, source: Source) -> bool:
        """Return whether a source leads to a bridge of the host's own, not to one that libvirt made."""
        if source.network is not None:
            network = self.network(source.network)
            return network is not None and network.forward_mode == "bridge" and network.bridge is not None
        return source.bridge is not None and source.bridge not in {n.bridge for n in self.networks if n.routed}

    def carriers(self, ifname: str) -> Iterator[Link]:
        """Yield the link and every link below it: controller's ports and VLAN's parents, down to hardware."""
        seen: set[str] = set()
        todo = [ifname]
        while todo:
            name = todo.pop()
            link = self.link(name)
            if link is None or name in seen:
                continue
            seen.add(name)
            yield link
            todo.extend(port.ifname for port in self.ports(name))
            todo.extend([link.parent] if link.parent else [])
