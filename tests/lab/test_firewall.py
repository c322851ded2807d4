"""A firewall that lets SSH in on the NIC only: host-setup refuses, and the command that it prints keeps the way in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = [pytest.mark.turns, pytest.mark.lab_state("clean", guests=False)]

NFT = """\
nft -f - <<'RULES'
table inet host {
  chain input {
    type filter hook input priority filter; policy drop;
    iif lo accept
    ct state established,related accept
    ip protocol icmp accept
    iifname "em1" tcp dport { 22, 9090 } accept
    iifname "p2p1" accept
  }
}
RULES
"""
IPTABLES = """\
iptables -A INPUT -i lo -j ACCEPT
iptables -A INPUT -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT
iptables -A INPUT -p icmp -j ACCEPT
iptables -A INPUT -i em1 -p tcp -m multiport --dports 22,9090 -j ACCEPT
iptables -A INPUT -i p2p1 -j ACCEPT
iptables -P INPUT DROP
"""
LOGIN = "timeout 60 ssh -n -o ConnectTimeout=20 root@172.16.4.3 true"
"""A new connection from the LAN."""


@pytest.mark.parametrize("rules", [NFT, IPTABLES], ids=["nft", "iptables"])
def test_a_new_login_works_before_and_after(lab: Lab, rules: str) -> None:
    lab.run(["sh", "-ec", rules])
    lab.lan(LOGIN)
    words = ("host-setup", "em1", "p4p1", "--yes", "--output", "json")
    refused = lab.vmnet(*words, check=False)
    assert refused.returncode == 3
    hint = json.loads(refused.stdout)["error"]["hint"]
    (command,) = (line for line in hint.splitlines() if "br0" in line and line.startswith("sudo "))
    lab.run(["sh", "-ec", command.removeprefix("sudo ")])
    lab.vmnet(*words, timeout=300)
    assert "172.16.4.3/24" in lab.run("ip -br address show br0").stdout
    lab.lan(LOGIN)
    lab.vmnet("undo", "--yes", timeout=300)
    lab.lan(LOGIN)
