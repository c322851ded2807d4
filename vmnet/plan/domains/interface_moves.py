"""The steps that move interfaces, of one domain or of all: for attach-domain and migrate-from-virbr0.

Each interface moves in the persistent document first, then in the running one. Then saved states and snapshots are
rewritten. Last, all links are bounced together so that the guests ask for new addresses.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmnet.documents.interfaces import HOSTDEV, states_link_up, tags_vlan, with_source
from vmnet.facts import DomainState
from vmnet.plan.steps import BouncedLink, BounceLinks, LearnAgain, MoveInterface, Planned, RaiseLinks, RewriteSavedState

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vmnet.facts import Domain, Facts, Interface, Source
    from vmnet.names import Mac
    from vmnet.plan.domains.destination import Destination
    from vmnet.spec import Renewal

LIVE_TYPES = ("network", "bridge")
"""Types whose source libvirt changes while the domain runs (qemuDomainChangeNet); others need a power cycle."""

STORED_TYPES = (*LIVE_TYPES, "direct", "user", "ethernet", "vdpa", "vhostuser", HOSTDEV)
"""Types that vmnet replaces by a network in a persistent document; the others only connect guests to each other."""

LEARNING_FILTERS = (
    "clean-traffic",
    "clean-traffic-gateway",
    "no-arp-ip-spoofing",
    "no-arp-spoofing",
    "no-ip-spoofing",
)
"""libvirt's own filters that use $IP: without a parameter libvirt learns the guest's first address and keeps to it."""

RUNNING = "running"
PERSISTENT = "persistent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """One interface of a domain as it is in its two documents; either may be missing."""

    running: Interface | None = None
    persistent: Interface | None = None

    @property
    def either(self) -> Interface:
        """The interface, from whichever document has it."""
        interface = self.running or self.persistent
        assert interface is not None
        return interface


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A pair that moves, and in which of its documents; `hindrance` says why not in the others. `replug`: in the
    running one it is unplugged and plugged in again."""

    domain: Domain
    pair: Pair
    persistent: bool
    running: bool
    hindrance: str = ""
    replug: bool = False

    @property
    def fixed(self) -> bool:
        """Whether the interface cannot move in any document."""
        return bool(_fixed(self.pair))


def pair_interfaces(domain: Domain) -> tuple[Pair, ...]:
    """Return a domain's interfaces, running and persistent ones paired by MAC and guest address; where the
    addresses differ, by a MAC that occurs once."""
    rest = list(domain.running)
    pairs: list[Pair] = []
    for stored in domain.persistent:
        same_mac = [live for live in rest if live.mac == stored.mac]
        fits = [live for live in same_mac if live.address == stored.address] or same_mac
        live = fits[0] if len(fits) == 1 else None
        if live is not None:
            rest.remove(live)
        pairs.append(Pair(running=live, persistent=stored))
    return (*pairs, *(Pair(running=live) for live in rest))


def choose_move(domain: Domain, pair: Pair, leaves: Callable[[Source], bool]) -> Move | None:
    """Return the move of a pair: in each document in which `leaves` holds for its source; None where in neither."""
    stored = pair.persistent is not None and leaves(pair.persistent.source)
    live = pair.running is not None and leaves(pair.running.source)
    if not stored and not live:
        return None
    fixed = _fixed(pair)
    if fixed:
        return Move(domain=domain, pair=pair, persistent=False, running=False, hindrance=fixed)
    hindrance = _live_hindrance(pair)
    return Move(domain=domain, pair=pair, persistent=stored, running=live and not hindrance, hindrance=hindrance)


def _fixed(pair: Pair) -> str:
    """Why the interface cannot go to a bridge at all, "" when it can."""
    if pair.either.virtualport:
        return f"it has a virtualport of type {pair.either.virtualport}"
    if pair.persistent is not None and pair.persistent.actual_type not in STORED_TYPES:
        return f"vmnet does not move interfaces of type {pair.persistent.actual_type}"
    if pair.either.actual_type == HOSTDEV and tags_vlan(pair.either.document):
        return "it has a VLAN tag, and libvirt does not start such an interface on a bridge"
    return ""


def _live_hindrance(pair: Pair) -> str:
    if pair.running is not None and pair.running.actual_type not in LIVE_TYPES:
        return f"libvirt cannot move interfaces of type {pair.running.actual_type} while the domain runs"
    return ""


def plan_moves(
    moves: Iterable[Move], destination: Destination, facts: Facts, *, renewal: Renewal, leaves: Callable[[Source], bool]
) -> tuple[Planned, ...]:
    """Return the steps of all `moves`, in order.

    Args:
        renewal: how the guests get new addresses, all together.
        leaves: which sources in saved states and snapshots to rewrite as well.
    """
    by_domain: dict[str, list[Move]] = {}
    for move in moves:
        by_domain.setdefault(move.domain.uuid, []).append(move)
    planned: list[Planned] = []
    for group in by_domain.values():
        for move in group:
            planned.extend(_move_steps(move, destination, facts))
        macs = tuple(mac for move in group if (mac := move.pair.either.mac) is not None)
        planned.extend(plan_rewrites(group[0].domain, macs, destination.source, leaves))
    links = tuple(link for group in by_domain.values() for move in group for link in _bounced(move, renewal))
    return (*planned, *bounce(links, renewal.bounce_s))


