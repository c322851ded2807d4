"""Rules about addresses, routes and DNS on the bridge, and about the management link."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vmnet.checks.commands import modify_profile, show_link, show_profile
from vmnet.checks.findings import NETLINK, NMCLI, RESOLVER, Finding
from vmnet.checks.registry import diagnosed, verified
from vmnet.checks.rules.boot import LIST_PROFILES, keep_down
from vmnet.facts import Facts, Profile
from vmnet.facts.proof import NM_VERSION, PROFILE, record_of
from vmnet.plan.host.profiles import competes
from vmnet.shell_words import Command, command, root
from vmnet.spec import BridgeSpec, NoAddress


def _listed(items: Iterable[object]) -> str:
    return ", ".join(str(item) for item in items) or "none"


@verified("address.kernel", "address.profile")
def addresses(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each static address is on the bridge, and in its profile."""
    kernel, profile = facts.addresses_of(goal.ifname), facts.active_profile(goal.ifname)
    for address in goal.requested.addresses:
        yield Finding(
            rule="address.kernel", subject=goal.ifname, wanted=str(address), seen=_listed(kernel), source=NETLINK,
            shown_by=_show_addresses(goal.ifname), fix=_reapply(goal.ifname),
        ).judged(address in kernel)  # fmt: skip
        if profile is not None:
            yield Finding(
                rule="address.profile", subject=goal.ifname, wanted=str(address), seen=_listed(profile.addresses),
                source=NMCLI, shown_by=_shows(profile, "addresses"),
                hint=f"the address is gone after a reboot: it is not in profile {profile.uuid}",
                fix=_store(profile, f"ipv{address.version}.addresses", str(address)),
            ).judged(address in profile.addresses)  # fmt: skip


