"""A host whose outside is hostile: tools, kernel, libvirt and users' files as vmnet's own readers meet them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field, replace
from ipaddress import ip_interface
from typing import Any

import pytest

from tests.fake_domain import FakeDomain
from tests.fake_libvirt import FakeConnection, FakeNetwork
from tests.host.nmcli_host import NmcliHost, escaped, out
from tests.plan.hosts import routed_host
from vmnet.errors import ToolError
from vmnet.facts import Address, BridgeState, Facts, Link
from vmnet.host import gather, process
from vmnet.host.kernel import netlink, sysfs
from vmnet.host.libvirt import surroundings
from vmnet.host.process import Output
from vmnet.names import Mac

NAMES = {
    "plain": "",
    "newlines": "\ntun\nb",
    "forged pairs": "\nconnection.uuid:11111111-0000-0000-0000-000000000002\nconnection.type:tun\n\nconnection.id:x",
    "other line ends": "\u2028\u2029\x0b\x0c\x1c\x85\r",
    "shell": "; touch /root/pwned #$(id)`id`|&<>*?~{a,b}\\",
    "quotes": "'\"\"'",
    "separators": ":\\::=,/..//%2f",
    "long": "n" * 5000,
    "bytes": "\udcff\udc80",
    "terminal": "\x1b[2J\x9b\u202e\x07",
    "markup": "<!DOCTYPE a>&amp;<b/>]]>-->",
    "numbers": "\u0663\u00b2" + "9" * 5000,
}
ROUTER = {"br7": [{"port": "em1", "type": "temp"}]}


def printed(name: str) -> str:
    """A name as `process.run` decodes it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def markup(name: str) -> str:
    """A name as libvirt puts it into a document."""
    text = "".join(c for c in name if c in "\t\n\r" or (c.isprintable() and not "\ud800" <= c <= "\udfff"))
    return (
        text.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&apos;")
    )


