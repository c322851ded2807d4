"""What goes with each bridge: its bond, its VLAN, and which link gets its address."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.facts.host import GUEST_KINDS
from vmnet.plan.domains.destination import closest
from vmnet.plan.host.existing_links import describe_link, domain_of_tap
from vmnet.plan.host.layer3 import controllers_of, dhcp_leased
from vmnet.shell_words import root
from vmnet.spec import BondMode, NoAddress

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmnet.facts import Facts, Link, Profile
    from vmnet.spec import BridgeSpec, TeardownSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """A bridge that goes.

    `below`: the bond and the VLAN that go with it, the upper one first. `nics`: the ports that become plain NICs; none
    for a bridge on a VLAN. `target`: the link that gets its address; None if it has none. `goal`: the bridge as it is,
    for the undo.
    """

    bridge: Link
    below: tuple[Link, ...]
    nics: tuple[Link, ...]
    target: Link | None
    goal: BridgeSpec

    @property
    def others(self) -> tuple[str, ...]:
        """The NICs that get no address."""
        return tuple(nic.ifname for nic in self.nics if nic != self.target)

    @property
    def going(self) -> tuple[str, ...]:
        """The links that are removed, in the order in which they are."""
        below = [link.ifname for link in reversed(self.below) if link != self.target]
        return (*below, self.bridge.ifname)

    @property
    def links(self) -> tuple[str, ...]:
        """All links of the stack."""
        return tuple(link.ifname for link in (self.bridge, *self.below, *self.nics))

    @property
    def lacp(self) -> str | None:
        """The bond on which the switch speaks LACP, if it is one."""
        bond = self.goal.bond if self.nics else None
        return bond.ifname if bond and bond.mode is BondMode.LACP else None


def find_bridges(spec: TeardownSpec, facts: Facts) -> tuple[str, ...]:
    """Return the names of the bridges: those that are named, or the only one on a NIC.

    Raises:
        SpecError: there is no such bridge, or there are several and none is named.
    """
    bridges = [link.ifname for link in facts.links if link.kind == "bridge"]
    for name in spec.bridges:
        if name not in bridges:
            hint = closest(name, bridges) or f"bridges on this host: {', '.join(bridges) or 'none'}"
            raise SpecError(f"there is no bridge {name!r}", hint)
        if not facts.nics_below(name):
            raise SpecError(f"{name} is on no NIC", "teardown is for a bridge on NICs; leave others to their owner")
    found = [name for name in bridges if facts.nics_below(name)]
    if not spec.bridges and len(found) > 1:
        raise SpecError(
            f"there are {len(found)} bridges on NICs: {', '.join(found)}", f"name one: vmnet teardown {found[0]}"
        )
    return tuple(dict.fromkeys(spec.bridges)) or tuple(found)


def find_stacks(goals: Sequence[BridgeSpec], spec: TeardownSpec, facts: Facts) -> tuple[Stack, ...]:
    """Return the stacks, those on a VLAN first.

    Args:
        goals: the bridges as they are, by `find_bridges`.

    Raises:
        SpecError: --nic names no NIC of these bridges.
        Refused: something else rests on them, NetworkManager did not make them, or an address has nowhere to go.
    """
    stacks = [_stack(goal, spec, facts) for goal in goals]
    _check_resting(stacks, facts)
    for stack in stacks:
        _check_profiles(stack, facts)
        _check_guests(stack, facts)
    _check_targets(stacks, spec, facts)
    return tuple(sorted(stacks, key=lambda stack: bool(stack.nics)))


def _stack(goal: BridgeSpec, spec: TeardownSpec, facts: Facts) -> Stack:
    members = list(_members(goal.ifname, facts))
    bridge = members[0]
    below = tuple(link for link in members[1:] if not link.hardware)
    nics = tuple(sorted((link for link in members if link.hardware), key=lambda link: link.ifname))
    addressed = bool(facts.addresses_of(bridge.ifname))
    profiles = ((link.ifname, facts.active_profile(link.ifname)) for link in members)
    mtu = bridge.mtu if bridge.mtu != 1500 else None
    return Stack(
        bridge=bridge,
        below=below,
        nics=nics,
        target=_target(bridge, nics or below, spec) if addressed else None,
        goal=replace(
            goal,
            nics=tuple(nic.ifname for nic in nics) or goal.nics,
            # The undo adopts the address from the link that has it by then.
            address=None if addressed else NoAddress(),
            mtu=None if addressed else mtu,
            network=None,
            vlans=(),
            profiles=tuple((ifname, profile.uuid) for ifname, profile in profiles if profile is not None),
        ),
    )


def _members(bridge: str, facts: Facts) -> Iterator[Link]:
    """Yield the bridge and the links below it that go with it; what a VLAN is on stays."""
    link = facts.link(bridge)
    assert link is not None
    yield link
    for port in facts.uplinks(bridge):
        yield from _members(port.ifname, facts)


def _target(bridge: Link, ports: tuple[Link, ...], spec: TeardownSpec) -> Link:
    """Return the port that --nic names, or that has the bridge's MAC, or the first one."""
    named = [port for port in ports if port.ifname == spec.nic]
    same = [port for port in ports if (port.permanent_mac or port.mac) == bridge.mac]
    return (*named, *same, *ports)[0]


