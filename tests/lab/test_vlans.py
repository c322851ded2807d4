"""A VLAN on a NIC that joins the bond: it moves to the bridge, and back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .observe import ADOPT, observe

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = pytest.mark.turns

STORAGE = """\
nmcli connection add type vlan con-name storage ifname em1.20 dev em1 id 20 \
    ipv4.method manual ipv4.addresses 172.16.20.3/24 ipv6.method disabled
"""
ASK = "ping -c 1 -W 15 172.16.20.1"


def parent(lab: Lab) -> str:
    (link,) = json.loads(lab.run("ip -j link show em1.20").stdout)
    return str(link["link"])


@pytest.mark.lab_state("four-nics", guests=False)
def test_a_vlan_moves_with_its_nic_and_back(lab: Lab) -> None:
    lab.run(STORAGE)
    lab.run(ASK)
    before = observe(lab)
    refused = lab.vmnet(*ADOPT, check=False)
    assert refused.returncode == 3
    assert "--move-vlans" in refused.stderr
    assert observe(lab) == before
    lab.vmnet(*ADOPT, "--move-vlans", timeout=300)
    assert parent(lab) == "br0"
    lab.run(ASK)
    assert lab.run("nmcli -g vlan.parent connection show storage").stdout.strip() == "br0"
    assert "nothing to do" in lab.vmnet(*ADOPT).stdout
    lab.vmnet("verify")
    lab.vmnet("undo", "--yes", timeout=300)
    assert parent(lab) == "em1"
    lab.run(ASK)
    assert observe(lab) == before
