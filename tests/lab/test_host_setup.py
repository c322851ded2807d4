"""host-setup on a real host: the end state, a reboot, the live address, a failure, a pulled cable, the way back."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING

import pytest

from .guests import assert_back
from .observe import ADOPT, SETUP, links, management, observe

if TYPE_CHECKING:
    from .machine import Lab
    from .starts import Starts

MAC = "00:23:ae:ab:20:54"


def assert_end_state(lab: Lab) -> None:
    """The end state of the walk-through by hand, line by line."""
    seen = links(lab)
    for name in ("em1", "p4p1"):
        assert seen[name]["operstate"] == "UP"
        assert (seen[name]["master"], seen[name]["address"]) == ("bond0", MAC)
    bond = seen["bond0"]
    assert (bond["operstate"], bond["master"], bond["address"]) == ("UP", "br0", MAC)
    data = bond["linkinfo"]["info_data"]
    assert (data["mode"], data["miimon"]) == ("802.3ad", 100)
    assert data["ad_info"]["num_ports"] == 2
    switch = lab.run(["ip", "-n", "switch", "-d", "link", "show", "type", "bond"]).stdout
    assert f"ad_actor_system {data['ad_info']['partner_mac']}" in switch
    aggregators = {seen[name]["linkinfo"]["info_slave_data"]["ad_aggregator_id"] for name in ("em1", "p4p1")}
    assert len(aggregators) == 1
    assert (seen["br0"]["operstate"], seen["br0"]["address"]) == ("UP", MAC)
    assert seen["br0"]["linkinfo"]["info_data"]["stp_state"] == 0
    uplinks = [name for name, link in seen.items() if link.get("master") == "br0" and not name.startswith("vnet")]
    assert uplinks == ["bond0"]
    addresses = {name: lab.run(["ip", "-4", "-br", "address", "show", name]).stdout.split()[2:] for name in seen}
    assert addresses["br0"] == ["172.16.4.3/24"]
    assert addresses["bond0"] == addresses["em1"] == addresses["p4p1"] == []
    assert "virbr0" in seen
    route = lab.run(["ip", "route", "show", "default"]).stdout
    assert route.startswith("default via 172.16.4.1 dev br0")
    assert len(route.splitlines()) == 1
    assert "172.16.4.2" in lab.run(["nmcli", "-g", "IP4.DNS", "device", "show", "br0"]).stdout
    active = lab.run(["nmcli", "-t", "-f", "DEVICE,NAME", "connection", "show", "--active"]).stdout.splitlines()
    ours = {line.split(":")[0] for line in active} - {"lo", "virbr0"} - {n for n in seen if n.startswith("vnet")}
    assert ours == {"p2p1", "br0", "bond0", "em1", "p4p1"}
    listing = lab.run(["virsh", "iface-list", "--all"]).stdout
    assert [line.split() for line in listing.splitlines() if line.split()[:1] == ["br0"]] == [["br0", "active", MAC]]
    network = lab.run(["virsh", "net-info", "host-bridge"]).stdout
    for wanted in ("Active:yes", "Persistent:yes", "Autostart:yes", "Bridge:br0"):
        assert wanted in network.replace(" ", "")


def assert_reachable(lab: Lab) -> None:
    lab.lan(["ping", "-c", "2", "-W", "5", "172.16.4.3"])


@pytest.mark.turns
@pytest.mark.lab_state("mended", guests=False)
def test_from_the_broken_start_to_the_end_state_and_back(lab: Lab, starts: Starts) -> None:
    before, kept = starts.before["mended"].observed, starts.before["mended"].management
    assert_end_state(lab)
    assert_reachable(lab)
    assert management(lab) == kept
    lab.vmnet("verify")
    after = observe(lab)
    again = lab.vmnet(*SETUP, "--output", "json", timeout=120)
    assert json.loads(again.stdout)["plan"]["planned"] == []
    assert observe(lab) == after
    lab.vmnet("undo", "--yes", timeout=300)
    # It was seen with its guests running.
    lab.run("for d in $(virsh list --name); do virsh resume $d; done")
    assert_back(lab, before)
    assert management(lab) == kept


@pytest.mark.lab_state("bridged")
def test_a_reboot_keeps_it_with_nothing_run_by_hand(lab: Lab) -> None:
    lab.vmnet("attach-domain", "web01", "--no-bounce", "--yes", timeout=200)
    # One guest is enough to go down and come up, twice emulated.
    lab.run("virsh destroy db01; virsh autostart --disable db01")
    lab.reboot()
    deadline = time.monotonic() + 120
    while "web01" not in lab.run(["virsh", "list", "--name"]).stdout and time.monotonic() < deadline:
        time.sleep(2)
    wait_verified(lab)
    assert_end_state(lab)
    assert_reachable(lab)
    tap = lab.run(["virsh", "domiflist", "web01"]).stdout.splitlines()[2].split()[0]
    assert links(lab)[tap]["master"] == "br0"


def wait_verified(lab: Lab) -> None:
    """Wait until verify finds nothing.

    A port that has come back is in the bond's aggregator before the switch collects on it, at the slow rate of LACP for
    up to half a minute; host-setup waits for that, a way back and a boot do not.
    """
    deadline = time.monotonic() + 90
    while (seen := lab.vmnet("verify", check=False)).returncode:
        assert time.monotonic() < deadline, seen.describe()


@pytest.mark.turns
@pytest.mark.lab_state("clean", guests=False)
def test_over_ssh_on_the_very_address_that_moves(lab: Lab) -> None:
    before, kept = observe(lab), management(lab)
    command = " ".join(["vmnet", *ADOPT]) + " && echo the session lives"
    done = lab.lan(["ssh", "root@172.16.4.3", command], timeout=300)
    assert "the session lives" in done.stdout
    assert_end_state(lab)
    assert_reachable(lab)
    assert management(lab) == kept
    # Where a run stands, the question whether there is something to undo is root's.
    nobody = lab.run(["setpriv", "--reuid=nobody", "--clear-groups", "vmnet", "undo", "--yes"], check=False)
    assert (nobody.returncode, "sudo" in nobody.stderr) == (3, True)
    lab.lan(["ssh", "root@172.16.4.3", "vmnet undo --yes"], timeout=300)
    assert observe(lab) == before
    assert management(lab) == kept
    assert_reachable(lab)


@pytest.mark.turns
@pytest.mark.lab_state("clean", guests=False)
def test_beside_a_bond_that_has_the_address(lab: Lab) -> None:
    lab.run(["sh", "-ec", ADDRESS_ON_BOND], timeout=120)
    lab.lan("until ping -c 1 -W 1 172.16.4.3; do :; done")
    before, kept = observe(lab), management(lab)
    refused = lab.vmnet(*ADOPT, check=False)
    assert (refused.returncode, "choose another name with --bond" in refused.stderr) == (3, True)
    assert observe(lab) == before
    with lab.popen(["ping", "-i", "0.2", "-w", "600", "172.16.4.3"], on_lan=True) as pings:
        lab.vmnet(*ADOPT, "--bond", "bond1", timeout=300)
        lab.run(["pkill", "-INT", "-x", "ping"])
        said, _ = pings.communicate(timeout=30)
    sent, received = map(int, re.findall(r"(\d+) packets transmitted, (\d+) received", said)[0])
    # No more than LACP takes on a strict switch.
    assert (sent - received) * 0.2 < 8
    assert links(lab)["bond1"]["master"] == "br0"
    assert "bond0" not in links(lab)
    lab.vmnet("verify")
    lab.vmnet("undo", "--yes", timeout=300)
    assert_back(lab, before)
    assert management(lab) == kept
    assert_reachable(lab)


ADDRESS_ON_BOND = """
nmcli connection add type bond con-name work ifname bond0 bond.options mode=802.3ad,miimon=100 ipv6.method disabled \
    ipv4.method manual ipv4.addresses 172.16.4.3/24 ipv4.gateway 172.16.4.1 ipv4.dns 172.16.4.2 \
    802-3-ethernet.cloned-mac-address 00:23:ae:ab:20:54
