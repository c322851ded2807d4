"""What the lab host looks like, read without vmnet: nmcli, ip, virsh and the files themselves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .machine import Lab

# The two ways into the end state: from a host whose network is broken, and from one that works.
SETUP = [
    "host-setup", "em1", "p4p1", "--address", "172.16.4.3/24", "--gateway", "172.16.4.1",
    "--dns", "172.16.4.2", "--management", "p2p1", "--displace", "kvm-br0", "--yes",
]  # fmt: skip
ADOPT = ["host-setup", "em1", "p4p1", "--yes"]

_MARK = "-----8<----- "
# NetworkManager writes down each tap that it sees come and go as a volatile profile: that is no configuration.
_READERS = {
    "profiles": "find /etc/NetworkManager/system-connections /run/NetworkManager/system-connections -type f "
    "! -path '/run/*/vnet*' -exec stat -c '%n %a %u %g' {} + -exec sha256sum {} + | sort",
    "active": "nmcli -t -f UUID,NAME,DEVICE connection show --active | grep -v ':vnet[0-9]*$' | sort",
    "addresses": "ip -j address",
    # NetworkManager gives each activation of a link another metric (100, 101, ...) where the profile names none.
    "routes": "{ ip route; ip -6 route show default; } | sed 's/ metric [0-9]*//; s/ linkdown//' | sort",
    "resolv": "grep ^nameserver /etc/resolv.conf",
    # Two starts of virsh for all that libvirt has; the second one prints the mark of the networks itself.
    "domains": "virsh \"$(virsh 'list --all --uuid; echo e; net-list --all --uuid' | "
    "awk '/^e$/ { print; n = 1; next } NF { print (n ? \"n\" : \"d\"), $1 }' | sort | "
    "sed \"s/^d \\(.*\\)/domstate \\1; dumpxml --inactive --security-info \\1; dumpxml --security-info \\1;/; "
    f"s/^e/echo -- '{_MARK}networks';/; "
    's/^n \\(.*\\)/net-dumpxml --inactive \\1; net-info \\1;/")"',
    "taps": "ip -j link show type tun",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What a host was like: all that `observe` sees, and the management link more closely."""

    observed: dict[str, Any]
    management: str


def observe(lab: Lab) -> dict[str, Any]:
    """Return the state of the host, comparable: nothing in it changes by itself."""
    script = "\n".join(f"echo '{_MARK}{name}'; {command}" for name, command in _READERS.items())
    parts = lab.run(["sh", "-c", script], timeout=180).stdout.split(_MARK)[1:]
    seen: dict[str, Any] = dict(part.split("\n", 1) for part in parts)
    seen["addresses"] = _links(json.loads(seen["addresses"]))
    seen["taps"] = {tap["ifname"]: tap.get("master") for tap in json.loads(seen["taps"]) if tap}
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
        # ip prints an empty object for a link that its filter leaves out.
        if link and not link["ifname"].startswith("vnet")
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
