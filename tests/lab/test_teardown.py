"""teardown on a real host with a strict LACP switch: plain NICs again, the bridge back by an undo, and a reboot."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from .observe import ADOPT, links
from .test_host_setup import assert_end_state, assert_reachable

if TYPE_CHECKING:
    from .machine import Lab

SETTINGS = """\
nmcli -t -f UUID connection show | while read -r uuid; do nmcli connection show "$uuid"; done |
    grep -E '^(connection|ipv[46]|bond|bridge|802-3-ethernet)[.]' | grep -v timestamp
"""
FILES = """\
for file in /etc/NetworkManager/system-connections/*; do
    stat -c '%n %a %u %g' "$file"
    grep -v '^timestamp=' "$file"
done
"""


def settings(lab: Lab) -> list[str]:
    """All settings of all profiles that name a NIC or are saved, sorted: each profile's come together."""
    text = lab.run(["sh", "-c", SETTINGS], timeout=120).stdout
    parts = ("connection.id:" + part for part in text.split("connection.id:")[1:])
    return sorted(
        part for part in parts if not {"vnet", "virbr0", "lo"} & set(part.split()[1:2]) and "vnet" not in part
    )


def assert_plain(lab: Lab) -> None:
    """em1 has the address and the default route by its old profile, and nothing is left of the bridge."""
    seen = links(lab)
    assert not {"br0", "bond0"} & set(seen)
    assert [seen[name].get("master") for name in ("em1", "p4p1")] == [None, None]
    assert lab.run(["ip", "-4", "-br", "address", "show", "em1"]).stdout.split()[2:] == ["172.16.4.3/24"]
    assert lab.run(["ip", "route", "show", "default"]).stdout.startswith("default via 172.16.4.1 dev em1")
    assert lab.run(["nmcli", "-g", "GENERAL.CONNECTION", "device", "show", "em1"]).stdout.strip() == "lan"
    assert "host-bridge" not in lab.run(["virsh", "net-list", "--all", "--name"]).stdout.split()
    assert_reachable(lab)


@pytest.mark.turns
@pytest.mark.lab_state("clean", guests=False)
def test_to_plain_nics_and_back_to_the_bridge(lab: Lab) -> None:
    start = settings(lab)
    lab.vmnet(*ADOPT, timeout=400)
    bridged = lab.run(["sh", "-c", FILES]).stdout
    lab.vmnet("teardown", "--yes", timeout=600)
    assert_plain(lab)
    assert settings(lab) == start
    assert "no bridge" in lab.vmnet("teardown").stdout
    lab.vmnet("undo", "--yes", timeout=600)
    assert_end_state(lab)
    assert_reachable(lab)
    assert lab.run(["sh", "-c", FILES]).stdout == bridged
    lab.vmnet("verify")
    # And the first run can be undone as if nothing had been.
    lab.vmnet("undo", "--yes", timeout=400)
    assert_plain(lab)
    assert settings(lab) == start


@pytest.mark.turns
@pytest.mark.lab_state("bridged", guests=False)
def test_one_that_fails_leaves_the_bridge_as_it_was(lab: Lab) -> None:
    before = lab.run(["sh", "-c", FILES]).stdout
    failed = lab.vmnet("teardown", "--probe", "test -e /sys/class/net/br0", "--yes", timeout=600, check=False)
    assert failed.returncode == 4, failed.stderr
    assert_end_state(lab)
    assert_reachable(lab)
    assert lab.run(["sh", "-c", FILES]).stdout == before
    lab.vmnet("verify")


@pytest.mark.turns
@pytest.mark.lab_state("bridged", guests=False)
def test_its_script_brings_the_bridge_back(lab: Lab) -> None:
    before = lab.run(["sh", "-c", FILES]).stdout
    lab.vmnet("teardown", "--yes", timeout=600)
    assert_plain(lab)
    lab.run(["sh", "/var/lib/vmnet/undo.sh"], timeout=600)
    assert_end_state(lab)
    assert_reachable(lab)
    assert lab.run(["sh", "-c", FILES]).stdout == before


@pytest.mark.turns
@pytest.mark.lab_state("clean")
def test_domains_move_away_first_and_a_reboot_boots_the_nic(lab: Lab) -> None:
    lab.vmnet(*ADOPT, timeout=400)
    lab.vmnet("attach-domain", "web01", "--no-bounce", "--yes", timeout=300)
    refused = lab.vmnet("teardown", "br0", "--yes", check=False)
    assert refused.returncode == 3
    assert "web01" in refused.stderr
    plan = json.loads(lab.vmnet("teardown", "--move-domains-to", "default", "--plan", "--output", "json").stdout)
    assert [row["domain"] for row in plan["plan"]["rows"]] == ["web01"]
    lab.vmnet("teardown", "--move-domains-to", "default", "--yes", timeout=900)
    assert_plain(lab)
    assert "default" in lab.run(["virsh", "domiflist", "web01"]).stdout
    assert {link.get("master") for name, link in links(lab).items() if name.startswith("vnet")} == {"virbr0"}
    lab.reboot()
    end = time.monotonic() + 240
    while lab.lan(["ping", "-c", "1", "-W", "1", "172.16.4.3"], check=False).returncode and time.monotonic() < end:
        time.sleep(2)
    lab.run("nm-online -q -s -t 120", timeout=150)
    assert_plain(lab)