@verified("address.none")
def no_address(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The host has no address on the bridge, where none is wanted."""
    if isinstance(goal.address, NoAddress) and facts.link(goal.ifname) is not None:
        kernel = (*facts.addresses_of(goal.ifname), *facts.addresses_of(goal.ifname, scope="link"))
        profile = facts.active_profile(goal.ifname)
        yield Finding(
            subject=goal.ifname, wanted="no address", seen=_listed(kernel), source=NETLINK,
            shown_by=_show_addresses(goal.ifname), fix=_disable(profile, goal.ifname) if profile else (),
            hint="guests reach the host at that address, past the firewall between the two networks",
        ).judged(not kernel)  # fmt: skip


def _disable(profile: Profile, bridge: str) -> tuple[Command, ...]:
    off = [modify_profile(profile.uuid, f"{family}.method", "disabled") for family in ("ipv4", "ipv6")]
    return (*off, *_reapply(bridge))


def _show_addresses(ifname: str, *family: str) -> Command:
    return command("ip", *family, "address", "show", "dev", ifname)


def _reapply(ifname: str) -> tuple[Command, ...]:
    """What gives a link again all that its profile says, without taking it down."""
    return (root("nmcli", "device", "reapply", ifname),)


def _shows(profile: Profile, name: str) -> Command:
    return show_profile(profile.uuid, f"ipv4.{name}", f"ipv6.{name}")


def _store(profile: Profile, name: str, value: str) -> tuple[Command, ...]:
    return (modify_profile(profile.uuid, f"+{name}", value),)


@verified("address.dhcp")
def address_by_dhcp(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bridge has an IPv4 address of a DHCP server's, where one is wanted."""
    if goal.requested.dhcp:
        ours = (a for a in facts.addresses if a.ifname == goal.ifname and a.dynamic)
        leased = [a.interface for a in ours if a.interface.version == 4]
        yield Finding(
            subject=goal.ifname, wanted="an address by DHCP", seen=_listed(leased), source=NETLINK,
            shown_by=_show_addresses(goal.ifname, "-4"),
            hint=f"no DHCP server answers on {goal.ifname}: journalctl -u NetworkManager",
        ).judged(bool(leased))  # fmt: skip


@verified("address.only")
def address_only_here(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No other link has one of the bridge's addresses."""
    wanted = {address.ip for address in goal.requested.addresses}
    others = sorted({a.ifname for a in facts.addresses if a.interface.ip in wanted and a.ifname != goal.ifname})
    if others:
        yield Finding(
            subject=goal.ifname, wanted="address on the bridge only", seen=f"also on {_listed(others)}",
            source=NETLINK, shown_by=command("ip", "-br", "address"),
            hint="an old profile is still active there: nmcli connection show --active",
        )  # fmt: skip


@verified("route.default")
def default_route(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The default route goes through each gateway, over the bridge, and no other link's wins."""
    others = sorted({route.ifname for route in facts.default_routes()} - {goal.ifname})
    for gateway in goal.requested.gateways:
        routes = [r for r in facts.default_routes() if r.gateway and r.gateway.version == gateway.version]
        best = min((route.metric for route in routes), default=0)
        ok = any(r.gateway == gateway and r.ifname == goal.ifname and r.metric == best for r in routes)
        ways = (f"via {r.gateway} over {r.ifname} metric {r.metric}" for r in sorted(routes, key=lambda r: r.metric))
        yield Finding(
            subject="default", wanted=f"via {gateway} over {goal.ifname}",
            seen="; ".join(ways) or "no default route", source=NETLINK,
            shown_by=command("ip", "route", "show", "default"),
            hint=f"{others[0]} must not take the default route" if others else "", fix=_route_fix(others, goal, facts),
        ).judged(ok)  # fmt: skip


def _route_fix(others: list[str], goal: BridgeSpec, facts: Facts) -> tuple[Command, ...]:
    if not others:
        return _reapply(goal.ifname)
    profile = facts.active_profile(others[0])
    if profile is None:
        return ()
    modify = modify_profile(profile.uuid, "ipv4.never-default", "yes")
    return (modify, *_reapply(others[0]), *_reapply(goal.ifname))


@verified("route.profile")
def gateway_in_profile(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A static bridge's gateway is in its profile."""
    profile = facts.active_profile(goal.ifname)
    for gateway in goal.requested.gateways if profile else ():
        family = f"ipv{gateway.version}"
        if profile is None or profile.get(f"{family}.method") != "manual":
            continue
        # A default route may also stand among the profile's routes.
        stored = profile.get(f"{family}.gateway") or profile.get(f"{family}.routes")
        ok = str(gateway) in stored
        yield Finding(
            subject=goal.ifname, wanted=f"gateway {gateway}", seen=f"gateway {stored or 'none'}", source=NMCLI,
            shown_by=_shows(profile, "gateway"),
            hint="the default route is gone after a reboot; to save it: sudo vmnet host-setup",
        ).judged(ok)  # fmt: skip


@verified("dns.device", "dns.resolv_conf")
def dns_servers(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The servers are known on the bridge, and the host's programs ask one of them."""
    wanted, device = goal.requested.dns, facts.device(goal.ifname)
    known, asked = device.dns if device else (), facts.resolvers
    if wanted:
        yield Finding(
            rule="dns.device", subject=goal.ifname, wanted=_listed(wanted), seen=_listed(known), source=NMCLI,
            shown_by=command("nmcli", "-f", "IP4.DNS,IP6.DNS", "device", "show", goal.ifname),
            fix=_dns_fix(goal, facts),
        ).judged(set(wanted) <= set(known))  # fmt: skip
        yield Finding(
            rule="dns.resolv_conf", subject="host", wanted=f"{_listed(wanted)} or a local resolver",
            seen=_listed(asked), source=RESOLVER, shown_by=command("cat", "/etc/resolv.conf"),
            hint="another program writes /etc/resolv.conf: ls -l /etc/resolv.conf",
        ).judged(any(resolver.is_loopback or resolver in wanted for resolver in asked))  # fmt: skip


def _dns_fix(goal: BridgeSpec, facts: Facts) -> tuple[Command, ...]:
    profile, device = facts.active_profile(goal.ifname), facts.device(goal.ifname)
    if profile is None or device is None:
        return (root("vmnet", "host-setup"),)
    missing = [server for server in goal.requested.dns if server not in device.dns]
    stored = [line for server in missing for line in _store(profile, f"ipv{server.version}.dns", str(server))]
    return (*stored, *_reapply(goal.ifname))


@verified("management.link")
def management_link(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The management link is up."""
    if goal.management is not None:
        link = facts.link(goal.management)
        works = link is not None and link.admin_up and link.carrier
        yield Finding(
            subject=goal.management, wanted="up", seen=link.state if link else "missing", source=NETLINK,
            ok=link is not None and link.admin_up, shown_by=show_link(goal.management),
            hint="" if works else "nobody can log in over this link: check its cable",
        )  # fmt: skip


@verified("management.address")
def management_address(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The management link has the address that its profile says."""
    if goal.management is not None:
        profile, seen = facts.active_profile(goal.management), facts.addresses_of(goal.management)
        wanted = profile.addresses if profile else ()
        yield Finding(
            subject=goal.management, wanted=_listed(wanted) if wanted else "an address", seen=_listed(seen),
            source=NETLINK, shown_by=_show_addresses(goal.management), fix=_reapply(goal.management),
        ).judged(set(wanted) <= set(seen) and bool(seen))  # fmt: skip


@verified("management.profile")
def management_profile(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Its profile takes no default route and does not hold the boot up; for information."""
    profile = facts.active_profile(goal.management)
    if profile is None:
        return
    wanted = ("never-default", "may-fail")
    missing = [key for key in wanted if profile.get(f"ipv4.{key}") != "yes"]
    yield Finding(
        subject=goal.management or "", wanted=", ".join(wanted),
        seen=", ".join(f"{key} {profile.get(f'ipv4.{key}') or 'unset'}" for key in wanted), source=NMCLI, ok=True,
        hint="sudo vmnet host-setup --fix-management sets both" if missing else "",
    )  # fmt: skip


# Rules about the management link: as it was when the recorded run was planned, and alone in starting at boot.

_BOUND_TO_CHANGE = ("index", "carrier changes")
"""What a reboot or a pulled cable changes, and no program did."""
_LEASED = ("addresses", "routes", "rules")
"""What a DHCP server may change."""


@verified("management.unchanged")
def unchanged(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The management link is as it was when the run was planned."""
    if goal.management is None or not (goal.management_was or not facts.root):
        return
    changed = _changed(goal, facts)
    seen = "; ".join(changed) or "as it was"
    yield Finding(
        subject=goal.management, wanted="as before the recorded run",
        seen=seen if goal.management_was else "not compared: only root may read the record of the run",
        source=NETLINK, shown_by=command("nmcli", "device", "show", goal.management),
        hint="journalctl -u NetworkManager may show who changed it. Undo unwanted changes by hand: "
        "vmnet never changes this link",
    ).judged(not changed)  # fmt: skip


def _changed(goal: BridgeSpec, facts: Facts) -> list[str]:
    was, now = dict(goal.management_was), dict(record_of(goal.management or "", facts))
    passed = set(_BOUND_TO_CHANGE)
    profile = facts.active_profile(goal.management)
    if profile is not None and profile.get("ipv4.method") == "auto":
        passed |= set(_LEASED)
    for record in (was, now):
        record |= {key: _without_metrics(routes) for key, routes in record.items() if key == "routes"}
    # Another version of nmcli writes values in other ways.
    upgraded = was.pop(NM_VERSION, "") != now.pop(NM_VERSION, "")
    keys = [key for key in was if key not in passed and not (upgraded and key.startswith(PROFILE))]
    # Which profile it is has been said by then.
    same_profile = was.get("active profile") == now.get("active profile")
    keys = [key for key in keys if same_profile or not key.startswith(PROFILE)]
    return [f"{key} was {was[key]} and is {now.get(key, 'none')}" for key in keys if was[key] != now.get(key)]


def _without_metrics(routes: str) -> str:
    """NetworkManager counts metrics up in the order in which links come up, which a boot changes; one that is wanted
    stands in the profile, which is compared, too."""
    return ", ".join(sorted(re.sub(r" metric \d+$", "", route) for route in routes.split(", ")))


@diagnosed("management.alone")
def alone(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """One profile starts by itself on the management link."""
    link = facts.link(goal.management)
    active = facts.active_profile(goal.management)
    if link is None or active is None:
        return
    rivals = [
        p for p in facts.profiles
        if p.uuid != active.uuid and p.autoconnect and p.device in (None, link.ifname)
        and competes(p, (link,), (link.ifname,))
    ]  # fmt: skip
    if rivals:
        yield Finding(
            subject=link.ifname, wanted=f"only {active.name}",
            seen=", ".join([active.name, *(rival.name for rival in rivals)]), source=NMCLI, shown_by=LIST_PROFILES,
            hint="this keeps the other profiles and disables their autoconnect", fix=keep_down(rivals),
        )  # fmt: skip
