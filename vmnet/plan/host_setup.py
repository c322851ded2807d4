"""host-setup: bond and bridge built beside the running configuration, the address moved last.

The order is the one that loses no packet where the switch allows it: everything is added in memory, the idle NICs
join the bond and agree with the switch, the bridge gets the address while the old NIC still has it, then the old NIC
joins. Only when all of that is proven are the profiles saved; until then a reboot boots the old configuration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.plan import steps
from vmnet.plan.adopt import Layer3, find_holder, wanted_layer3
from vmnet.plan.libvirt_network import plan_network
from vmnet.plan.mend import mend_stack, stack_stands
from vmnet.plan.nics import choose_nics
from vmnet.plan.profiles import WantedProfile, competes, wanted_profiles
from vmnet.plan.safety import check_host, check_spec, warnings
from vmnet.plan.steps import HostGoal, Plan, Planned
from vmnet.spec import BondMode

if TYPE_CHECKING:
    from vmnet.facts import Facts, Link, Profile
    from vmnet.names import Mac
    from vmnet.spec import HostSpec

CARRIER_S = 20
LACP_S = 40
"""A partner at the slow rate speaks every 30 s (IEEE 802.1AX 6.4.4); the kernel's aggregator timer adds up to 9 s."""
ADDRESS_S = 15
DHCP_S = 60
NEIGHBOUR_S = 30
PORTS_S = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Build:
    """What every part of the plan needs to know. `live` is the NIC that carries the address now, if one does."""

    spec: HostSpec
    facts: Facts
    nics: tuple[Link, ...]
    management: str | None
    layer3: Layer3
    wanted: tuple[WantedProfile, ...]
    live: str | None

    @property
    def bridge(self) -> WantedProfile:
        return self.wanted[0]

    @property
    def idle(self) -> tuple[str, ...]:
        return tuple(nic.ifname for nic in self.nics if nic.ifname != self.live)

    @property
    def lacp(self) -> bool:
        return self.spec.bond is not None and self.spec.bond.mode is BondMode.LACP

    @property
    def uplinks(self) -> tuple[str, ...]:
        return (self.spec.bond.ifname,) if self.spec.bond else tuple(nic.ifname for nic in self.nics)

    def port(self, ifname: str) -> WantedProfile:
        return next(profile for profile in self.wanted if profile.ifname == ifname)


def plan_host_setup(spec: HostSpec, facts: Facts) -> Plan:
    """Plan the bond, the bridge with the host's address, and the libvirt network on it.

    Raises:
        SpecError: the request is wrong, or does not fit this host.
        Refused: the host is not in a state in which the change is safe.
        Conflict: another change of the network is in progress.
    """
    check_spec(spec)
    chosen = choose_nics(spec, facts)
    check_host(spec, chosen.nics, facts)
    holder = find_holder(chosen.nics, spec.bridge.ifname, facts)
    layer3 = wanted_layer3(spec.address, spec.mtu, holder, facts)
    layer3 = _winning_metric(layer3, spec, facts)
    mac = _bridge_mac(spec, chosen.nics, holder, facts)
    wanted = wanted_profiles(spec, chosen.nics, mac, layer3, facts)
    live = holder if holder in {nic.ifname for nic in chosen.nics} else None
    build = _Build(
        spec=spec,
        facts=facts,
        nics=chosen.nics,
        management=chosen.management,
        layer3=layer3,
        wanted=wanted,
        live=live,
    )
    host, kept = _host_part(build)
    network, network_kept = plan_network(spec.network, spec.bridge.ifname, facts) if spec.network else ([], [])
    return Plan(
        command="host-setup",
        planned=_in_order(build, host, network),
        kept=(*kept, *network_kept),
        warnings=warnings(spec, chosen.nics, chosen.management, facts),
        choices=chosen.reasons,
        goal=_goal(build, mac),
    )


def _winning_metric(layer3: Layer3, spec: HostSpec, facts: Facts) -> Layer3:
    """While NIC and bridge both have the address, the bridge's routes must win, whatever the metrics of their kinds
    (NetworkManager: 100 for Ethernet, 425 for a bridge); one less than the NIC's keeps the order to all others."""
    if layer3.holder in (None, spec.bridge.ifname) or any(key == "ipv4.route-metric" for key, _ in layer3.settings):
        return layer3
    metrics = [r.metric for r in facts.routes if r.ifname == layer3.holder and r.metric > 1]
    if not metrics:
        return layer3
    return replace(layer3, settings=(*layer3.settings, ("ipv4.route-metric", str(min(metrics) - 1))))


