"""What the lab host looks like, read without vmnet: nmcli, ip, virsh and the files themselves."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .machine import Lab

_MARK = "-----8<----- "
_READERS = {
    "profiles": "find /etc/NetworkManager/system-connections /run/NetworkManager/system-connections -type f "
    "-exec stat -c '%n %a %u %g' {} + -exec sha256sum {} + | sort",
    "active": "nmcli -t -f UUID,NAME,DEVICE connection show --active | sort",
    "addresses": "ip -j address",
    # NetworkManager gives each activation of a link another metric (100, 101, ...) where the profile names none.
    "routes": "{ ip route; ip -6 route show default; } | sed 's/ metric [0-9]*//; s/ linkdown//' | sort",
    "resolv": "grep ^nameserver /etc/resolv.conf",
    "networks": "for n in $(virsh net-list --all --name); do virsh net-dumpxml --inactive $n; virsh net-info $n; done",
    "domains": "virsh list --all --name | while read -r d; do test -z \"$d\" || { echo \"$d\"; "
    "virsh domstate \"$d\"; virsh dumpxml --inactive --security-info \"$d\"; virsh dumpxml --security-info \"$d\"; "
    "}; done",
    "taps": "ip -j link show type tun",
}  # fmt: skip


def observe(lab: Lab) -> dict[str, Any]:
    """Return the state of the host, comparable: nothing in it changes by itself."""
    script = "\n".join(f"echo '{_MARK}{name}'; {command}" for name, command in _READERS.items())
    parts = lab.run(["sh", "-c", script], timeout=180).stdout.split(_MARK)[1:]
    seen: dict[str, Any] = dict(part.split("\n", 1) for part in parts)
    seen["addresses"] = _links(json.loads(seen["addresses"]))
    seen["taps"] = {tap["ifname"]: tap.get("master") for tap in json.loads(seen["taps"])}
    # libvirt makes a new port, and writes down where it put the tap, each time an interface joins a network.
    seen["domains"] = re.sub(r" portid='[^']*'", "", seen["domains"])
    seen["networks"] = re.sub(r" connections='\d+'", "", seen["networks"])
    return seen


def _links(raw: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        link["ifname"]: {
            "mac": link["address"],
            "mtu": link["mtu"],
            "controller": link.get("master"),
            "addresses": sorted(f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] == "global"),
        }
        for link in raw
        if not link["ifname"].startswith("vnet")
    }


def links(lab: Lab) -> dict[str, dict[str, Any]]:
    """Return the host's links by name, as `ip -d -j link` shows them."""
    return {link["ifname"]: link for link in json.loads(lab.run(["ip", "-d", "-j", "link"]).stdout)}


def management(lab: Lab) -> str:
    """Return all that must not change of p2p1: addresses, routes, carrier changes, index, profile file."""
    script = (
        'ip -j address show p2p1 | sed \'s/"valid_life_time":[0-9]*//;s/"preferred_life_time":[0-9]*//\'; '
        "ip route show dev p2p1; cat /sys/class/net/p2p1/carrier_changes; "
        "u=$(nmcli -g GENERAL.CON-UUID device show p2p1); echo $u; "
        "nmcli -t -f UUID,FILENAME connection show | grep ^$u | cut -d: -f2- | xargs -d '\\n' sha256sum"
    )
    return lab.run(["sh", "-c", script]).stdout
