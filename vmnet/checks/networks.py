"""Rules about libvirt's networks, whichever they are, beside the one that host-setup made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks import ways
from vmnet.checks.findings import LIBVIRT, NETLINK, Finding
from vmnet.checks.libvirt import LIST_NETWORKS
from vmnet.checks.links import MISSING
from vmnet.shell_words import command, pipe, root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Domain, Facts, Mention, Network
    from vmnet.plan.steps import HostGoal
    from vmnet.shell_words import Command

ROUTED = ("nat", "route", "open", None)
"""Ways of forwarding for which libvirt makes a bridge of its own, with addresses; None: a network without a way out."""

BRIDGES = ("bridge", "openvswitch")
_MANY = 5


def users(network: Network, facts: Facts) -> tuple[Domain, ...]:
    """Return the domains that name the network, running or stored."""
    return tuple(
        domain
        for domain in facts.domains
        if any(i.source.network == network.name for i in (*domain.running, *domain.persistent))
    )


def _verified(network: Network, goal: HostGoal, facts: Facts) -> bool:
    """Whether verify's own rules speak of this network."""
    return network.name == goal.network and facts.link(goal.bridge) is not None


def named(domains: tuple[Domain, ...]) -> str:
    """Return the domains for people."""
    names = [domain.name for domain in domains]
    more = f" and {len(names) - _MANY} more" if len(names) > _MANY else ""
    return ", ".join(names[:_MANY]) + more