def _bridge_mac(spec: HostSpec, nics: tuple[Link, ...], holder: str | None, facts: Facts) -> Mac:
    """The MAC that neighbours, DHCP servers and port security know the host by stays: the holder's."""
    standing = facts.link(spec.bridge.ifname)
    if standing is not None and holder == standing.ifname:
        return standing.mac
    nic = next((nic for nic in nics if nic.ifname == holder), nics[0])
    return nic.permanent_mac or nic.mac


def _host_part(build: _Build) -> tuple[list[Planned], list[str]]:
    displaced = _displaced(build)
    if stack_stands(build.wanted, build.facts):
        changes, kept = mend_stack(build.wanted, build.layer3, build.facts)
        return [*changes, *_set_aside(build, displaced), *_fix_management(build)], kept
    return [
        *_clear_stale(build),
        *_add_profiles(build),
        *_join_first(build),
        *_move_address(build),
        *_join_last(build),
        *_prove(build),
        *_save_profiles(build),
        *_set_aside(build, displaced),
        *_fix_management(build),
    ], []


def _in_order(build: _Build, host: list[Planned], network: list[Planned]) -> tuple[Planned, ...]:
    """Put the libvirt network before the profiles are saved, and all of it between checkpoint and commit."""
    if not host:
        return tuple(network)
    saves = next((i for i, p in enumerate(host) if isinstance(p.step, steps.ModifyProfile) and p.step.save), len(host))
    opening = Planned(
        step=steps.OpenCheckpoint(timeout_s=_timeout(build)),
        why="NetworkManager goes back to this state by itself if vmnet or the connection to it dies",
    )
    closing = Planned(step=steps.CommitCheckpoint(), why="all of it holds: keep it")
    return (opening, *host[:saves], *network, *host[saves:], closing)


def _timeout(build: _Build) -> int:
    """Return how long the longest step may take without a sign of life, in seconds."""
    if build.spec.timeout_s is not None:
        return build.spec.timeout_s
    return 60 + (DHCP_S if build.layer3.dhcp else 0) + (30 if build.spec.bridge.stp else 0)


def _displaced(build: _Build) -> list[tuple[Profile, str]]:
    """Return the profiles to set aside, each with the reason."""
    wanted = {profile.uuid for profile in build.wanted}
    ours = {profile.ifname for profile in build.wanted}
    named = _named_profiles(build.spec.displace, build.facts)
    found = []
    for profile in build.facts.profiles:
        if profile.uuid in wanted:
            continue
        reason = "it was named" if profile.uuid in named else competes(profile, build.nics, tuple(ours))
        reason = reason or _holds_address(profile, build)
        if not reason or (build.management and build.management in (profile.device, profile.ifname)):
            continue
        elsewhere = profile.device is not None and profile.device not in ours
        if elsewhere and profile.uuid not in named and not _holds_address(profile, build):
            continue
        if profile.autoconnect or profile.device is not None:
            found.append((profile, reason))
    return found


def _holds_address(profile: Profile, build: _Build) -> str:
    holder = build.layer3.holder
    outside = holder is not None and holder not in {w.ifname for w in build.wanted}
    return f"its address moves to {build.bridge.ifname}" if outside and profile.device == holder else ""


def _named_profiles(names: tuple[str, ...], facts: Facts) -> set[str]:
    found = set()
    for name in names:
        matches = [profile for profile in facts.profiles if name in (profile.uuid, profile.name)]
        if not matches:
            raise SpecError(f"there is no profile {name!r} to displace", "nmcli connection show lists them")
        if len(matches) > 1:
            uuids = ", ".join(profile.uuid for profile in matches)
            raise SpecError(f"{len(matches)} profiles are called {name!r}", f"name one by its UUID: {uuids}")
        found.add(matches[0].uuid)
    return found


