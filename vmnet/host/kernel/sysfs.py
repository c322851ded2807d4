"""Read links from sysfs and procfs: no privilege, no process, some 20 microseconds a value."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from vmnet.errors import SpecError
from vmnet.facts import BondPort, BridgeState, LacpPort, Link
from vmnet.lines import lines_of, number_of
from vmnet.names import Mac, mac_of, parse_mac
from vmnet.spec import Options
from vmnet.spec.options import BRIDGE_OPTIONS, Option

NET = Path("/sys/class/net")
MOST = 64 * 1024 * 1024
"""Bytes. The kernel's longest files, /proc/net/tcp and mountinfo, have some hundred for each line."""
_CHUNK = 1 << 16
_PCI = re.compile(r"[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_PORT_STATES = ("disabled", "listening", "learning", "forwarding", "blocking")


def read_text(path: Path) -> str | None:
    """Return a file's stripped text; None when it is not there or the driver has no value (EINVAL for the speed of
    a link that is down)."""
    text = read_whole(path)
    return None if text is None else text.strip()


def read_whole(path: Path) -> str | None:
    """As `read_text`, not stripped. Of a file that is longer than `MOST`, the text ends there."""
    content = bytearray()
    try:
        with path.open("rb", buffering=0) as file:
            while len(content) < MOST and (more := file.read(_CHUNK)):
                content += more
    except (OSError, ValueError):
        # ValueError: a name that came from outside holds a null byte.
        return None
    return content.decode("utf-8", "replace")


def read_int(path: Path) -> int | None:
    """Return a file's decimal number; None when there is none."""
    text = read_text(path)
    try:
        return int(text) if text else None
    except ValueError:
        return None


def read_controller(ifname: str) -> str | None:
    """Return the name of the link's controller (its bridge or bond) as the kernel has it now."""
    target = NET / ifname / "master"
    return target.readlink().name if target.is_symlink() else None


def read_mtu(ifname: str) -> int | None:
    """Return the link's MTU in bytes."""
    return read_int(NET / ifname / "mtu")


def read_carrier(ifname: str) -> bool:
    """Return whether the link has carrier; False as well for one that is down or not there."""
    return read_int(NET / ifname / "carrier") == 1


def read_bridge(ifname: str) -> BridgeState | None:
    """Return the bridge's settings; None when the link is no bridge."""
    base = NET / ifname / "bridge"
    if not base.is_dir():
        return None
    return BridgeState(
        stp=read_int(base / "stp_state") != 0,
        forward_delay_cs=read_int(base / "forward_delay") or 0,
        multicast_snooping=read_int(base / "multicast_snooping") == 1,
        vlan_filtering=read_int(base / "vlan_filtering") == 1,
        options=read_options(ifname, BRIDGE_OPTIONS),
    )


def read_options(ifname: str, table: Mapping[str, Option]) -> Options:
    """Return the options of a bond or bridge that this kernel has and shows to this user."""
    read = ((option, read_text(NET / ifname / option.file)) for option in table.values())
    return tuple(
        (option.name, option.seen(text)) for option, text in read if text or (text is not None and not option.private)
    )


def read_bridge_port_state(ifname: str) -> str | None:
    """Return the link's state as a port of a bridge ("forwarding", ...); None when it is none."""
    number = read_int(NET / ifname / "brport" / "state")
    return _PORT_STATES[number] if number is not None and number < len(_PORT_STATES) else None


def read_forwarding(bridge: str) -> frozenset[Mac]:
    """Return the MACs that a bridge has heard on its ports of late: those of its forwarding database that it learnt.

    The file holds records of 16 bytes (struct __fdb_entry in linux/if_bridge.h): the address, the port, whether it is
    the host's own.
    """
    try:
        raw = (NET / bridge / "brforward").read_bytes()
    except OSError:
        return frozenset()
    records = (raw[start : start + 16] for start in range(0, len(raw), 16))
    return frozenset(Mac(record[:6].hex(":")) for record in records if len(record) == 16 and not record[7])


def read_lacp(ifname: str) -> LacpPort | None:
    """Return the LACP state of a bond's port; None outside 802.3ad."""
    base = NET / ifname / "bonding_slave"
    actor = read_int(base / "ad_actor_oper_port_state")
    partner = read_int(base / "ad_partner_oper_port_state")
    aggregator = read_int(base / "ad_aggregator_id")
    if actor is None or partner is None or aggregator is None:
        return None
    return LacpPort(actor_state=actor, partner_state=partner, aggregator_id=aggregator)


def read_permanent_mac(ifname: str) -> Mac | None:
    """Return the hardware address of a bond's port, or of a link that still carries its own."""
    text = read_text(NET / ifname / "bonding_slave" / "perm_hwaddr")
    if text is None and read_int(NET / ifname / "addr_assign_type") == 0:
        text = read_text(NET / ifname / "address")
    try:
        return parse_mac(text) if text else None
    except SpecError:
        return None


def with_hardware(link: Link) -> Link:
    """Return the link with what the kernel tells in files only, and speed and duplex, which netlink would have from
    ethtool, a question for each link as well."""
    base = NET / link.ifname
    device, driver = base / "device", base / "device/driver"
    speed, duplex = read_int(base / "speed"), read_text(base / "duplex")
    return replace(
        link,
        permanent_mac=link.permanent_mac or read_permanent_mac(link.ifname),
        speed_mbit=speed if speed and speed > 0 else None,
        duplex=duplex if duplex in ("full", "half") else None,
        wireless=(base / "phy80211").exists() or (base / "wireless").exists(),
        hardware=device.exists(),
        lacp=read_lacp(link.ifname) if link.controller else None,
        pci=parse_pci_address(device.resolve()),
        # ARPHRD_ETHER; InfiniBand's frames and others' are not Ethernet's.
        ethernet=read_int(base / "type") in (None, 1),
        driver=driver.resolve().name if driver.exists() else "",
        virtual_function=(device / "physfn").exists(),
    )


def parse_pci_address(device: Path) -> str | None:
    """Return the last PCI address in a device's path in sysfs ("0000:01:00.0"): the bridges on the way come before it.
    For virtio it is that of the device below; None for other buses."""
    found = [part for part in device.parts if _PCI.fullmatch(part)]
    return found[-1] if found else None


def is_root() -> bool:
    """Return whether this process may change the host."""
    return os.geteuid() == 0


# The ports of bonds, from /proc/net/bonding: the partner's key and MAC of each port are nowhere else on older
# kernels, and root alone may see them.

BONDS = Path("/proc/net/bonding")
_PORT = "Slave Interface"
_PARTNER = "details partner lacp pdu"


def read_bond_ports(links: Iterable[Link]) -> tuple[BondPort, ...]:
    """Return the ports of all bonds among `links`; one file each is read."""
    return tuple(port for link in links if link.kind == "bond" for port in read_ports_of(link.ifname))


def read_ports_of(bond: str) -> tuple[BondPort, ...]:
    """Return the ports of one bond; none where it is not there."""
    return tuple(parse_bond(bond, read_text(BONDS / bond) or "", NET))


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
            sent_bytes=read_int(net / ifname.strip() / "statistics/tx_bytes") or 0,
            number=_number(told, "port number"),
            partner_number=_number(partner, "port number"),
            aggregator=_number(told, "Aggregator ID"),
        )


def _number(told: dict[str, str], name: str) -> int | None:
    return number_of(told.get(name, ""))


def _pairs(text: str) -> dict[str, str]:
    lines = (line.strip().partition(":") for line in lines_of(text))
    return {name: value.strip() for name, _, value in lines}
