"""The ports of bonds, from /proc/net/bonding: the partner's key and MAC of each port are nowhere else on older
kernels, and root alone may see them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.facts import BondPort
from vmnet.host import sysfs
from vmnet.lines import lines_of, number_of
from vmnet.names import mac_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Link

BONDS = Path("/proc/net/bonding")
_PORT = "Slave Interface"
_PARTNER = "details partner lacp pdu"


def read_bond_ports(links: Iterable[Link]) -> tuple[BondPort, ...]:
    """Return the ports of all bonds among `links`; one file each is read."""
    return tuple(port for link in links if link.kind == "bond" for port in read_ports_of(link.ifname))


def read_ports_of(bond: str) -> tuple[BondPort, ...]:
    """Return the ports of one bond; none where it is not there."""
    return tuple(parse_bond(bond, sysfs.read_text(BONDS / bond) or "", sysfs.NET))


def parse_bond(bond: str, text: str, net: Path) -> Iterator[BondPort]:
    """Yield the ports of a bond from the kernel's text about it.

    Args:
        net: /sys/class/net, for the counters.
    """
    for block in text.split(f"{_PORT}: ")[1:]:
        ifname, _, rest = block.partition("\n")
        before, _, after = rest.partition(_PARTNER)
        told, partner = _pairs(before), _pairs(after)
        yield BondPort(
            ifname=ifname.strip(),
            bond=bond,
            link_failures=_number(told, "Link Failure Count") or 0,
            partner_mac=mac_of(partner.get("system mac address", "")),
            partner_key=_number(partner, "oper key"),
            churned="churned" in (told.get("Actor Churn State"), told.get("Partner Churn State")),
            sent_bytes=sysfs.read_int(net / ifname.strip() / "statistics/tx_bytes") or 0,
            number=_number(told, "port number"),
            partner_number=_number(partner, "port number"),
            aggregator=_number(told, "Aggregator ID"),
        )


def _number(told: dict[str, str], name: str) -> int | None:
    return number_of(told.get(name, ""))


def _pairs(text: str) -> dict[str, str]:
    lines = (line.strip().partition(":") for line in lines_of(text))
    return {name: value.strip() for name, _, value in lines}
