"""status on a real host, compared with what ip and virsh say."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .machine import Lab


def seen(lab: Lab) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The nodes by key, and the edges, with the domains' names for their UUIDs."""
    found = json.loads(lab.vmnet("status", "--output", "json").stdout)
    names = {node["key"]: f"domain:{node['name']}" for node in found["nodes"] if node["role"] == "domain"}
    nodes = {names.get(node["key"], node["key"]): node for node in found["nodes"]}
    return nodes, [{**edge, "below": names.get(edge["below"], edge["below"])} for edge in found["edges"]]


def kernels_ports(lab: Lab) -> set[tuple[str, str]]:
    """Who is a port of whom, taps left out, as the graph has it."""
    links = json.loads(lab.run(["ip", "-j", "link", "show"]).stdout)
    ports = {(link["ifname"], link["master"]) for link in links if "master" in link}
    return {(f"link:{port}", f"link:{above}") for port, above in ports if not port.startswith("vnet")}


def plugged(lab: Lab, domain: str) -> set[tuple[str, str, str]]:
    """Where a domain's interfaces are plugged in, and their taps, as virsh says."""
    lines = lab.run(["virsh", "domiflist", domain]).stdout.splitlines()[2:]
    rows = [line.split() for line in lines if line.strip()]
    return {(f"network:{row[2]}", f"domain:{domain}", row[0].strip("-")) for row in rows}


def wires(edges: list[dict[str, Any]], domain: str) -> set[tuple[str, str, str]]:
    return {(e["above"], e["below"], e["name"]) for e in edges if e["below"] == f"domain:{domain}"}


@pytest.mark.turns
@pytest.mark.lab_state("bridged")
def test_status_shows_what_ip_and_virsh_say(lab: Lab) -> None:
    lab.vmnet("attach-domain", "web01", "--yes", timeout=300)
    nodes, edges = seen(lab)
    assert kernels_ports(lab) <= {(edge["above"], edge["below"]) for edge in edges}
    for domain in ("web01", "db01", "old01"):
        assert wires(edges, domain) == plugged(lab, domain)
    assert "172.16.4.3/24" in nodes["link:br0"]["words"]
    assert {"management", "10.0.0.3/24"} <= set(nodes["link:p2p1"]["words"])
    partner = lab.run("cat /sys/class/net/bond0/bonding/ad_partner_mac").stdout.strip()
    assert {e["below"] for e in edges if e["above"] == f"switch:{partner}"} == {"link:em1", "link:p4p1"}
    assert {node["state"] for key, node in nodes.items() if key != "domain:old01"} == {"ok"}
    assert nodes["domain:old01"]["state"] == "idle"
    assert [remark["rule"] for remark in nodes["network:default"]["remarks"]] == ["domain.left"]

    text = lab.vmnet("status").stdout
    (tap,) = (tap for _, _, tap in plugged(lab, "web01"))
    assert re.search(rf"── web01\s+{tap}\b", text)
    assert text.endswith("all is as it should be\n")
    as_nobody = lab.run(["runuser", "-u", "nobody", "--", "vmnet", "status"]).stdout
    assert "├── em1" in as_nobody

    lab.run(["ip", "link", "set", "dev", tap, "nomaster"])
    lab.cable("p4p1", on=False)
    nodes, _ = seen(lab)
    bad = {key for key, node in nodes.items() if node["state"] == "error"}
    assert bad == {"link:p4p1", "link:bond0", "domain:web01"}
