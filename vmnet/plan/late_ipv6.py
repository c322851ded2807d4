"""When the bridge gets its IPv6.

A host defends its addresses against every other link, also its own (RFC 4862, 5.4). If the bridge gets them while the
old NIC has them, they count as duplicates and are never used. So the bridge gets IPv6 when the NIC has given it up. In
a rollback, the bridge gives it up before the NIC gets it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan import steps
from vmnet.plan.steps import Planned

if TYPE_CHECKING:
    from vmnet.plan.build import Build
    from vmnet.plan.steps import Settings

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


def let_ipv6_in(build: Build) -> list[Planned]:
    """Give the bridge its IPv6 now that the old NIC has left it; a rollback takes it away first."""
    if not comes_late(build):
        return []
    bridge = build.bridge
    settings = tuple((key, value) for key, value in bridge.layer3 if key.startswith("ipv6."))
    give = steps.ModifyProfile(uuid=bridge.uuid, name=bridge.ifname, settings=settings, save=False)
    off = (("ipv6.method", "disabled"), *((key, "") for key, _ in settings if key in _NOT_WITHOUT))
    take = steps.ModifyProfile(uuid=bridge.uuid, name=bridge.ifname, settings=off, save=False)
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