for nic in em1 p4p1; do
    nmcli connection add type ethernet con-name "work $nic" ifname $nic master bond0 slave-type bond
done
nmcli connection delete lan spare
nmcli connection up 'work em1'
nmcli connection up 'work p4p1'
"""


@pytest.mark.turns
@pytest.mark.lab_state("bridged", guests=False)
def test_a_cut_cable_leaves_the_host_reachable(lab: Lab) -> None:
    for nic in ("em1", "p4p1"):
        lab.cable(nic, on=False)
        time.sleep(1)
        assert_reachable(lab)
        assert lab.vmnet("verify", check=False).returncode == 6
        lab.cable(nic, on=True)
        # If the other cable is cut before that, the switch has no port left.
        wait_verified(lab)


@pytest.mark.turns
@pytest.mark.lab_state("clean", guests=False)
def test_a_switch_without_lacp_is_left_before_the_live_nic_is_touched(lab: Lab) -> None:
    lab.switch("plain")
    lab.lan("until ping -c 1 -W 1 172.16.4.3; do :; done")
    before = observe(lab)
    with lab.popen(["ping", "-i", "0.2", "-w", "600", "172.16.4.3"], on_lan=True) as pings:
        done = lab.vmnet(*ADOPT, timeout=300, check=False)
        lab.run(["pkill", "-INT", "-x", "ping"])
        said, _ = pings.communicate(timeout=30)
    sent, received = map(int, re.findall(r"(\d+) packets transmitted, (\d+) received", said)[0])
    assert sent - received <= 1
    assert done.returncode == 4
    assert "LACP" in done.stderr
    assert "active-backup" in done.stderr
    assert observe(lab) == before
    assert_reachable(lab)
    lab.vmnet(*ADOPT, "--mode", "active-backup", timeout=300)
    assert_reachable(lab)
    lab.vmnet("verify")


@pytest.mark.turns
@pytest.mark.lab_state("clean", guests=False)
def test_ctrl_c_takes_all_back(lab: Lab) -> None:
    saved = "/etc/NetworkManager/system-connections/lan.nmconnection"
    # NetworkManager takes neither for a profile: the admin's copy stays, what a kill leaves half written goes.
    lab.run(f"cp -p {saved} {saved}.backup; nmcli connection reload")
    assert "backup" not in lab.run(["nmcli", "-g", "NAME,FILENAME", "connection", "show"]).stdout
    before = observe(lab)
    # A shell without a terminal starts background commands with SIGINT ignored.
    script = """
        env --default-signal=INT vmnet host-setup em1 p4p1 --yes & p=$!
        until ip link show bond0; do sleep 0.2; done >/dev/null 2>&1
        cp -p {saved} {saved}.XPENZ3; sleep 1; kill -INT $p; wait $p
    """
    done = lab.run(["bash", "-c", script.format(saved=saved)], timeout=200, check=False)
    assert done.returncode == 130
    assert observe(lab) == before
    assert_reachable(lab)


@pytest.mark.turns
@pytest.mark.lab_state("bridged", guests=False)
def test_ctrl_c_during_an_undo_leaves_what_the_run_made(lab: Lab, starts: Starts) -> None:
    before, saved = observe(lab), saved_profiles(lab)
    script = """
        env --default-signal=INT vmnet undo --yes & p=$!
        until grep -qs '"event": "begin", "step": 6,' /var/lib/vmnet/runs/*-undo/journal.jsonl; do sleep 0.1; done
        kill -INT $p; wait $p
    """
    done = lab.run(["bash", "-c", script], timeout=200, check=False)
    assert (done.returncode, "the run is rolled back" in done.stderr) == (130, True), done.describe()
    assert saved_profiles(lab) == saved
    # Each activation is written down in the profile's file.
    assert observe(lab) | {"profiles": ""} == before | {"profiles": ""}
    wait_verified(lab)
    lab.vmnet("undo", "--yes", timeout=300)
    lab.run("for d in $(virsh list --name); do virsh resume $d; done")
    assert_back(lab, starts.before["bridged"].observed)


def saved_profiles(lab: Lab) -> str:
    """What is saved, without the times at which each profile was up last, and the names of what is only in memory."""
    text = lab.run("cd /etc/NetworkManager/system-connections && grep -v '^timestamp=' *").stdout
    return text + lab.run(["ls", "/run/NetworkManager/system-connections"]).stdout


@pytest.mark.turns
@pytest.mark.lab_state("clean", guests=False)
def test_a_change_of_the_management_link_takes_all_back(lab: Lab) -> None:
    before, kept = observe(lab), management(lab)
    script = """
        vmnet host-setup em1 p4p1 --yes & p=$!
        until ip link show bond0; do sleep 0.2; done >/dev/null 2>&1
        ip address add 10.0.0.99/24 dev p2p1; wait $p
    """
    done = lab.run(["bash", "-c", script], timeout=200, check=False)
    assert done.returncode == 4
    assert "p2p1 must not change" in done.stderr
    assert "10.0.0.99/24" in done.stderr
    lab.run("ip address del 10.0.0.99/24 dev p2p1")
    assert observe(lab) == before
    assert management(lab) == kept


@pytest.mark.turns
@pytest.mark.lab_state("clean", guests=False)
def test_the_same_by_a_script_without_vmnet(lab: Lab) -> None:
    before, kept = observe(lab), management(lab)
    lab.run("vmnet host-setup em1 p4p1 --script > setup.sh")
    lab.run("rm -r /usr/local/lib/python3*/dist-packages/vmnet /usr/local/bin/vmnet")
    script = """
        env --default-signal=INT sh setup.sh & p=$!
        until ip link show bond0; do sleep 0.2; done >/dev/null 2>&1
        sleep 1; kill -INT $p; wait $p
    """
    done = lab.run(["bash", "-c", script], timeout=200, check=False)
    assert (done.returncode, "everything is undone" in done.stdout) == (4, True), done
    assert observe(lab) == before
    lab.run(["sh", "setup.sh"], timeout=200)
    assert_end_state(lab)
    assert_reachable(lab)
    assert "already" in lab.run(["sh", "setup.sh"]).stdout
    lab.run(["sh", "setup.sh", "undo"], timeout=200)
    assert observe(lab) == before
    assert management(lab) == kept


@pytest.mark.turns
@pytest.mark.lab_state("clean", guests=False)
def test_plan_shows_all_and_changes_nothing(lab: Lab) -> None:
    before = observe(lab)
    shown = lab.vmnet("host-setup", "--plan").stdout
    for wanted in ("nmcli connection add save no", "CheckpointCreate", "p2p1: not used", "host-bridge"):
        assert wanted in shown
    as_nobody = lab.run(["setpriv", "--reuid=nobody", "--clear-groups", "vmnet", "host-setup", "--plan"])
    assert "nmcli connection add save no" in as_nobody.stdout
    assert observe(lab) == before
