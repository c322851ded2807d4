"""What a check says: one line with what is wanted, what is seen, and who said so."""

from __future__ import annotations

from dataclasses import dataclass

NETLINK = "kernel (netlink)"
SYSFS = "kernel (sysfs)"
NMCLI = "nmcli"
LIBVIRT = "libvirt"
RESOLVER = "resolver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One line of verify.

    Args:
        rule: the rule's stable id ("bond.mode").
        layer: NetworkManager, NIC, bond, LACP, bridge, address, route, DNS, management, network, domain.
        subject: the link, network or domain it is about.
        wanted: what should be there, for people.
        seen: what is there, for people.
        source: who said so: one of the constants above.
        ok: whether seen is as wanted.
        hint: what to do when it is not; beside an `ok` it makes the finding a note.
    """

    rule: str
    layer: str
    subject: str
    wanted: str
    seen: str
    source: str
    ok: bool
    hint: str = ""
