"""Undo of a run's domain steps, planned again from the facts of now.

Right after a run, the undo steps in its journal are right. Days later, domains have been started, stopped, changed or
removed: one that was shut off at the move may run now, and then both of its documents must change.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.documents.interfaces import HOSTDEV
from vmnet.errors import Conflict, Refused
from vmnet.facts import DomainState
from vmnet.plan.domains.interface_moves import (
    LIVE_TYPES,
    PERSISTENT,
    RUNNING,
    Pair,
    bounce,
    bounced_link,
    learn_again,
    learns,
    move_step,
    pair_interfaces,
)
from vmnet.plan.host.network import require_libvirt
from vmnet.plan.steps import (
    AddInterface,
    BounceLinks,
    MoveInterface,
    Plan,
    Planned,
    RemoveInterface,
    RewriteSavedState,
    StartNetwork,
)
from vmnet.shell_words import command, remark

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmnet.facts import Domain, Facts, Interface
    from vmnet.plan.steps import BouncedLink

DomainStep = MoveInterface | RewriteSavedState | AddInterface


def plan_domain_undo(done: Sequence[Planned], facts: Facts) -> Plan:
    """Plan how the domain steps of a run are undone on the host as it is now.

    Args:
        done: the run's steps that were carried out, in their order; those that touch no domain are passed over.

    Returns:
        The steps, newest move first, with the guests' links bounced last if the run did so; `kept` names what is
        undone already and what no longer exists.

    Raises:
        HypervisorError: libvirt was out of reach.
        Conflict: somebody has moved an interface elsewhere since; the hint holds the commands to finish by hand.
        Refused: the old network no longer exists.
    """
    steps = [item.step for item in reversed(done) if isinstance(item.step, DomainStep)]
    if not steps:
        return Plan(command="undo")
    require_libvirt(facts)
    bounces = [item.step for item in done if isinstance(item.step, BounceLinks)]
    by_agent = any(link.agent for bounced in bounces for link in bounced.links)
    back = _Back(facts, steps, by_agent=by_agent)
    for step in steps:
        back.take(step)
    back.refuse_conflicts()
    seconds = max((bounced.seconds for bounced in bounces), default=0)
    planned = (*back.networks(), *back.planned, *bounce(tuple(back.links), seconds))
    return Plan(command="undo", planned=planned, kept=tuple(back.kept))


class _Back:
    """The undo as it grows, step by step."""

    def __init__(self, facts: Facts, steps: Sequence[DomainStep], *, by_agent: bool) -> None:
        self.facts = facts
        self.by_agent = by_agent
        self.domains = {domain.uuid: domain for domain in facts.domains}
        self.planned: list[Planned] = []
        self.links: list[BouncedLink] = []
        self.kept: list[str] = []
        self.by_hand: list[str] = []
        moves = [step for step in steps if isinstance(step, MoveInterface)]
        self.moved_running = {_key(step) for step in moves if step.scope == RUNNING}
        self.targets: dict[str, None] = {}

    def take(self, step: DomainStep) -> None:
        domain = self.domains.get(step.domain_uuid)
        if domain is None:
            self._keep(f"domain {step.domain} no longer exists")
            return
        match step:
            case MoveInterface():
                self._move(domain, step)
            case RewriteSavedState():
                self.planned.extend(_rewrite(domain, step))
            case AddInterface():
                self.planned.extend(_remove(domain, step))

    def _keep(self, line: str) -> None:
        if line not in self.kept:
            self.kept.append(line)

    def _move(self, domain: Domain, step: MoveInterface) -> None:
        pair = next((pair for pair in pair_interfaces(domain) if _is(pair, step)), None)
        if pair is None:
            self._keep(f"{domain.name} no longer has the interface {step.mac}")
            return
        if step.scope == PERSISTENT and _key(step) not in self.moved_running:
            # It was off at the move; if it runs now, it uses the network of its persistent document.
            self._move_back(domain, RUNNING, pair.running, step)
        self._move_back(domain, step.scope, pair.persistent if step.scope == PERSISTENT else pair.running, step)

    def _move_back(self, domain: Domain, scope: str, interface: Interface | None, step: MoveInterface) -> None:
        if interface is None:
            return
        if interface.source == step.was:
            self._keep(f"{domain.name} {step.mac} is on {step.was} ({scope})")
            return
        if interface.source != step.wanted:
            where = f"is on {interface.source}, was on {step.was}"
            edit = command("virsh", "edit", domain.uuid)
            self.by_hand.append(remark(edit, f"{domain.name} {step.mac} ({scope}) {where}"))
            return
        if scope == RUNNING and step.was.type not in LIVE_TYPES and not step.replug:
            self._keep(f"{domain.name} {step.mac} is on {step.wanted} until the domain is powered off and on")
            return
        if scope == RUNNING and step.was.network is not None:
            self.targets[step.was.network] = None
        back = self._back(domain, scope, interface, step)
        self.planned.append(back)
        if scope == RUNNING and learns(interface) and not step.replug:
            self.planned.append(
                Planned(step=learn_again(domain, interface), why="its filter has learnt the new address")
            )
        if scope == RUNNING and interface.link_up and not step.replug and domain.state is DomainState.RUNNING:
            self.links.append(bounced_link(domain, interface, by_agent=self.by_agent))

    def _back(self, domain: Domain, scope: str, interface: Interface, step: MoveInterface) -> Planned:
        back = move_step(domain, scope, interface, step.was, self.facts, replug=step.replug)
        if (step.replug or step.was.type == HOSTDEV) and isinstance(back.step, MoveInterface):
            # It gets exactly the element that it had.
            back = replace(back, step=replace(back.step, document=step.document))
        return replace(back, why="as before the run")

    def networks(self) -> Iterator[Planned]:
        """Yield the start of each network that running domains move back to and that was stopped since."""
        for name in self.targets:
            network = self.facts.network(name)
            if network is None:
                raise Refused(
                    f"network {name} no longer exists, so running domains cannot move back to it",
                    "define it again from its document in the run's record, or shut the domains down first",
                )
            if not network.active:
                yield Planned(step=StartNetwork(name=name), why="running domains move back to it")

    def refuse_conflicts(self) -> None:
        if self.by_hand:
            raise Conflict(
                f"{len(self.by_hand)} interfaces were moved elsewhere after the run",
                "move each to where it was, then run undo again:\n" + "\n".join(self.by_hand),
            )


def _key(step: MoveInterface) -> tuple[str, str, str | None]:
    return step.domain_uuid, step.mac, step.address


def _is(pair: Pair, step: MoveInterface) -> bool:
    documents = (pair.running, pair.persistent)
    same_mac = [interface for interface in documents if interface is not None and interface.mac == step.mac]
    return any(step.address is None or interface.address in (step.address, None) for interface in same_mac)


def _rewrite(domain: Domain, step: RewriteSavedState) -> Iterator[Planned]:
    if step.snapshot is None:
        interfaces = domain.saved or ()
    else:
        named = (snapshot.interfaces for snapshot in domain.snapshots if snapshot.name == step.snapshot)
        interfaces = next(named, ())
    if any(interface.mac in step.macs and interface.source == step.wanted for interface in interfaces):
        yield Planned(step=replace(step, was=step.wanted, wanted=step.was), why="as before the run", undo=(step,))


def _remove(domain: Domain, step: AddInterface) -> Iterator[Planned]:
    documents = ((PERSISTENT, domain.persistent), (RUNNING, domain.running))
    scopes = tuple(scope for scope, interfaces in documents if step.mac in {i.mac for i in interfaces})
    if scopes:
        back = RemoveInterface(domain=domain.name, domain_uuid=domain.uuid, mac=step.mac, scopes=scopes)
        yield Planned(step=back, why="the run added it", undo=(step,))