def _check_resting(stacks: list[Stack], facts: Facts) -> None:
    """Raise Refused where a link on top of what goes does not go itself."""
    going = {name for stack in stacks for name in stack.going}
    ours = {name for stack in stacks for name in stack.links}
    for link in facts.links:
        if link.parent not in going or link.ifname in ours:
            continue
        chain = (link.ifname, *controllers_of(link, facts))
        named = " ".join((*(stack.bridge.ifname for stack in stacks), chain[-1]))
        raise Refused(
            f"{chain[-1]} rests on {link.parent}, which would be removed",
            f"tear down both: {root('vmnet', *f'teardown {named}'.split())}"
            if len(chain) > 1
            else f"remove {describe_link(link, facts)} first",
        )


def _check_profiles(stack: Stack, facts: Facts) -> None:
    for name in stack.links:
        device = facts.device(name)
        if device is None or device.external or facts.active_profile(name) is None:
            raise Refused(
                f"no profile of NetworkManager made {name}",
                f"vmnet removes what NetworkManager manages: remove {stack.bridge.ifname} by the tool that made it",
            )


def _check_guests(stack: Stack, facts: Facts) -> None:
    """Raise Refused where a container, or a tap of no domain, is a port of the bridge."""
    ends = (port for port in facts.ports(stack.bridge.ifname) if port.kind in GUEST_KINDS)
    others = [port.ifname for port in ends if domain_of_tap(port.ifname, facts) is None]
    if others:
        raise Refused(
            f"{stack.bridge.ifname} has ports that belong to no domain: {', '.join(others)}",
            "stop the containers, or whatever made these ports, first",
        )


def _check_targets(stacks: list[Stack], spec: TeardownSpec, facts: Facts) -> None:
    """Raise Refused where an address has nowhere to go."""
    nics = [nic.ifname for stack in stacks for nic in stack.nics]
    if spec.nic is not None and spec.nic not in nics:
        raise SpecError(f"{spec.nic} is no NIC of these bridges", f"their NICs: {', '.join(nics) or 'none'}")
    moving = [stack for stack in stacks if stack.target]
    if len(moving) > 1:
        names = " and ".join(stack.bridge.ifname for stack in moving)
        first = moving[0].bridge.ifname
        raise Refused(
            f"{names} have addresses, and vmnet moves those of one bridge in one run",
            f"tear them down one after the other: {root('vmnet', 'teardown', first)}",
        )
    gone = {name for stack in stacks for name in stack.going}
    for stack in moving:
        target = stack.target
        assert target is not None
        addresses = ", ".join(map(str, facts.addresses_of(stack.bridge.ifname)))
        if target.parent in gone:
            raise Refused(
                f"{stack.bridge.ifname} has {addresses} on a VLAN of {target.parent}, which would be removed",
                f"remove the address first, or keep {target.parent}: {root('vmnet', 'teardown', stack.bridge.ifname)}",
            )
        mac = target.permanent_mac or target.mac
        if mac != stack.bridge.mac and dhcp_leased(stack.bridge.ifname, facts):
            raise Refused(
                f"the DHCP server knows {addresses} by the MAC {stack.bridge.mac}, and {target.ifname} has {mac}",
                "leave --nic out, or name the NIC with that MAC",
            )


def old_profiles(nics: Sequence[str], facts: Facts) -> list[Profile]:
    """Return the profiles of these NICs that are not active, and start nothing by themselves."""
    macs = {nic: link.permanent_mac for nic in nics if (link := facts.link(nic))}
    found = []
    for profile in facts.profiles:
        mac = profile.get("802-3-ethernet.mac-address").lower()
        ours = profile.ifname in macs or (not profile.ifname and mac and mac in macs.values())
        plain = profile.type == "802-3-ethernet" and not profile.controller and not profile.volatile
        if ours and plain and profile.device is None and not profile.autoconnect:
            found.append(profile)
    return found