def _clear_stale(build: _Build) -> list[Planned]:
    planned = []
    for wanted in build.wanted:
        stale = build.facts.profile(wanted.uuid)
        if stale is not None:
            restore = steps.RestoreProfile(uuid=stale.uuid, name=stale.name, filename=stale.filename)
            planned.append(
                Planned(
                    step=steps.DeleteProfile(uuid=stale.uuid, name=stale.name),
                    why=f"{stale.name} is left over from an earlier attempt and is made anew",
                    undo=(restore,),
                )
            )
    return planned


def _add_profiles(build: _Build) -> list[Planned]:
    planned = []
    for wanted in build.wanted:
        no_address = (("ipv4.method", "disabled"), ("ipv6.method", "disabled")) if wanted is build.bridge else ()
        step = steps.AddProfile(
            uuid=wanted.uuid,
            name=wanted.ifname,
            type=wanted.type,
            ifname=wanted.ifname,
            settings=(*wanted.shape, *no_address),
        )
        undo = steps.DeleteProfile(uuid=wanted.uuid, name=wanted.ifname)
        why = f"profile for {wanted.ifname}, in memory: a reboot forgets it"
        planned.append(Planned(step=step, why=why, undo=(undo,)))
    return planned


def _activate_port(build: _Build, nic: str, why: str) -> Planned:
    profile = build.port(nic)
    before = build.facts.active_profile(nic)
    device = build.facts.device(nic)
    undo: tuple[steps.Step, ...] = ()
    if before is not None and device is not None and not device.external:
        undo = (steps.ActivateProfile(uuid=before.uuid, name=before.name, ifname=nic),)
    return Planned(step=steps.ActivateProfile(uuid=profile.uuid, name=nic, ifname=nic), why=why, undo=undo)


def _agree_with_switch(build: _Build, ports: tuple[str, ...]) -> list[Planned]:
    bond = build.spec.bond
    if bond is None or not build.lacp:
        return []
    wait = steps.WaitLacp(bond=bond.ifname, ports=ports, timeout_s=LACP_S)
    return [Planned(step=wait, why="the switch must answer LACP")]


def _join_first(build: _Build) -> list[Planned]:
    """Bring bridge and bond up with the idle NICs; with none idle, with the live one."""
    first = build.idle or tuple(nic.ifname for nic in build.nics)
    planned = [_activate_port(build, nic, f"{nic} joins; what is above it comes up with it") for nic in first]
    bond = build.spec.bond
    if bond is not None and build.lacp:
        why = f"{bond.ifname} chooses its aggregator at once, instead of 9 s later (802.3ad selection timer)"
        planned.append(Planned(step=steps.FlapLink(ifname=bond.ifname), why=why))
    planned += _agree_with_switch(build, first)
    wait = steps.WaitCarrier(ifname=build.bridge.ifname, timeout_s=CARRIER_S)
    return [*planned, Planned(step=wait, why="the bridge has a way out")]


def _move_address(build: _Build) -> list[Planned]:
    bridge = build.bridge
    # The old NIC still has the address: looking for a duplicate would find it.
    settings = (*bridge.layer3, ("ipv4.dad-timeout", "0"))
    set_address = steps.ModifyProfile(uuid=bridge.uuid, name=bridge.ifname, settings=settings, save=False)
    addresses = ", ".join(str(a) for a in build.layer3.addresses) or "an address by DHCP"
    return [
        Planned(step=set_address, why=f"{bridge.ifname} is to have {addresses}"),
        Planned(step=steps.ReapplyDevice(ifname=bridge.ifname), why="takes effect without dropping a port"),
        Planned(
            step=steps.WaitAddress(
                ifname=bridge.ifname,
                addresses=tuple(a for a in build.layer3.addresses if a.version == 4),
                timeout_s=DHCP_S if build.layer3.dhcp else ADDRESS_S,
            ),
            why="the address must be there before the old NIC gives it up",
        ),
    ]


def _join_last(build: _Build) -> list[Planned]:
    if build.live is None or not build.idle:
        return []
    why = f"{build.live} leaves its old profile and joins in one step"
    return [_activate_port(build, build.live, why), *_agree_with_switch(build, tuple(n.ifname for n in build.nics))]