def _move_steps(move: Move, destination: Destination, facts: Facts) -> Iterator[Planned]:
    if move.persistent and move.pair.persistent is not None:
        yield move_step(move.domain, PERSISTENT, move.pair.persistent, destination.source, facts)
    live = move.pair.running
    if (move.running or move.replug) and live is not None:
        yield move_step(move.domain, RUNNING, live, destination.source, facts, replug=move.replug)
        if learns(live) and not move.replug:
            why = f"filter {live.filter} has learnt the old address and drops all others"
            yield Planned(step=learn_again(move.domain, live), why=why)


def move_step(
    domain: Domain, scope: str, interface: Interface, wanted: Source, facts: Facts, *, replug: bool = False
) -> Planned:
    """Return the step that moves one interface in one document, with its undo; `replug` as in `Move`."""
    assert interface.mac is not None
    step = MoveInterface(
        domain=domain.name,
        domain_uuid=domain.uuid,
        scope=scope,
        mac=interface.mac,
        address=interface.address,
        was=interface.source,
        wanted=wanted,
        document=interface.document,
        wanted_bridge=facts.bridge_behind(wanted),
        replug=replug,
    )
    back = replace(
        step,
        was=step.wanted,
        wanted=step.was,
        wanted_bridge=facts.bridge_behind(step.was),
    )
    why = f"{domain.name} {interface.mac} is on {interface.source} ({scope})"
    again = (learn_again(domain, interface),) if scope == RUNNING and learns(interface) and not replug else ()
    return Planned(step=step, why=why, undo=(back, *again))


def learns(interface: Interface) -> bool:
    """Return whether the interface's filter learns the guest's address, and then drops all others."""
    return interface.filter in LEARNING_FILTERS and not interface.filter_address


def learn_again(domain: Domain, interface: Interface) -> LearnAgain:
    """Return the step that makes a running interface's filter learn again."""
    assert interface.mac is not None
    return LearnAgain(
        domain=domain.name,
        domain_uuid=domain.uuid,
        mac=interface.mac,
        address=interface.address,
        # Without what a running document says of where libvirt has put the tap, which libvirt would not ignore.
        document=with_source(interface.document, interface.source),
    )


def plan_rewrites(
    domain: Domain, macs: tuple[Mac, ...], wanted: Source, leaves: Callable[[Source], bool]
) -> Iterator[Planned]:
    """Yield the steps that rewrite a domain's managed save image and snapshots: a step for each of them and each old
    source, for the interfaces in `macs` whose source is one that `leaves`."""
    places: list[tuple[str | None, tuple[Interface, ...]]] = [(None, domain.saved or ())]
    places.extend((snapshot.name, snapshot.interfaces) for snapshot in domain.snapshots)
    for snapshot, interfaces in places:
        ours = [i for i in interfaces if i.mac in macs and i.virtualport is None and leaves(i.source)]
        for was in dict.fromkeys(interface.source for interface in ours):
            found = dict.fromkeys(i.mac for i in ours if i.source == was and i.mac is not None)
            step = RewriteSavedState(
                domain=domain.name,
                domain_uuid=domain.uuid,
                snapshot=snapshot,
                macs=tuple(found),
                was=was,
                wanted=wanted,
            )
            place = "its managed save image" if snapshot is None else f"snapshot {snapshot}"
            why = f"{domain.name} would be on {was} again after a restore from {place}"
            yield Planned(step=step, why=why, undo=(replace(step, was=wanted, wanted=was),))


def _bounced(move: Move, renewal: Renewal) -> Iterator[BouncedLink]:
    live = move.pair.running
    if move.running and live is not None and live.link_up and move.domain.state is DomainState.RUNNING:
        yield bounced_link(move.domain, live, by_agent=renewal.by_agent)


def bounced_link(domain: Domain, live: Interface, *, by_agent: bool) -> BouncedLink:
    """Return the record of a running interface whose link will be bounced. With `by_agent`, the guest's agent is asked
    first, if it answers."""
    assert live.mac is not None
    return BouncedLink(
        domain=domain.name,
        domain_uuid=domain.uuid,
        mac=live.mac,
        address=live.address,
        stated_up=states_link_up(live.document),
        agent=by_agent and domain.agent,
    )


def bounce(links: tuple[BouncedLink, ...], seconds: int) -> Iterator[Planned]:
    """Yield the step that bounces `links` together, if any link or agent is left; its undo leaves no
    link down."""
    taken = tuple(link for link in links if link.agent or seconds > 0)
    if taken:
        yield Planned(
            step=BounceLinks(links=taken, seconds=seconds),
            why="guests keep their old addresses until something makes them ask DHCP again",
            undo=(RaiseLinks(links=taken),),
        )


# What the LAN's answers mean for the guests that move there.


def lan_kept(facts: Facts) -> Iterator[str]:
    """Yield lines about what works on the LAN."""
    if facts.lan is not None and facts.lan.dhcp_server is not None:
        yield f"{facts.lan.dhcp_server} answers DHCP on {facts.lan.bridge}, also for a MAC that was never used there"


def lan_warnings(moves: Iterable[Move], facts: Facts) -> Iterator[str]:
    """Yield warnings about what the guests will find there."""
    lan = facts.lan
    if lan is None:
        return
    if lan.dhcp_server is None:
        yield f"no DHCP server answers on {lan.bridge}: guests that use DHCP will get no address there"
    if lan.gateway_answered is False:
        yield (
            f"the gateway does not answer a new MAC on {lan.bridge}: guests there may reach nobody. Check whether the "
            "switch port, or the hypervisor under this host, blocks other MACs than the host's"
        )
    for move in moves:
        mac = move.pair.either.mac
        if mac in lan.heard and move.running:
            yield f"another machine on {lan.bridge} already uses {mac}, the MAC of {move.domain.name}"
