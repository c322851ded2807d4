"""The address of the bridge: prepared while the old NIC works, and moved in one short step.

A strict LACP switch drops the old NIC as soon as it hears LACP from another. So everything that takes time comes before
a port joins. Only two routes through netlink are left for after it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.names import Mac
from vmnet.plan import steps
from vmnet.plan.host.answers import ADDRESS_S, silent_gateways
from vmnet.plan.host.build import first_routes, losing_metric
from vmnet.plan.host.existing_links import profile_on
from vmnet.plan.steps import Planned

if TYPE_CHECKING:
    from vmnet.plan.host.build import Build
    from vmnet.plan.steps import Settings

DHCP_S = 60
"""More than NetworkManager waits for a DHCP server (45 s)."""
NEIGHBOUR_S = 30
_HELD = ("ipv4.addresses", "ipv4.gateway")
"""Settings that keep a leased address as a static one; the profile may have static addresses of its own there."""


def prepare(build: Build) -> list[Planned]:
    """Bring bridge and bond up without ports, and give the bridge its address.

    The current routes win until the new path is proven. Until then, a current lease is kept as a static address.
    """
    top = build.port(build.controller)
    bridge = build.bridge.ifname
    vlan = build.asked.vlan if build.makes_bond else None
    up = steps.ActivateProfile(uuid=top.uuid, name=top.ifname, ifname=top.ifname)
    planned = [Planned(step=up, why=f"{top.ifname} comes up before its ports")]
    if vlan is not None:
        tagged = steps.ActivateProfile(uuid=build.port(vlan.ifname).uuid, name=vlan.ifname, ifname=vlan.ifname)
        planned.append(Planned(step=tagged, why=f"{vlan.ifname} comes up on {top.ifname}, and {bridge} with it"))
    if top is not build.bridge and profile_on(build.bridge, build) is not None:
        # NetworkManager brings a controller up for its port, but takes none from another profile.
        first = steps.ActivateProfile(uuid=build.bridge.uuid, name=bridge, ifname=bridge)
        planned.insert(0, Planned(step=first, why=f"{bridge} changes to its new profile"))
    made = (bridge,) if top is build.bridge else (bridge, top.ifname)
    mac = Mac(dict(build.bridge.shape)["802-3-ethernet.cloned-mac-address"])
    keep = steps.KeepMac(ifnames=made, mac=mac)
    planned.append(Planned(step=keep, why="neighbours know the host by this MAC, and udev may have set another"))
    early = _early(build)
    if early is None:
        return [*planned, _set_layer3(build, _layer3(build), f"{bridge} gets its address by DHCP")]
    late = comes_late(build)
    addresses = ", ".join(str(a) for a in build.layer3.addresses if not late or a.version == 4)
    planned += [_set_layer3(build, early, f"{bridge} gets {addresses or 'no address'}"), _reapply(build)]
    if build.layer3.has_ipv4:
        planned.append(_wait_address(build, "the address must exist before a port joins"))
    return planned


def move_address(build: Build) -> list[Planned]:
    """Let the bridge's routes win: at once through the kernel, then through NetworkManager.

    From then on the host sends everything through the bridge. So a switch without LACP sends the answers there, too.
    Otherwise, answers to a DHCP client on the bridge would end at the old NIC.
    """
    if _early(build) is None:
        return [_reapply(build), _wait_lease(build)]
    if losing_metric(build) is None:
        return []
    routes = first_routes(build)
    bridge = build.bridge.ifname
    wins = tuple((key, value) for key, value in _layer3(build) if not (build.layer3.dhcp and key in _HELD))
    at_once = Planned(step=steps.AddRoutes(routes=routes), why=f"the host sends through {bridge} from here on")
    no_more = Planned(step=steps.RemoveRoutes(routes=routes), why="NetworkManager has added its own routes")
    return [
        *ask_gateways(build, f"the gateway must answer on {bridge} before the routes change", late=comes_late(build)),
        *([at_once] if routes else []),
        _set_layer3(build, wins, f"the host prefers the routes of {bridge}"),
        _reapply(build),
        *([no_more] if routes else []),
        *(_let_go_of_held(build) if build.layer3.dhcp else []),
    ]


def asks_before_move(build: Build) -> bool:
    """Return whether an IPv4 gateway must answer on the bridge before its routes win."""
    asked = ask_gateways(build, "", late=True)
    return _early(build) is not None and losing_metric(build) is not None and bool(asked)


def _let_go_of_held(build: Build) -> list[Planned]:
    """Wait for the bridge's own lease of the address, and then remove the static copy."""
    own = dict(_layer3(build))
    step = steps.ModifyProfile(
        uuid=build.bridge.uuid,
        name=build.bridge.ifname,
        settings=tuple((key, own.get(key, "")) for key in _HELD),
        save=False,
    )
    reapply = steps.ReapplyDevice(ifname=build.bridge.ifname, lease_s=DHCP_S)
    return [
        _wait_lease(build),
        Planned(step=step, why="the address is leased now: the static copy is removed"),
        Planned(step=reapply, why="if the DHCP server stops answering now, the old NIC still has its lease"),
    ]


