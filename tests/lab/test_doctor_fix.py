"""doctor --fix: what a rule finds is put right by a plan, with a journal, and vmnet undo takes it back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .chain import expect

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = pytest.mark.turns


def fix(lab: Lab, rule: str) -> None:
    """Have doctor put right what one rule finds, and see that it finds nothing any more."""
    planned = lab.vmnet("doctor", "--fix", rule, "--plan")
    assert "nothing" not in planned.stdout.splitlines()[0]
    lab.vmnet("doctor", "--fix", rule, "--yes", timeout=300)
    again = lab.vmnet("doctor", "--fix", rule, "--yes", "--output", "json", timeout=120)
    assert json.loads(again.stdout)["plan"]["planned"] == []


def controller(lab: Lab, tap: str) -> str:
    (link,) = json.loads(lab.run(["ip", "-j", "link", "show", tap]).stdout)
    return str(link.get("master", ""))


@pytest.mark.lab_state("bridged", guests=False)
def test_what_rules_find_is_put_right_and_comes_back(lab: Lab) -> None:
    lab.vmnet("attach-domain", "web01", "--no-bounce", "--yes", timeout=300)
    tap = lab.run("virsh -q domiflist web01").stdout.split()[0]
    lab.run(
        f"ip link set {tap} nomaster; virsh net-autostart --disable host-bridge;"
        "nmcli connection modify br0 bridge.stp yes; nmcli device reapply br0"
    )
    for rule in ("bridge.stp", "network.state", "domain.tap"):
        fix(lab, rule)
    expect(lab, ())
    assert controller(lab, tap) == "br0"
    assert "Autostart:      yes" in lab.run("virsh net-info host-bridge").stdout
    assert lab.run("cat /sys/class/net/br0/bridge/stp_state").stdout.strip() == "0"
    lab.vmnet("undo", "--yes", timeout=300)
    assert controller(lab, tap) == ""
    refused = lab.vmnet("doctor", "--fix", "nic.link", "--yes", check=False)
    assert (refused.returncode, "nothing is wrong" in refused.stdout) == (0, True)
