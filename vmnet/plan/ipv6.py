"""IPv6 of the link that the bridge replaces: its DHCPv6 identity, and the addresses that are lost with it."""

from __future__ import annotations

from ipaddress import IPv6Interface
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmnet.facts import Device, Facts, Profile
    from vmnet.names import Mac
    from vmnet.plan.steps import Settings
    from vmnet.spec import IpInterface


def dhcp_identity(profile: Profile, device: Device) -> Settings:
    """Return the host's DHCPv6 identity, if the profile leaves it to defaults that depend on the
    link's name (NetworkManager, ipv6.dhcp-iaid)."""
    seen = (("ipv6.dhcp-duid", device.dhcp6_duid), ("ipv6.dhcp-iaid", device.dhcp6_iaid))
    return tuple((key, value) for key, value in seen if value and not profile.get(key))


def lost_addresses(holder: str, settings: Settings, facts: Facts) -> tuple[IpInterface, ...]:
    """Return the addresses of the link that the bridge will not have: those that the kernel or NetworkManager derives
    from the link's name or at random (RFC 7217, RFC 8981). Those from the MAC, and leased ones, stay."""
    link = facts.link(holder)
    if link is None or dict(settings).get("ipv6.method") != "auto" or dict(settings).get("ipv6.token"):
        return ()
    made = (a.interface for a in facts.addresses if a.ifname == holder and a.scope == "global" and a.dynamic)
    ends = of_mac(link.mac)
    return tuple(
        address
        for address in made
        if isinstance(address, IPv6Interface) and address.network.prefixlen == 64 and int(address.ip) & _LOW != ends
    )


_LOW = (1 << 64) - 1


def of_mac(mac: Mac) -> int:
    """Return the interface identifier that follows from a MAC (RFC 4291, appendix A)."""
    octets = bytes.fromhex(mac.replace(":", ""))
    return int.from_bytes(bytes((octets[0] ^ 2, *octets[1:3], 0xFF, 0xFE, *octets[3:])), "big")