@dataclass
class Outside:
    """Everything outside is named by `evil`, but for the two NICs that are asked for."""

    evil: str
    facts: Facts = field(default_factory=routed_host)
    nmcli: NmcliHost = field(default_factory=NmcliHost)
    refused: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        base = routed_host()
        bridge = Link(
            ifname=f"br7{self.evil}", ifindex=7, kind="bridge", mac=Mac("00:00:5e:00:53:77"), mtu=1500, admin_up=True,
            carrier=True, operstate="up",
            bridge=BridgeState(stp=False, forward_delay_cs=0, multicast_snooping=True, vlan_filtering=True),
        )  # fmt: skip
        tap = replace(bridge, ifname=f"vnet0{self.evil}", ifindex=8, kind="tun", bridge=None, controller=bridge.ifname)
        address = Address(ifname=bridge.ifname, interface=ip_interface("203.0.113.1/24"))
        self.facts = replace(base, links=(*base.links, bridge, tap), addresses=(*base.addresses, address))
        name = printed(self.evil)
        for profile in base.profiles:
            settings = dict(profile.settings) | {"connection.id": f"{profile.name}{name}", "connection.lldp": "1"}
            # Section by section, as nmcli does.
            settings = dict(sorted(settings.items(), key=lambda item: item[0].partition(".")[0]))
            self.nmcli.profiles[profile.uuid] = settings
        self.nmcli.add_profile(
            "11111111-0000-0000-0000-00000000000f", f"odd{name}", connection__zone=name, ipv4__dns=name
        )
        for device in base.devices:
            self.nmcli.devices[device.ifname] = {
                "GENERAL.DEVICE": device.ifname, "GENERAL.TYPE": device.type, "GENERAL.STATE": f"{device.state} (x)",
                "GENERAL.CON-UUID": device.profile or "", "GENERAL.REASON": "0 (No reason given)",
                "IP4.DNS[1]": "192.0.2.53", "DHCP4.OPTION[1]": f"domain_name = {name}", "DHCP4.OPTION[2]": "expiry = 9",
            }  # fmt: skip

    def run(self, argv: tuple[str, ...], **_: object) -> Output:  # noqa: C901, PLR0912 - a row a tool
        """Answer as `vmnet.host.process.run`."""
        name = printed(self.evil)
        links = [printed(link.ifname) for link in self.facts.links]
        match argv:
            case ("busctl", *words) if "get-property" in words:
                return out('{"type":"s","data":"1.42.4"}\n{"type":"ao","data":[]}\n')
            case ("busctl", *_):
                return out('{"type":"b","data":[false]}\n')
            case ("nmcli", *_, "lldp", "list"):
                return out(f"em1:{escaped(name)}:{escaped(name)}:{escaped(name)}\n")
            case ("nmcli", "--version"):
                return out(f"nmcli tool, version 1.42.4 {name}\n")
            case ("nmcli", *_):
                return self.nmcli.run(argv)
            case ("nft", "-j", *_):
                return out(json.dumps(self._ruleset(name)))
            case ("nft", *_):
                return out(f'table ip {name} {{\nchain {name} {{\noifname "{name}" accept\n')
            case ("bridge", *_, "fdb", "show"):
                heard = [{"mac": "00:00:5e:00:53:21", "ifname": link, "master": link, "state": ""} for link in links]
                return out(json.dumps(heard, ensure_ascii=False))
            case ("bridge", *_, "vlan", "show"):
                return out(json.dumps([{"ifname": link, "vlans": [{"vlan": 1, "flags": [name]}]} for link in links]))
            case ("bridge", *_, "mdb", "show"):
                group = {"dev": links[-2], "port": links[-2], "grp": f"ff02::1{name}"}
                return out(json.dumps([{"mdb": [group], "router": {links[-2]: [{"port": name}]}}]))
            case ("systemctl", *_):
                return out(f"Id={name}\nResult={name}\nUnitFileState=enabled\nAfter={name}\n\n{name}\n")
            case ("ebtables", *_):
                return out(f"Bridge chain: I-vnet0{name}-ipv4-ip, entries: 1\n-p IPv4 --ip-src {name} -j RETURN\n")
            case ("journalctl", *_):
                return out(f"Failed to autostart VM '{name}': {name}\n")
        self.refused.append(argv)
        raise ToolError(f"{argv[0]} is not installed", argv=argv)

    @staticmethod
    def _ruleset(name: str) -> dict[str, Any]:
        place = {"family": "inet", "table": name}
        match = {"match": {"op": "==", "left": {"meta": {"key": "iifname"}}, "right": name}}
        chain = {"chain": {**place, "name": name, "type": "filter", "hook": "forward", "policy": "drop"}}
        return {"nftables": [chain, {"rule": {**place, "chain": name, "expr": [match, {"jump": {"target": name}}]}}]}

    def connect(self, *_: object, **__: object) -> FakeConnection:
        """Open a connection to libvirt."""
        text = markup(self.evil)
        connection = FakeConnection()
        document = (
            f"<domain><name>web{text}</name><metadata><a>{text}</a></metadata><devices><interface type='bridge'>"
            f"<mac address='52:54:00:00:53:11'/><source bridge='br7{text}'/><target dev='vnet0{text}'/>"
            f"<filterref filter='clean{text}'/><address type='pci' bus='zz' slot='{text}'/></interface></devices>"
            "</domain>"
        )
        network = f"<network><name>net{text}</name><bridge name='br7{text}'/><ip address='{text}'/></network>"
        uuid = "00000000-0000-4000-8000-000000000201"
        title = f"web{printed(self.evil)}".replace("\n", " ")
        connection.domains.append(FakeDomain(title=title, uuid=uuid, owner=connection, live=document, stored=document))
        nat = (
            f"<network><name>nat{text}</name><forward mode='nat'/><bridge name='virbr7'/>"
            "<ip address='203.0.113.1' prefix='24'/></network>"
        )
        for document in (network, nat):
            connection.networks.append(FakeNetwork(title=title, bridge="br7", owner=connection, document=document))
        return connection


def put_outside(outside: Outside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have all readers meet this outside instead of the machine's own."""
    real = process.run
    for name, module in list(sys.modules.items()):
        if name.startswith("vmnet.") and getattr(module, "run", None) is real:
            monkeypatch.setattr(module, "run", outside.run)
    monkeypatch.setattr(process, "has_tool", lambda name: name == "nft")
    for part in ("links", "addresses", "routes", "rules"):
        found = getattr(outside.facts, part)
        monkeypatch.setattr(netlink, f"read_{part}", lambda found=found: found)
    monkeypatch.setattr("vmnet.host.libvirt.hypervisor_read.open_connection", outside.connect)
    monkeypatch.setattr(surroundings, "open_connection", outside.connect)
    monkeypatch.setattr(surroundings, "read_mounts", lambda _: ())
    monkeypatch.setattr(gather, "try_probes", lambda _: ())
    monkeypatch.setattr(sysfs, "is_root", lambda: True)
