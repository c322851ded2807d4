"""Read the bridges' inside: forwarding database, VLANs and flags of ports, multicast groups."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from vmnet.facts import Fabric, Facts, Heard, Link, Multicast, PortFlags, PortVlans
from vmnet.host import process
from vmnet.host.kernel import sysfs
from vmnet.host.kernel.kernel_log import read_log
from vmnet.host.outside import Sources, parse_json, understood
from vmnet.names import mac_of

T = TypeVar("T")
_SET_BY_HAND = 3
"""NET_ADDR_SET: somebody gave the link its MAC, and the kernel keeps it."""
_LAST_VLAN = 4095
_FLAGS = {"isolated": ("isolated", 1), "hairpin": ("hairpin_mode", 1), "router": ("multicast_router", 2)}
"""Flag -> file below brport, and the least value that means "on" for good."""


def read_fabric(facts: Facts, sources: Sources) -> Fabric:
    """Return what goes on inside the host's bridges."""

    def printed(what: str, argv: tuple[str, ...], parse: Callable[[str], tuple[T, ...]]) -> tuple[T, ...]:
        return sources.collect(what, lambda: parse(process.run(argv, timeout_s=30).stdout))

    bridges = [link for link in facts.links if link.bridge is not None]
    filtering = any(link.bridge and link.bridge.vlan_filtering for link in bridges)
    return Fabric(
        heard=printed("forwarding databases", ("bridge", "-j", "fdb", "show"), parse_heard) if bridges else (),
        vlans=printed("VLANs of ports", ("bridge", "-j", "vlan", "show"), parse_vlans) if filtering else (),
        flags=sources.collect("flags of ports", lambda: _flags(facts.links)),
        multicast=printed("multicast groups", ("bridge", "-d", "-s", "-j", "mdb", "show"), parse_multicast)
        if any(link.bridge and link.bridge.multicast_snooping for link in bridges)
        else (),
        unpinned=tuple(b.ifname for b in bridges if _assigned(b) not in (None, _SET_BY_HAND)),
        virtual_functions=sources.collect("virtual functions", lambda: _virtual_functions(facts.links)),
        virtualisation=sources.read("hypervisor under this host", _virtualisation, ""),
        log=sources.collect("the kernel's log", read_log, allowed=facts.root),
    )


def parse_heard(text: str) -> tuple[Heard, ...]:
    """Return the entries of `bridge -j fdb show` that were learnt from traffic, or put there for a NIC's own switch.

    Raises:
        ToolError: it is no such document.
    """
    with understood(what := "the answer of bridge fdb"):
        return tuple(_heard(parse_json(text, what)))


def _heard(entries: Iterable[dict[str, Any]]) -> Iterator[Heard]:
    for entry in entries:
        own = "self" in entry.get("flags", ())
        learnt = entry.get("master") and entry.get("state") not in ("permanent", "static")
        mac = mac_of(entry.get("mac", ""))
        # None: a multicast address, or an IPv4 address of a tunnel's.
        if mac and (own or learnt):
            yield Heard(mac=mac, port=str(entry["ifname"]), own=own)


def parse_vlans(text: str) -> tuple[PortVlans, ...]:
    """Return the ports of `bridge -j vlan show`; bridges themselves are among them.

    Raises:
        ToolError: it is no such document.
    """
    with understood(what := "the answer of bridge vlan"):
        return tuple(_port_vlans(entry) for entry in parse_json(text, what))


def _port_vlans(entry: dict[str, Any]) -> PortVlans:
    vlans: set[int] = set()
    untagged = None
    for item in entry.get("vlans", ()):
        first, last = item["vlan"], item.get("vlanEnd", item["vlan"])
        vlans.update(range(max(first, 0), min(last, _LAST_VLAN) + 1))
        untagged = first if "PVID" in item.get("flags", ()) else untagged
    return PortVlans(port=str(entry["ifname"]), vlans=tuple(sorted(vlans)), untagged=untagged)


def parse_multicast(text: str) -> tuple[Multicast, ...]:
    """Return the bridges of `bridge -d -s -j mdb show` on which an MLD querier is heard.

    Where one asked, its port is a router's for some minutes. That it asked for IPv6 shows in the bridge's own groups:
    without questions they are forgotten.

    Raises:
        ToolError: it is no such document.
    """
    with understood(what := "the answer of bridge mdb"):
        return tuple(_queriers(parse_json(text, what)))


def _queriers(databases: Iterable[dict[str, Any]]) -> Iterator[Multicast]:
    for database in databases:
        groups = [(entry["dev"], entry["port"], entry["grp"]) for entry in database.get("mdb", ())]
        for bridge, routers in database.get("router", {}).items():
            asked = [router["port"] for router in routers if router.get("type", "temp") == "temp"]
            own = any(port == bridge == dev and group.startswith("ff02:") for dev, port, group in groups)
            if asked and own:
                of_ports = tuple((port, group) for dev, port, group in groups if dev == bridge)
                yield Multicast(bridge=bridge, querier=asked[0], groups=of_ports)


def _flags(links: Iterable[Link]) -> Iterator[PortFlags]:
    for link in links:
        base = sysfs.NET / link.ifname / "brport"
        on = tuple(flag for flag, (name, least) in _FLAGS.items() if (sysfs.read_int(base / name) or 0) >= least)
        if link.controller and on:
            yield PortFlags(port=link.ifname, on=on)


def _assigned(link: Link) -> int | None:
    return sysfs.read_int(sysfs.NET / link.ifname / "addr_assign_type")


def _virtual_functions(links: Iterable[Link]) -> Iterator[tuple[str, tuple[str, ...]]]:
    for link in links:
        if link.hardware and (found := parse_virtual_functions(sysfs.NET / link.ifname / "device")):
            yield link.ifname, found


def parse_virtual_functions(device: Path) -> tuple[str, ...]:
    """Return the PCI addresses of a device's virtual functions, as it links to them in sysfs."""
    found = (sysfs.parse_pci_address(path.resolve()) for path in sorted(device.glob("virtfn*")))
    return tuple(address for address in found if address)


def _virtualisation() -> str:
    """Ask systemd what the host runs on; exit status 1 is its "none"."""
    if not process.has_tool("systemd-detect-virt"):
        return ""
    said = process.run(("systemd-detect-virt", "--vm"), timeout_s=10, accept=(0, 1)).stdout.strip()
    return "" if said == "none" else said
