"""Rules about libvirt's networks, whichever they are, beside the one that host-setup made."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from vmnet.checks import commands
from vmnet.checks.findings import LIBVIRT, NETLINK, Finding
from vmnet.checks.fixes import by_hand, plan_of
from vmnet.checks.registry import diagnosed, verified
from vmnet.checks.rules.links import MISSING
from vmnet.errors import Refused
from vmnet.facts import Domain, Facts, Mention, Network
from vmnet.plan.host.network import plan_network
from vmnet.plan.steps import Plan, Planned, SetNetworkAutostart, StartNetwork, StopNetwork
from vmnet.shell_words import Command, command, in_turn, pipe, root
from vmnet.spec import BridgeSpec

LIST_NETWORKS = command("virsh", "net-list", "--all")
_MANY = 5


def _verified(network: Network, goal: BridgeSpec, facts: Facts) -> bool:
    """Whether verify's own rules speak of this network."""
    return network.name == goal.network and facts.link(goal.ifname) is not None


def named(domains: tuple[Domain, ...]) -> str:
    """Return the domains for people."""
    names = [domain.name for domain in domains]
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more


@diagnosed("network.no-bridge")
def no_bridge(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """libvirt starts a network without looking whether the bridge that it names is there."""
    for network in () if facts.hypervisor_elsewhere else facts.networks:
        leads = network.forward_mode == "bridge" and network.bridge is not None
        if not leads or network.bridge == goal.ifname or not (network.active or facts.users(network.name)):
            continue
        seen, fix, hint = _bridge_problem(network.bridge or "", facts)
        if seen:
            yield Finding(
                subject=network.name, wanted=f"bridge {network.bridge}, up",
                seen=f"{'active' if network.active else 'not active'}; {network.bridge}: {seen}", source=NETLINK,
                shown_by=commands.show_link(network.bridge or ""), hint=hint, fix=fix,
            )  # fmt: skip


def _bridge_problem(bridge: str, facts: Facts) -> tuple[str, tuple[Command, ...], str]:
    """Return what is wrong with a bridge ("" for nothing), the commands, and what else helps."""
    link = facts.link(bridge)
    if link is None:
        profile = next((profile for profile in facts.profiles if profile.ifname == bridge), None)
        up = (commands.activate_profile(profile.uuid),) if profile else ()
        return MISSING, up, f"bring {bridge} up, or give the network another bridge with virsh net-edit"
    if not link.is_bridge:
        what = f"a link of kind {link.kind}" if link.kind else "a NIC"
        return f"{what}, not a bridge", (), "give the network a bridge's name: virsh net-edit"
    if not link.admin_up:
        return "down", (root("ip", "link", "set", "dev", bridge, "up"),), "bring the bridge up"
    ports = facts.uplinks(bridge)
    if ports and not any(port.carrier for port in ports):
        return f"no uplink has carrier ({', '.join(p.ifname for p in ports)})", (), "check its cable and switch port"
    return "", (), ""


def _start(found: tuple[Finding, ...], _goal: BridgeSpec, _facts: Facts) -> Plan:
    """Start the networks."""
    names = {finding.subject: finding.seen for finding in found}
    return plan_of(
        Planned(step=StartNetwork(name=name), why=why, undo=(StopNetwork(name=name),)) for name, why in names.items()
    )


@diagnosed("network.inactive", fix=_start)
def inactive(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """What domains name is started."""
    for network in facts.networks:
        needed_by = facts.users(network.name)
        if needed_by and not network.active and not _verified(network, goal, facts) and not _taken(network, facts):
            yield Finding(
                subject=network.name, wanted="active", seen=f"not active; on it: {named(needed_by)}", source=LIBVIRT,
                shown_by=LIST_NETWORKS, hint="start it, or move its domains to another network: vmnet attach-domain",
                fix=commands.start_network(network),
            )  # fmt: skip


@diagnosed("network.bridge-taken")
def bridge_taken(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """What is to be started can be: the host does not have its bridge already."""
    for network in facts.networks:
        needed = facts.users(network.name) or network.autostart
        bridge = _taken(network, facts)
        if network.active or not needed or bridge is None or _verified(network, goal, facts):
            continue
        dump = root("virsh", "net-dumpxml", "--inactive", "--network", network.name)
        rename = pipe(dump, command("sed", "/<bridge name=/d"), root("virsh", "net-define", "/dev/stdin"))
        yield Finding(
            subject=network.name, wanted="a bridge of its own",
            seen=f"forward {network.forward_mode or 'none'} on {bridge}, which the host already has", source=NETLINK,
            shown_by=commands.show_link(bridge),
            hint="without <bridge> libvirt chooses a free name; vmnet host-setup makes another network for the host's "
            "own bridge",
            fix=(rename, *commands.start_network(network)),
        )  # fmt: skip


def _taken(network: Network, facts: Facts) -> str | None:
    """Return the bridge that a network of libvirt's own is to make, where the host has it already."""
    if not network.routed or facts.hypervisor_elsewhere or facts.link(network.bridge) is None:
        return None
    return network.bridge


def _autostart(found: tuple[Finding, ...], _goal: BridgeSpec, facts: Facts) -> Plan:
    """Let the persistent ones of the networks start at boot."""
    stored = {f.subject: f.seen for f in found if (n := facts.network(f.subject)) is not None and n.persistent}
    if not stored:
        raise Refused("a transient network cannot be autostarted", by_hand(found))
    on, off = (partial(SetNetworkAutostart, autostart=value) for value in (True, False))
    return plan_of(Planned(step=on(name=name), why=why, undo=(off(name=name),)) for name, why in stored.items())


@diagnosed("network.not-at-boot", fix=_autostart)
def not_at_boot(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A network that domains need at boot is there then."""
    for network in facts.networks:
        stored = tuple(domain for domain in facts.users(network.name) if domain.stored)
        starting = tuple(domain for domain in stored if domain.autostart)
        lost = stored if not network.persistent else starting if not network.autostart else ()
        if not lost or not network.active or _verified(network, goal, facts):
            continue
        yield Finding(
            subject=network.name, wanted="persistent, autostarted",
            seen=f"{'not autostarted' if network.persistent else 'not persistent'}; on it: {named(lost)}",
            source=LIBVIRT, shown_by=LIST_NETWORKS, fix=commands.whole(network),
        )  # fmt: skip


@diagnosed("network.shared-bridge")
def shared_bridge(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """One network a bridge, so that each name means one thing; for information."""
    by_bridge: dict[str, list[str]] = {}
    for network in facts.networks:
        if network.forward_mode == "bridge" and network.bridge:
            by_bridge.setdefault(network.bridge, []).append(network.name)
    for bridge, names in by_bridge.items():
        if len(names) > 1:
            yield Finding(
                subject=bridge, wanted="one network", seen=f"networks {', '.join(names)}", source=LIBVIRT, ok=True,
                shown_by=LIST_NETWORKS,
                hint="this works; to have one, move all domains to it (vmnet attach-domain) and undefine the others",
            )  # fmt: skip


@diagnosed("network.still-named")
def still_named(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Nothing on this host rests on a network that all domains have left."""
    by_network: dict[str, list[Mention]] = {}
    for mention in facts.mentions if facts.surroundings is not None and facts.domains else ():
        by_network.setdefault(mention.network, []).append(mention)
    for name, mentions in by_network.items():
        files = dict.fromkeys(m.place.partition(",")[0] for m in mentions if m.place.startswith("/"))
        yield Finding(
            subject=name or "libvirt's names", wanted="no mention, because no domain uses it",
            seen="; ".join(f"{mention.place}: {mention.text}" for mention in mentions[:_MANY])
            + (f"; and {len(mentions) - _MANY} more" if len(mentions) > _MANY else ""),
            source=mentions[0].place.partition(",")[0], ok=not name, shown_by=_shown_by(mentions[0]),
            hint="enter the guests' new addresses, or remove the entry",
            fix=tuple(root("editor", file) for file in files),
        )  # fmt: skip


def _shown_by(mention: Mention) -> Command:
    file, _, line = mention.place.rpartition(", line ")
    # sed runs programs where its script says so: only a number is one line's.
    if file and line.isdecimal():
        return root("sed", "-n", f"{line}p", file)
    return root("iptables-legacy-save") if mention.place.startswith("iptables") else root("nft", "list", "ruleset")


# The goal's network, and libvirt's listing of links.


def _mend(_found: tuple[Finding, ...], goal: BridgeSpec, facts: Facts) -> Plan:
    """Define, start and autostart the goal's network, as host-setup does."""
    assert goal.network is not None
    return plan_of(*plan_network(goal.network, goal.ifname, facts, nics=goal.nics))


@verified("network.state", fix=_mend)
def network_state(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The network is persistent, active and autostarted."""
    if goal.network is None:
        return
    wanted = ("persistent", "active", "autostarted")
    network = facts.network(goal.network)
    if network is not None:
        has = (network.persistent, network.active, network.autostart)
        seen = ", ".join(word if yes else f"not {word}" for word, yes in zip(wanted, has, strict=True))
        ok, hint, fix = all(has), "sudo vmnet host-setup defines, starts and autostarts it", commands.whole(network)
    elif facts.libvirt_version is None:
        seen, hint = facts.libvirt_problem or "libvirt does not answer", "sudo systemctl start libvirtd"
        ok, fix = False, ()
    else:
        ok, seen, hint, fix = False, "missing", "sudo vmnet host-setup defines it", ()
    yield Finding(
        subject=goal.network, wanted=", ".join(wanted), seen=seen, source=LIBVIRT, shown_by=LIST_NETWORKS, hint=hint,
        fix=fix,
    ).judged(ok)  # fmt: skip


@verified("network.bridge", fix=_mend)
def network_bridge(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The network hands its interfaces to the bridge, without routing or NAT."""
    network = facts.network(goal.network)
    if network is None:
        return
    ok = network.forward_mode == "bridge" and network.bridge == goal.ifname
    yield Finding(
        subject=network.name, wanted=f"forward bridge, on {goal.ifname}",
        seen=f"forward {network.forward_mode or 'none'}, on {network.bridge or 'no bridge'}", source=LIBVIRT,
        hint="sudo vmnet host-setup redefines it",
    ).judged(ok)  # fmt: skip


@verified("bridge.listed")
def bridge_listed(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """libvirt's interface listing has the bridge, active, with its MAC.

    The listing leaves out every port of a bridge, so the bond's absence there is as it should be.
    """
    if facts.libvirt_version is None or facts.link(goal.ifname) is None:
        return
    wanted = f"active, MAC {goal.mac}" if goal.mac else "active"
    if facts.hypervisor_links is None:
        yield Finding(
            subject=goal.ifname, wanted=wanted, seen="listing not available", source=LIBVIRT, ok=True,
            hint="to see libvirt's own list: apt install libvirt-daemon-driver-interface",
        )  # fmt: skip
        return
    listing = command("virsh", "iface-list", "--all")
    line = next((link for link in facts.hypervisor_links if link.ifname == goal.ifname), None)
    ok = line is not None and line.active and (not goal.mac or line.mac == goal.mac)
    seen = f"{'active' if line.active else 'inactive'}, MAC {line.mac}" if line else "not listed"
    yield Finding(
        subject=goal.ifname, wanted=wanted, seen=seen, source=LIBVIRT,
        hint=f"libvirt and the kernel disagree: {in_turn(listing, commands.show_link(goal.ifname))}",
    ).judged(ok)  # fmt: skip
