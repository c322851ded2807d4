"""Moving domains on a real libvirt, case by case: what changes, what is kept, and the way back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .chamber import Chamber
from .domains import CLEAN, define, mac, nic, sources, start
from .guests import assert_on_lan, changed_lines, documents, links_log, taps

if TYPE_CHECKING:
    from collections.abc import Iterator

BRIDGED = "host-bridge"
RICH = (
    "<filterref filter='no-mac-spoofing'/><bandwidth><inbound average='1000'/></bandwidth><port isolated='yes'/>"
    "<boot order='1'/><driver name='qemu' queues='2'/><tune><sndbuf>1600</sndbuf></tune><alias name='ua-lan'/>"
    "<link state='up'/><mtu size='1500'/><coalesce><rx><frames max='7'/></rx></coalesce>"
)
LIVE_RICH = (
    "<filterref filter='no-mac-spoofing'/><port isolated='yes'/><boot order='1'/><alias name='ua-lan'/>"
    "<link state='up'/><coalesce><rx><frames max='7'/></rx></coalesce>"
)


@pytest.fixture(scope="module")
def started_chamber(request: pytest.FixtureRequest) -> Iterator[Chamber]:
    """One libvirtd for all tests of this module."""
    with Chamber(request.config.getoption("--lab-release")) as chamber:
        yield chamber


@pytest.fixture
def chamber(started_chamber: Chamber) -> Iterator[Chamber]:
    """The chamber without domains, with both networks, and no run of vmnet."""
    started_chamber.run(CLEAN, check=False)
    yield started_chamber
    started_chamber.run(CLEAN, check=False)


def migrate(chamber: Chamber, *words: str, check: bool = True) -> str:
    done = chamber.vmnet("migrate-from-virbr0", "--yes", *words, timeout=300, check=check)
    return done.stdout + done.stderr


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
    start(chamber, "direct")
    goes_and_comes_back(chamber, "direct")


def test_two_interfaces_with_one_mac(chamber: Chamber) -> None:
    slots = (f"<address type='pci' domain='0' bus='0' slot='{slot}' function='0'/>" for slot in (8, 9))
    define(chamber, "twins", *(nic(1, slot) for slot in slots))
    start(chamber, "twins")
    goes_and_comes_back(chamber, "twins")


def test_a_portgroup_goes_with_its_network_and_comes_back(chamber: Chamber) -> None:
    define(chamber, "grouped", nic(1, source="network='default' portgroup='guests'"))
    goes_and_comes_back(chamber, "grouped")


@pytest.mark.parametrize("option", ["--live", "--config"])
def test_an_interface_that_is_in_one_document_only(chamber: Chamber, option: str) -> None:
    define(chamber, "half", nic(1))
    start(chamber, "half")
    chamber.run(["virsh", "attach-device", "half", "/dev/stdin", option], stdin=nic(2))
    goes_and_comes_back(chamber, "half")


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
    start(chamber, "paused")
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
    chamber.run("virsh snapshot-create-as shot 'before upgrade'", timeout=300)
    kept = chamber.run("virsh snapshot-dumpxml --security-info shot 'before upgrade'").stdout
    migrate(chamber, "--no-bounce", "--retire=stop")
    assert "inactive" in chamber.run("virsh net-list --all | grep default").stdout
    chamber.run("virsh snapshot-revert shot 'before upgrade'", timeout=300)
    assert sources(chamber, "shot")["persistent"] == [BRIDGED]
    if runs:
        assert taps(chamber, "shot") == ["br0"]
    chamber.vmnet("undo", "--yes", timeout=200)
    assert chamber.run("virsh snapshot-dumpxml --security-info shot 'before upgrade'").stdout == kept
    assert sources(chamber, "shot")["persistent"] == ["default"]
    assert "yes" in chamber.run("virsh net-info default | grep Autostart").stdout


def test_the_canary_goes_first_and_the_rest_in_batches(chamber: Chamber) -> None:
    names = ("a-off", "b", "c")
    for number, name in enumerate(names):
        define(chamber, name, nic(number))
    start(chamber, "b", "c")
    said = migrate(chamber, "--canary", "c", "--batch", "1", "--pause", "1")
    order = [said.index(f"move {name} ", said.index("a worker")) for name in ("c", "a-off", "b")]
    assert order == sorted(order)
    for name in ("b", "c"):
        assert_on_lan(chamber, name)
    assert migrate(chamber).count("nothing to do") == 1


def test_a_canary_that_is_not_heard_stops_the_run_and_goes_back(chamber: Chamber) -> None:
    for number, name in enumerate(("a", "b")):
        define(chamber, name, nic(number))
    start(chamber, "a", "b")
    chamber.run("virsh suspend a")
    before = {name: documents(chamber, name) for name in ("a", "b")}
    # Its link says that it runs, its processor does nothing.
    chamber.run("kill -STOP $(pgrep -f '[g]uest=b,')")
    try:
        done = chamber.vmnet("migrate-from-virbr0", "--yes", "--canary", "b", "--bounce", "1", timeout=200, check=False)
    finally:
        chamber.run("kill -CONT $(pgrep -f '[g]uest=b,')")
    assert done.returncode == 4
    assert "--no-canary" in done.stderr
    assert "nothing has moved" in done.stderr
    assert {name: documents(chamber, name) for name in ("a", "b")} == before
    assert taps(chamber, "b") == ["virbr0"]


def test_a_failure_leaves_the_others_moved_and_the_same_command_goes_on(chamber: Chamber) -> None:
    for number, name in enumerate(("a", "b", "c")):
        define(chamber, name, nic(number))
    before = {name: documents(chamber, name) for name in ("a", "b", "c")}
    # libvirt cannot write b's document: a rename onto a directory fails.
    chamber.run("mv /etc/libvirt/qemu/b.xml /tmp/b.xml && mkdir -p /etc/libvirt/qemu/b.xml/x")
    done = chamber.vmnet("migrate-from-virbr0", "--yes", "--batch", "1", check=False)
    chamber.run("rm -r /etc/libvirt/qemu/b.xml && mv /tmp/b.xml /etc/libvirt/qemu/b.xml")
    assert done.returncode == 4
    assert "1 domain has moved and stay" in done.stderr
    assert [sources(chamber, name)["persistent"] for name in ("a", "b", "c")] == [[BRIDGED], ["default"], ["default"]]
    migrate(chamber)
    assert [sources(chamber, name)["persistent"] for name in ("a", "b", "c")] == [[BRIDGED]] * 3
    for _ in range(2):
        chamber.vmnet("undo", "--yes")
    assert {name: documents(chamber, name) for name in ("a", "b", "c")} == before


def test_what_others_change_meanwhile_is_seen(chamber: Chamber) -> None:
    """While the run pauses, one domain goes, another is put elsewhere, a third is started, a new one comes."""
    for number, name in enumerate(("a", "gone", "started", "elsewhere")):
        define(chamber, name, nic(number))
    chamber.run(
        "virsh -q net-define /dev/stdin && virsh -q net-start other",
        stdin="<network><name>other</name><forward mode='bridge'/><bridge name='br0'/></network>",
    )
    meanwhile = (
        'until grep -q Pause /var/lib/vmnet/runs/*/plan.jsonl && grep -q \'"begin", "step": 1\' '
        "/var/lib/vmnet/runs/*/journal.jsonl; do sleep 0.1; done; virsh -q undefine gone; virsh -q start started; "
        f"virsh -q attach-interface elsewhere network other --mac {mac(9)} --config; "
        "virsh dumpxml elsewhere | sed \"s/network='default'/network='other'/\" >/tmp/e.xml; virsh -q define /tmp/e.xml"
    )
    run = "vmnet migrate-from-virbr0 --yes --canary a --pause 8 >/tmp/out 2>&1 & p=$!"
    done = chamber.run(["sh", "-c", f"{run}; {meanwhile}; wait $p; cat /tmp/out"], timeout=200)
    assert "passed over" in done.stdout
    assert sources(chamber, "elsewhere")["persistent"] == ["other", "other"]
    assert sources(chamber, "started") == {"persistent": [BRIDGED], "running": [BRIDGED]}
    assert taps(chamber, "started") == ["br0"]
    chamber.vmnet("undo", "--yes")
    assert sources(chamber, "started") == {"persistent": ["default"], "running": ["default"]}


def test_another_writer_loses_nothing(chamber: Chamber) -> None:
    """Another client goes on changing other things of the same domains while they move."""
    names = [f"d{number}" for number in range(20)]
    for number, name in enumerate(names):
        define(chamber, name, nic(number), nic(100 + number))
    writer = (
        "import libvirt,sys,time\nc=libvirt.open('qemu:///system')\nn=0\nend=time.time()+12\n"
        "ds=[c.lookupByName(f'd{i}') for i in range(20)]\n"
        "while time.time()<end:\n n+=1\n for d in ds:\n  d.setVcpusFlags(1+n%2,2|4)\n"
        "  d.setMetadata(0,f'round {n}',None,None,2)\nprint(n)"
    )
    both = (
        'python3 -c "$0" >/tmp/rounds & sleep 1; vmnet migrate-from-virbr0 --yes >/tmp/out; code=$?; wait; exit $code'
    )
    chamber.run(["sh", "-c", both, writer], timeout=200)
    rounds = int(chamber.run("cat /tmp/rounds").stdout)
    assert rounds > 2
    for name in names:
        xml = documents(chamber, name)["persistent"]
        assert f"<description>round {rounds}</description>" in xml
        assert f'">{1 + rounds % 2}</vcpu>' in xml or f'<vcpu placement="static">{1 + rounds % 2}</vcpu>' in xml
        assert sources(chamber, name)["persistent"] == [BRIDGED] * 2


def test_libvirtd_that_dies_in_the_middle(chamber: Chamber) -> None:
    names = [f"d{number}" for number in range(60)]
    for number, name in enumerate(names):
        define(chamber, name, nic(number))
    before = {name: documents(chamber, name)["persistent"] for name in names[:3]}
    kill = "until grep -qs '\"done\"' /var/lib/vmnet/runs/*/journal.jsonl; do :; done; kill -KILL $(pidof libvirtd)"
    script = f"vmnet migrate-from-virbr0 --yes --batch 10 >/tmp/out 2>&1 & p=$!; {kill}; wait $p"
    done = chamber.run(["sh", "-c", script], timeout=200, check=False)
    chamber.run("rm -f /run/libvirtd.pid; libvirtd --daemon; until virsh list >/dev/null 2>&1; do sleep 0.2; done")
    said = chamber.run("cat /tmp/out").stdout
    assert done.returncode == 4, said[-2000:]
    assert "hint: " in said
    assert all(sources(chamber, name)["persistent"] in ([BRIDGED], ["default"]) for name in names)
    migrate(chamber)
    assert all(sources(chamber, name)["persistent"] == [BRIDGED] for name in names)
    while "nothing to undo" not in chamber.vmnet("undo", "--yes").stdout:
        pass
    assert {name: documents(chamber, name)["persistent"] for name in names[:3]} == before


def test_undo_of_domains_that_were_started_and_removed_since(chamber: Chamber) -> None:
    for number, name in enumerate(("off", "gone")):
        define(chamber, name, nic(number))
    migrate(chamber, "--no-bounce")
    start(chamber, "off", leases=False)
    chamber.run("virsh undefine gone")
    assert taps(chamber, "off") == ["br0"]
    assert "gone is gone" in chamber.vmnet("undo", "--yes").stdout
    assert taps(chamber, "off") == ["virbr0"]
    assert sources(chamber, "off") == {"persistent": ["default"], "running": ["default"]}


def test_ctrl_c_during_the_bounce_leaves_no_link_down(chamber: Chamber) -> None:
    define(chamber, "d", nic(1))
    start(chamber, "d")
    before = documents(chamber, "d")
    down = f"virsh domif-getlink d {mac(1)} | grep -q down"
    # A shell without a terminal lets its background jobs ignore the interrupt; env takes that back.
    run = "env --default-signal=INT vmnet migrate-from-virbr0 --bounce 60 --yes"
    script = f"{run} & p=$!; until {down}; do sleep 0.3; done; kill -INT $p; wait $p"
    assert chamber.run(["bash", "-c", script], timeout=200, check=False).returncode == 130
    assert documents(chamber, "d") == before
    assert taps(chamber, "d") == ["virbr0"]


def test_who_may_not_write_is_told_so_and_nothing_changes(chamber: Chamber) -> None:
    define(chamber, "d", nic(1))
    before = documents(chamber, "d")
    plain = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "vmnet", "migrate-from-virbr0", "--yes"]
    refused = chamber.run(plain, check=False)
    assert (refused.returncode, "needs root" in refused.stderr) == (4, True)
    denied = chamber.vmnet(
        "migrate-from-virbr0", "--yes", "--connect", "qemu+unix:///system?socket=/nowhere", check=False
    )
    assert denied.returncode == 4
    assert "hint" in denied.stderr
    assert documents(chamber, "d") == before


def test_the_report_in_json(chamber: Chamber) -> None:
    define(chamber, "d", nic(1))
    said = chamber.vmnet("migrate-from-virbr0", "--yes", "--output", "json").stdout
    assert json.loads(said)["result"]["rows"][0]["domain"] == "d"