def no_bridge(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """network.no-bridge: libvirt starts a network without looking whether the bridge that it names is there."""
    for network in () if facts.hypervisor_elsewhere else facts.networks:
        leads = network.forward_mode == "bridge" and network.bridge is not None
        if not leads or network.bridge == goal.bridge or not (network.active or users(network, facts)):
            continue
        seen, fix, hint = _bridge_problem(network.bridge or "", facts)
        if seen:
            yield Finding(
                rule="network.no-bridge", layer="network", subject=network.name, wanted=f"bridge {network.bridge}, up",
                seen=f"{'active' if network.active else 'not active'}; {network.bridge}: {seen}", source=NETLINK,
                ok=False, hint=hint, fix=fix, shown_by=ways.show_link(network.bridge or ""),
            )  # fmt: skip


def _bridge_problem(bridge: str, facts: Facts) -> tuple[str, tuple[Command, ...], str]:
    """Return what is wrong with a bridge ("" for nothing), the commands, and what else helps."""
    link = facts.link(bridge)
    if link is None:
        profile = next((profile for profile in facts.profiles if profile.ifname == bridge), None)
        up = (ways.activate_profile(profile.uuid),) if profile else ()
        return MISSING, up, f"bring {bridge} up, or give the network another bridge with virsh net-edit"
    if link.kind not in BRIDGES:
        what = f"a link of kind {link.kind}" if link.kind else "a NIC"
        return f"{what}, not a bridge", (), "give the network a bridge's name: virsh net-edit"
    if not link.admin_up:
        return "down", (root("ip", "link", "set", "dev", bridge, "up"),), "bring the bridge up"
    ports = facts.uplinks(bridge)
    if ports and not any(port.carrier for port in ports):
        return f"no uplink has carrier ({', '.join(p.ifname for p in ports)})", (), "check its cable and switch port"
    return "", (), ""


def inactive(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """network.inactive, network.bridge-taken: what domains name is started, and can be."""
    for network in facts.networks:
        needed_by = users(network, facts)
        if network.active or not (needed_by or network.autostart) or _verified(network, goal, facts):
            continue
        taken = _taken(network, facts)
        if taken:
            yield _bridge_taken(network, taken)
        elif needed_by:
            yield Finding(
                rule="network.inactive", layer="network", subject=network.name, wanted="active", source=LIBVIRT,
                seen=f"not active; on it: {named(needed_by)}", ok=False, shown_by=LIST_NETWORKS,
                hint="start it, or move its domains to another network: vmnet attach-domain",
                fix=ways.start_network(network),
            )  # fmt: skip


def _taken(network: Network, facts: Facts) -> str | None:
    """Return the bridge that a network of libvirt's own is to make, where the host has it already."""
    if network.forward_mode not in ROUTED or facts.hypervisor_elsewhere or facts.link(network.bridge) is None:
        return None
    return network.bridge


def _bridge_taken(network: Network, bridge: str) -> Finding:
    name = network.name
    dump = root("virsh", "net-dumpxml", "--inactive", "--network", name)
    rename = pipe(dump, command("sed", "/<bridge name=/d"), root("virsh", "net-define", "/dev/stdin"))
    return Finding(
        rule="network.bridge-taken", layer="network", subject=name, wanted="a bridge of its own", source=NETLINK,
        seen=f"forward {network.forward_mode or 'none'} on {bridge}, which the host already has", ok=False,
        shown_by=ways.show_link(bridge),
        hint="without <bridge> libvirt chooses a free name; vmnet host-setup makes another network for the host's "
        "own bridge",
        fix=(rename, *ways.start_network(network)),
    )  # fmt: skip


def not_at_boot(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """network.not-at-boot: a network that domains need at boot is there then."""
    for network in facts.networks:
        stored = tuple(domain for domain in users(network, facts) if domain.stored)
        starting = tuple(domain for domain in stored if domain.autostart)
        lost = stored if not network.persistent else starting if not network.autostart else ()
        if not lost or not network.active or _verified(network, goal, facts):
            continue
        yield Finding(
            rule="network.not-at-boot", layer="network", subject=network.name, wanted="persistent, autostarted",
            seen=f"{'not autostarted' if network.persistent else 'not persistent'}; on it: {named(lost)}",
            source=LIBVIRT, ok=False, shown_by=LIST_NETWORKS,
            fix=ways.whole(network),
        )  # fmt: skip


def shared_bridge(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """network.shared-bridge: one network a bridge, so that each name means one thing; for information."""
    by_bridge: dict[str, list[str]] = {}
    for network in facts.networks:
        if network.forward_mode == "bridge" and network.bridge:
            by_bridge.setdefault(network.bridge, []).append(network.name)
    for bridge, names in by_bridge.items():
        if len(names) > 1:
            yield Finding(
                rule="network.shared-bridge", layer="network", subject=bridge, wanted="one network",
                seen=f"networks {', '.join(names)}", source=LIBVIRT, ok=True, shown_by=LIST_NETWORKS,
                hint="this works; to have one, move all domains to it (vmnet attach-domain) and undefine the others",
            )  # fmt: skip


def still_named(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """network.still-named: nothing on this host rests on a network that all domains have left."""
    by_network: dict[str, list[Mention]] = {}
    for mention in facts.mentions if facts.surroundings is not None and facts.domains else ():
        by_network.setdefault(mention.network, []).append(mention)
    for name, mentions in by_network.items():
        files = dict.fromkeys(m.place.partition(",")[0] for m in mentions if m.place.startswith("/"))
        yield Finding(
            rule="network.still-named", layer="network", subject=name or "libvirt's names",
            wanted="no mention, because no domain uses it", source=mentions[0].place.partition(",")[0], ok=not name,
            seen="; ".join(f"{mention.place}: {mention.text}" for mention in mentions[:_MANY])
            + (f"; and {len(mentions) - _MANY} more" if len(mentions) > _MANY else ""),
            shown_by=_shown_by(mentions[0]),
            hint="enter the guests' new addresses, or remove the entry",
            fix=tuple(root("editor", file) for file in files),
        )  # fmt: skip


def _shown_by(mention: Mention) -> Command:
    file, _, line = mention.place.rpartition(", line ")
    # sed runs programs where its script says so: only a number is one line's.
    if file and line.isdecimal():
        return root("sed", "-n", f"{line}p", file)
    return root("iptables-legacy-save") if mention.place.startswith("iptables") else root("nft", "list", "ruleset")


CHECKS = (no_bridge, inactive, not_at_boot, shared_bridge, still_named)
"""What doctor looks at."""