def ask_gateways(build: Build, why: str, *, late: bool = False) -> list[Planned]:
    """Wait until each gateway answers on the bridge. Leave out an adopted one that does not answer now either, and with
    `late` those of IPv6, which the bridge does not have yet."""
    waits = [
        steps.WaitNeighbour(ifname=build.bridge.ifname, address=gateway, timeout_s=NEIGHBOUR_S)
        for gateway in build.layer3.gateways
        if str(gateway) not in silent_gateways(build) and not (late and gateway.version == 6)
    ]
    return [Planned(step=wait, why=why) for wait in waits]


def _early(build: Build) -> Settings | None:
    """Return layer 3 of the bridge until its path is proven; None if the address is not known yet."""
    early = dict(_layer3(build))
    if build.layer3.dhcp:
        addresses = [str(address) for address in build.layer3.addresses if address.version == 4]
        if not addresses:
            return None
        gateways = [str(gateway) for gateway in build.layer3.gateways if gateway.version == 4]
        early |= {
            "ipv4.method": "manual",
            "ipv4.addresses": ",".join(addresses),
            "ipv4.gateway": ",".join(gateways[:1]),
        }
    if (metric := losing_metric(build)) is not None:
        early["ipv4.route-metric"] = str(metric)
    return tuple(early.items())


def _layer3(build: Build) -> Settings:
    return without(build.bridge.layer3) if comes_late(build) else build.bridge.layer3


def _set_layer3(build: Build, settings: Settings, why: str) -> Planned:
    # The old NIC still has the address: looking for a duplicate would find it.
    step = steps.ModifyProfile(
        uuid=build.bridge.uuid,
        name=build.bridge.ifname,
        settings=(*settings, ("ipv4.dad-timeout", "0")),
        save=False,
    )
    return Planned(step=step, why=why)


def _reapply(build: Build) -> Planned:
    return Planned(step=steps.ReapplyDevice(ifname=build.bridge.ifname), why="takes effect without dropping a port")


def _wait_lease(build: Build) -> Planned:
    return _wait_address(build, "the bridge must have the address before the old NIC gives it up", leased=True)


def _wait_address(build: Build, why: str, *, leased: bool = False) -> Planned:
    step = steps.WaitAddress(
        ifname=build.bridge.ifname,
        addresses=tuple(address for address in build.layer3.addresses if address.version == 4),
        timeout_s=DHCP_S if leased else ADDRESS_S,
        leased=leased,
    )
    return Planned(step=step, why=why)


# When the bridge gets its IPv6.
#
# A host defends its addresses against every other link, also its own (RFC 4862, 5.4). If the bridge gets them while
# the
# old NIC has them, they count as duplicates and are never used. So the bridge gets IPv6 when the NIC has given it
# up. In
# a rollback, the bridge gives it up before the NIC gets it again.

_NOT_WITHOUT = ("ipv6.addresses", "ipv6.gateway", "ipv6.dns", "ipv6.dns-search", "ipv6.routes", "ipv6.routing-rules")
"""Settings that NetworkManager does not accept with the method "disabled"."""
IPV6_S = 30
"""Duplicate detection takes a second or two, a router's answer up to 12 s (RFC 4861, 6.3.7), DHCPv6 some more."""
_NONE = ("disabled", "ignore", "")


def comes_late(build: Build) -> bool:
    """Return whether the bridge will get IPv6 that another link has now, or may have."""
    holder = build.layer3.holder
    wanted = dict(build.bridge.layer3).get("ipv6.method", "")
    return holder not in (None, build.bridge.ifname) and wanted not in _NONE


def without(settings: Settings) -> Settings:
    """Return the settings with IPv6 left out."""
    return tuple((key, value) for key, value in settings if not key.startswith("ipv6."))


def ipv6_off(settings: Settings) -> Settings:
    """Return the settings that take from a profile the IPv6 that it has by `settings`."""
    return (("ipv6.method", "disabled"), *((key, "") for key, _ in settings if key in _NOT_WITHOUT))


def let_ipv6_in(build: Build) -> list[Planned]:
    """Give the bridge its IPv6 now that the old NIC has left it; a rollback takes it away first."""
    if not comes_late(build):
        return []
    bridge = build.bridge
    settings = tuple((key, value) for key, value in bridge.layer3 if key.startswith("ipv6."))
    give = steps.ModifyProfile(uuid=bridge.uuid, name=bridge.ifname, settings=settings, save=False)
    take = steps.ModifyProfile(uuid=bridge.uuid, name=bridge.ifname, settings=ipv6_off(settings), save=False)
    reapply = steps.ReapplyDevice(ifname=bridge.ifname)
    why = f"{build.layer3.holder} has given IPv6 up: earlier, {bridge.ifname} would have failed duplicate detection"
    planned = [
        Planned(step=give, why=why, undo=(take, reapply), back_first=True),
        Planned(step=reapply, why="takes effect without dropping a port"),
    ]
    addresses = tuple(address for address in build.layer3.addresses if address.version == 6)
    if addresses:
        wait = steps.WaitAddress(ifname=bridge.ifname, addresses=addresses, timeout_s=IPV6_S)
        planned.append(Planned(step=wait, why="the IPv6 addresses must exist and must not be duplicates"))
    return planned


def ipv6_warnings(build: Build) -> tuple[str, ...]:
    """Return a warning for each address that the host loses."""
    return tuple(
        f"the host loses the address {address.ip} of {build.layer3.holder}, which comes from the link's name or is "
        f"random (RFC 7217, RFC 8981): {build.bridge.ifname} gets another one in {address.network}"
        for address in build.layer3.lost
    )
