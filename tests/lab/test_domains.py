"""Moving domains on a real libvirt, case by case: what changes, what is kept, and the way back."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from .domains import BRIDGED, define, mac, migrate, nic, sources, start
from .guests import assert_on_lan, changed_lines, documents, links_log, taps

if TYPE_CHECKING:
    from .chamber import Chamber

RICH = (
    "<filterref filter='no-mac-spoofing'/><bandwidth><inbound average='1000'/></bandwidth><port isolated='yes'/>"
    "<boot order='1'/><driver name='qemu' queues='2'/><tune><sndbuf>1600</sndbuf></tune><alias name='ua-lan'/>"
    "<link state='up'/><mtu size='1500'/><coalesce><rx><frames max='7'/></rx></coalesce>"
)
LIVE_RICH = (
    "<filterref filter='no-mac-spoofing'/><port isolated='yes'/><boot order='1'/><alias name='ua-lan'/>"
    "<link state='up'/><coalesce><rx><frames max='7'/></rx></coalesce>"
)


def goes_and_comes_back(chamber: Chamber, name: str, *words: str) -> None:
    """Migrate: only the sources change, in every document; undo: all is as it was."""
    before = documents(chamber, name)
    migrate(chamber, "--no-bounce", "--no-canary", *words)
    after = documents(chamber, name)
    assert changed_lines(before, after) <= {"<source>", "<interface>"}
    assert all('"default"' not in xml and '"virbr0"' not in xml for xml in after.values())
    assert 'passwd="hunter2"' in after["persistent"]
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, name) == before


def test_a_shut_off_domain_keeps_all_else(chamber: Chamber) -> None:
    define(chamber, "rich", nic(1, RICH), nic(2, model="e1000"), nic(3, source="network='host-bridge'"))
    goes_and_comes_back(chamber, "rich")


def test_a_running_domain_keeps_all_else_and_sees_nothing(chamber: Chamber) -> None:
    define(chamber, "rich", nic(1, LIVE_RICH), nic(2))
    start(chamber, "rich")
    seen = links_log(chamber, "rich")
    goes_and_comes_back(chamber, "rich")
    assert links_log(chamber, "rich") == seen
    assert taps(chamber, "rich") == ["virbr0", "virbr0"]


def test_an_interface_on_the_bridge_itself(chamber: Chamber) -> None:
    define(chamber, "direct", nic(1, source="bridge='virbr0'"))
    start(chamber, "direct", leases=False)
    goes_and_comes_back(chamber, "direct")


def test_two_interfaces_with_one_mac(chamber: Chamber) -> None:
    slots = (f"<address type='pci' domain='0' bus='0' slot='{slot}' function='0'/>" for slot in (8, 9))
    define(chamber, "twins", *(nic(1, slot) for slot in slots))
    start(chamber, "twins", leases=False)
    goes_and_comes_back(chamber, "twins")


def test_a_portgroup_goes_with_its_network_and_comes_back(chamber: Chamber) -> None:
    define(chamber, "grouped", nic(1, source="network='default' portgroup='guests'"))
    goes_and_comes_back(chamber, "grouped")


@pytest.mark.parametrize("option", ["--live", "--config"])
def test_an_interface_that_is_in_one_document_only(chamber: Chamber, option: str) -> None:
    define(chamber, "half", nic(1))
    start(chamber, "half", leases=False)
    chamber.run(["virsh", "attach-device", "half", "/dev/stdin", option], stdin=nic(2))
    goes_and_comes_back(chamber, "half")


def test_a_filter_that_learns_lets_the_new_address_pass(chamber: Chamber) -> None:
    define(chamber, "filtered", nic(1, "<filterref filter='clean-traffic'/>"))
    start(chamber, "filtered")
    before = documents(chamber, "filtered")
    migrate(chamber)
    assert_on_lan(chamber, "filtered")
    assert changed_lines(before, documents(chamber, "filtered")) <= {"<source>", "<interface>"}
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, "filtered") == before


def test_attach_domain_takes_several_interfaces_past_any_network(chamber: Chamber) -> None:
    define(chamber, "several", nic(1), nic(2), nic(3, source="network='host-bridge'"))
    start(chamber, "several", leases=False)
    before = documents(chamber, "several")
    chamber.vmnet("attach-domain", "several", "--source", "default", "--bridge", "br0", "--no-bounce", "--yes")
    assert sources(chamber, "several") == {kind: ["br0", "br0", BRIDGED] for kind in before}
    assert taps(chamber, "several") == ["br0"] * 3
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, "several") == before


def test_one_of_two_interfaces_keeps_filter_and_boot_order(chamber: Chamber) -> None:
    kept = "<filterref filter='no-mac-spoofing'/><boot order='{}'/><link state='up'/>"
    define(chamber, "two", nic(1, kept.format(1)), nic(2, kept.format(2)))
    start(chamber, "two", leases=False)
    before = documents(chamber, "two")
    unclear = chamber.vmnet("attach-domain", "two", "--yes", check=False)
    assert (unclear.returncode, mac(1) in unclear.stderr, mac(2) in unclear.stderr) == (2, True, True)
    assert documents(chamber, "two") == before
    chamber.vmnet("attach-domain", "two", "--index", "2", "--no-bounce", "--yes")
    assert taps(chamber, "two") == ["virbr0", "br0"]
    assert changed_lines(before, documents(chamber, "two")) <= {"<source>", "<interface>"}
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, "two") == before


def test_a_new_interface_comes_and_goes(chamber: Chamber) -> None:
    define(chamber, "one", nic(1))
    start(chamber, "one")
    before = documents(chamber, "one")
    chamber.vmnet("attach-domain", "one", "--add", "--yes")
    assert taps(chamber, "one") == ["virbr0", "br0"]
    assert documents(chamber, "one")["persistent"].count("<interface ") == 2
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, "one") == before


@pytest.mark.turns
def test_a_new_interface_that_the_guest_does_not_let_go(chamber: Chamber) -> None:
    define(chamber, "one", nic(1))
    start(chamber, "one")
    before = documents(chamber, "one")
    chamber.vmnet("attach-domain", "one", "--add", "--yes")
    chamber.run(["virsh", "suspend", "one"])
    refused = chamber.vmnet("undo", "--yes", check=False)
    assert refused.returncode != 0
    assert "the guest of one does not release" in refused.stderr
    chamber.run(["virsh", "resume", "one"])
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, "one") == before


def test_attach_domain_adds_an_interface_as_asked_for(chamber: Chamber) -> None:
    define(chamber, "more")
    before = documents(chamber, "more")
    words = ["--add", "--queues", "2", "--filter", "no-mac-spoofing", "--mac", "52:54:00:0a:02:55", "--yes"]
    chamber.vmnet("attach-domain", "more", *words)
    seen = documents(chamber, "more")["persistent"]
    for part in ('<mac address="52:54:00:0a:02:55">', '<driver queues="2">', '<filterref filter="no-mac-spoofing">'):
        assert part in seen
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, "more") == before


def test_what_cannot_move_while_it_runs_moves_with_the_next_start(chamber: Chamber) -> None:
    define(chamber, "own", nic(1, source=""))
    start(chamber, "own", leases=False)
    before = documents(chamber, "own")
    words = ["attach-domain", "own", "--index", "1", "--yes"]
    said = chamber.vmnet(*words).stdout
    assert re.search(r"power it off and on|powered off", said)
    assert sources(chamber, "own") == {"running": [], "persistent": [BRIDGED]}
    assert "nothing to do" in chamber.vmnet(*words).stdout
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, "own") == before


def test_a_device_that_is_passed_through_gives_way_and_comes_back(chamber: Chamber) -> None:
    at = "<address type='pci' domain='0' bus='1' slot='0x10' function='0'/>"
    device = f"<mac address='{mac(1)}'/><source>{at}</source><driver name='vfio'/>"
    define(chamber, "passed", f"<interface type='hostdev' managed='yes'>{device}</interface>")
    before = documents(chamber, "passed")
    chamber.vmnet("attach-domain", "passed", "--index", "1", "--yes")
    assert sources(chamber, "passed")["persistent"] == [BRIDGED]
    assert "hostdev" not in documents(chamber, "passed")["persistent"]
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, "passed") == before


def test_replug_moves_it_at_once(chamber: Chamber) -> None:
    define(chamber, "own", nic(1, "<boot order='1'/><rom enabled='no'/>", source=""))
    start(chamber, "own")
    before = documents(chamber, "own")
    chamber.vmnet("attach-domain", "own", "--index", "1", "--replug", "--yes")
    assert sources(chamber, "own") == {"running": [BRIDGED], "persistent": [BRIDGED]}
    assert taps(chamber, "own") == ["br0"]
    for document in documents(chamber, "own").values():
        assert '<boot order="1">' in document
    chamber.vmnet("undo", "--yes")
    assert documents(chamber, "own") == before


def test_a_link_that_is_down_stays_down(chamber: Chamber) -> None:
    define(chamber, "down", nic(1, "<link state='down'/>"), nic(2))
    start(chamber, "down")
    before = documents(chamber, "down")
    migrate(chamber, "--bounce", "1")
    assert changed_lines(before, documents(chamber, "down")) <= {"<source>", "<interface>"}


def test_a_transient_domain_moves_while_it_runs(chamber: Chamber) -> None:
    define(chamber, "passing", nic(1), transient=True)
    migrate(chamber, "--no-bounce")
    assert taps(chamber, "passing") == ["br0"]
    chamber.vmnet("undo", "--yes")
    assert taps(chamber, "passing") == ["virbr0"]


def test_a_paused_domain_moves(chamber: Chamber) -> None:
    define(chamber, "paused", nic(1))
    start(chamber, "paused", leases=False)
    chamber.run("virsh suspend paused")
    goes_and_comes_back(chamber, "paused")
    assert "paused" in chamber.run("virsh domstate paused").stdout


def test_a_managed_save_is_restored_on_the_bridge(chamber: Chamber) -> None:
    define(chamber, "saved", nic(1))
    start(chamber, "saved")
    chamber.run("virsh managedsave saved", timeout=200)
    kept = chamber.run("virsh managedsave-dumpxml --security-info saved").stdout
    migrate(chamber)
    chamber.vmnet("undo", "--yes")
    assert chamber.run("virsh managedsave-dumpxml --security-info saved").stdout == kept
    migrate(chamber)
    start(chamber, "saved", leases=False)
    assert taps(chamber, "saved") == ["br0"]
    assert sources(chamber, "saved")["running"] == [BRIDGED]


_DISK = (
    "<disk type='file' device='disk'><driver name='qemu' type='qcow2'/><source file='/tmp/shot.qcow2'/>"
    "<target dev='vda'/></disk>"
)


@pytest.mark.parametrize("runs", [True, False])
def test_a_snapshot_is_reverted_on_the_bridge_with_the_old_network_stopped(chamber: Chamber, runs: bool) -> None:
    chamber.run("qemu-img create -q -f qcow2 /tmp/shot.qcow2 64M")
    define(chamber, "shot", nic(1), more=_DISK)
    if runs:
        start(chamber, "shot")
    chamber.run("virsh snapshot-create-as shot 'before-upgrade'", timeout=300)
    kept = chamber.run("virsh snapshot-dumpxml --security-info shot 'before-upgrade'").stdout
    migrate(chamber, "--no-bounce", "--retire=stop")
    assert "inactive" in chamber.run("virsh net-list --all | grep default").stdout
    chamber.run("virsh snapshot-revert shot 'before-upgrade'", timeout=300)
    assert sources(chamber, "shot")["persistent"] == [BRIDGED]
    if runs:
        assert taps(chamber, "shot") == ["br0"]
    chamber.vmnet("undo", "--yes", timeout=200)
    assert chamber.run("virsh snapshot-dumpxml --security-info shot 'before-upgrade'").stdout == kept
    assert sources(chamber, "shot")["persistent"] == ["default"]
    assert "yes" in chamber.run("virsh net-info default | grep Autostart").stdout