def _prove(build: _Build) -> list[Planned]:
    names = tuple(sorted(nic.ifname for nic in build.nics))
    planned = []
    if build.spec.bond is not None:
        ports = steps.WaitPorts(controller=build.spec.bond.ifname, ports=names, timeout_s=PORTS_S)
        planned.append(Planned(step=ports, why="every NIC is in the bond"))
    ports = steps.WaitPorts(controller=build.bridge.ifname, ports=build.uplinks, timeout_s=PORTS_S)
    planned.append(Planned(step=ports, why="the bridge forwards"))
    for gateway in build.layer3.gateways:
        wait = steps.WaitNeighbour(ifname=build.bridge.ifname, address=gateway, timeout_s=NEIGHBOUR_S)
        planned.append(Planned(step=wait, why="the gateway answers through the bridge"))
    return planned


def _save_profiles(build: _Build) -> list[Planned]:
    """Save the lower layers first and the live NIC's port last: every prefix of this boots with the address."""
    order = [*build.wanted[1:], build.wanted[0]]
    order.sort(key=lambda wanted: wanted.ifname == build.live)
    planned = []
    for wanted in order:
        dad = (("ipv4.dad-timeout", "-1"),) if wanted is build.bridge else ()
        step = steps.ModifyProfile(
            uuid=wanted.uuid,
            name=wanted.ifname,
            settings=(*dad, *wanted.boot),
            save=True,
        )
        planned.append(Planned(step=step, why=f"{wanted.ifname} is saved and starts at boot"))
    return planned


def _set_aside(build: _Build, displaced: list[tuple[Profile, str]]) -> list[Planned]:
    planned = []
    ours = {profile.ifname for profile in build.wanted}
    for profile, reason in displaced:
        restore = steps.RestoreProfile(uuid=profile.uuid, name=profile.name, filename=profile.filename)
        if profile.autoconnect:
            off = (("connection.autoconnect", "no"),)
            step = steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=off, save=True)
            why = f"{profile.name!r} is set aside ({reason}); it is kept, and undo gives it back"
            planned.append(Planned(step=step, why=why, undo=(restore,)))
        if profile.device is not None and profile.device not in ours:
            back = steps.ActivateProfile(uuid=profile.uuid, name=profile.name, ifname=profile.device)
            down = steps.DeactivateProfile(uuid=profile.uuid, name=profile.name)
            planned.append(Planned(step=down, why=f"{profile.name!r} ({reason}) goes down", undo=(back,)))
            _refuse_ports(profile, build)
    return planned


def _refuse_ports(profile: Profile, build: _Build) -> None:
    ports = [link.ifname for link in build.facts.ports(profile.device or "")]
    if ports:
        raise Refused(
            f"{profile.device} ({profile.name!r}) would go down, and {', '.join(ports)} are its ports",
            "move them away first",
        )


def _fix_management(build: _Build) -> list[Planned]:
    profile = build.facts.active_profile(build.management) if build.management else None
    if not build.spec.fix_management or profile is None:
        return []
    wanted = (("ipv4.never-default", "yes"), ("ipv4.may-fail", "yes"))
    settings = tuple((key, value) for key, value in wanted if profile.get(key) != value)
    if not settings:
        return []
    step = steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=settings, save=True)
    restore = steps.RestoreProfile(uuid=profile.uuid, name=profile.name, filename=profile.filename)
    return [Planned(step=step, why="the management link must not take the default route", undo=(restore,))]


def _goal(build: _Build, mac: Mac) -> HostGoal:
    bond = build.spec.bond
    return HostGoal(
        bridge=build.bridge.ifname,
        stp=build.spec.bridge.stp,
        mac=mac,
        nics=tuple(nic.ifname for nic in build.nics),
        bond=bond.ifname if bond else None,
        bond_mode=bond.mode.value if bond else None,
        miimon_ms=bond.miimon_ms if bond else None,
        mtu=build.layer3.mtu,
        dhcp=build.layer3.dhcp,
        addresses=() if build.layer3.dhcp else tuple(a for a in build.layer3.addresses if a.version == 4),
        gateways=build.layer3.gateways,
        dns=build.layer3.dns,
        network=build.spec.network,
        management=build.management,
        profiles=tuple((profile.ifname, profile.uuid) for profile in build.wanted),
    )
