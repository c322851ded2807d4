"""Migrations that do not go as planned: canaries, failures, kills, others who change domains meanwhile."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .domains import BRIDGED, define, mac, migrate, nic, sources, start
from .guests import assert_on_lan, documents, taps

if TYPE_CHECKING:
    from .chamber import Chamber

# What vmnet does when things go wrong rests on no release; what libvirt makes of documents is in test_domains.
pytestmark = pytest.mark.turns


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
    before = {name: documents(chamber, name) for name in ("a", "b")}
    # Its client gives its address up when its link comes back, and is given no other.
    chamber.lan("pkill -STOP -f 'interface=gate[0]'")
    try:
        done = chamber.vmnet("migrate-from-virbr0", "--yes", "--canary", "b", "--bounce", "1", timeout=200, check=False)
    finally:
        chamber.lan("pkill -CONT -f 'interface=gate[0]'")
    assert done.returncode == 4
    assert "no DHCP server answers on br0" in done.stdout
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
    done = chamber.vmnet("migrate-from-virbr0", "--yes", "--batch", "1", "--pause", "1", check=False)
    chamber.run("rm -r /etc/libvirt/qemu/b.xml && mv /tmp/b.xml /etc/libvirt/qemu/b.xml")
    assert done.returncode == 4
    assert "1 domain has moved" in done.stderr
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
    assert "skipped" in done.stdout
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
    script = f"vmnet migrate-from-virbr0 --yes --batch 10 --pause 1 >/tmp/out 2>&1 & p=$!; {kill}; wait $p"
    done = chamber.run(["sh", "-c", script], timeout=200, check=False)
    chamber.run("rm -f /run/libvirtd.pid; libvirtd --daemon; until virsh list >/dev/null 2>&1; do sleep 0.2; done")
    said = chamber.run("cat /tmp/out").stdout
    assert done.returncode == 4, said[-2000:]
    assert "libvirt is out of reach" in said
    moved = [name for name in names if sources(chamber, name)["persistent"] == [BRIDGED]]
    assert 10 <= len(moved) < 60
    assert all(sources(chamber, name)["persistent"] in ([BRIDGED], ["default"]) for name in names)
    migrate(chamber)
    assert all(sources(chamber, name)["persistent"] == [BRIDGED] for name in names)
    while "nothing to do" not in chamber.vmnet("undo", "--yes").stdout:
        pass
    assert {name: documents(chamber, name)["persistent"] for name in names[:3]} == before


def test_undo_of_domains_that_were_started_and_removed_since(chamber: Chamber) -> None:
    for number, name in enumerate(("off", "gone")):
        define(chamber, name, nic(number))
    migrate(chamber, "--no-bounce")
    start(chamber, "off", leases=False)
    chamber.run("virsh undefine gone")
    assert taps(chamber, "off") == ["br0"]
    assert "domain gone no longer exists" in chamber.vmnet("undo", "--yes").stdout
    assert taps(chamber, "off") == ["virbr0"]
    assert sources(chamber, "off") == {"persistent": ["default"], "running": ["default"]}


def test_ctrl_c_during_the_bounce_leaves_no_link_down(chamber: Chamber) -> None:
    define(chamber, "d", nic(1))
    start(chamber, "d", leases=False)
    before = documents(chamber, "d")
    down = f"virsh domif-getlink d {mac(1)} | grep -q down"
    # A shell without a terminal lets its background jobs ignore the interrupt; env takes that back.
    run = "env --default-signal=INT vmnet migrate-from-virbr0 --bounce 60 --yes"
    script = f"{run} & p=$!; until {down}; do sleep 0.3; done; kill -INT $p; wait $p"
    assert chamber.run(["bash", "-c", script], timeout=200, check=False).returncode == 130
    assert documents(chamber, "d") == before
    assert taps(chamber, "d") == ["virbr0"]


def test_a_worker_that_is_killed_is_taken_up_and_goes_on(chamber: Chamber) -> None:
    """systemd starts it again after a kill, and after a loss of power; here we do."""
    for number, name in enumerate(("a", "b", "c")):
        define(chamber, name, nic(number))
    start(chamber, "b", "c")
    before = {name: documents(chamber, name) for name in ("a", "b", "c")}
    journal = "/var/lib/vmnet/runs/*/journal.jsonl"
    down = f"virsh domif-getlink b {mac(1)} | grep -q down"
    run = "vmnet migrate-from-virbr0 --yes --bounce 30 >/tmp/out 2>&1"
    chamber.run(["sh", "-c", f"{run} & until {down}; do sleep 0.2; done; pkill -KILL -f '[v]mnet.runs.worker'"])
    assert '"begin", "step": 2' in chamber.run(f"cat {journal}").stdout
    chamber.run('sed -i \'s/"seconds": 30/"seconds": 1/\' /var/lib/vmnet/runs/*/plan.jsonl')
    chamber.run("python3 -m vmnet.runs.worker /var/lib/vmnet/runs/*-migrate-from-virbr0", timeout=200)
    assert "completed" in chamber.vmnet("runs").stdout
    for name in ("b", "c"):
        assert_on_lan(chamber, name)
        assert sources(chamber, name) == {"persistent": [BRIDGED], "running": [BRIDGED]}
    chamber.vmnet("undo", "--yes")
    assert {name: documents(chamber, name) for name in ("a", "b", "c")} == before


def test_who_may_not_write_is_told_so_and_nothing_changes(chamber: Chamber) -> None:
    define(chamber, "d", nic(1))
    before = documents(chamber, "d")
    plain = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "vmnet", "migrate-from-virbr0", "--yes"]
    refused = chamber.run(plain, check=False)
    assert (refused.returncode, "needs root" in refused.stderr) == (3, True)
    denied = chamber.vmnet(
        "migrate-from-virbr0", "--yes", "--connect", "qemu+unix:///system?socket=/nowhere", check=False
    )
    assert denied.returncode == 4
    assert "hint" in denied.stderr
    # The socket for those who may only look: libvirt denies what it is asked for in the middle of the run.
    looking = "qemu+unix:///system?socket=/run/libvirt/libvirt-sock-ro"
    denied = chamber.vmnet("migrate-from-virbr0", "--yes", "--connect", looking, check=False)
    assert denied.returncode == 4
    assert "forbidden" in denied.stderr
    assert "not read-only" in denied.stderr
    assert documents(chamber, "d") == before
    migrate(chamber)
    assert sources(chamber, "d")["persistent"] == [BRIDGED]


def test_hooks_and_rules_that_name_the_old_network_are_told_of(chamber: Chamber) -> None:
    define(chamber, "d", nic(1))
    hook = '#!/bin/sh\n[ "$2" != started ] || ip route replace 10.9.0.0/16 via 192.168.122.9 || :\n'
    chamber.run(
        "mkdir -p /etc/libvirt/hooks; cat >/etc/libvirt/hooks/qemu; chmod +x /etc/libvirt/hooks/qemu", stdin=hook
    )
    rule = "nft add table ip own; nft add chain ip own mine; nft add rule ip own mine ip daddr 192.168.122.7 accept"
    old = "FORWARD -d 192.168.122.8/32 -j ACCEPT"
    chamber.run(f"{rule}; iptables-legacy -A {old}")
    try:
        said = chamber.vmnet("migrate-from-virbr0", "--plan").stdout
    finally:
        chamber.run(f"rm /etc/libvirt/hooks/qemu; nft delete table ip own; iptables-legacy -D {old}")
    named = [line for line in said.splitlines() if "the network that the guests leave" in line]
    for place in ("/etc/libvirt/hooks/qemu, line 2", "table own, chain mine", "table filter, chain FORWARD"):
        assert sum(place in line for line in named) == 1, place
    assert "ip daddr 192.168.122.7 accept" in said
    assert f"-A {old}" in said
    assert "LIBVIRT" not in said


# Idle for longer than libvirtd waits for answers to its pings (30 s), then before a daemon that hangs.
HANGS = """
import os, signal, sys, time
from vmnet.host.libvirt.hypervisor import Hypervisor
hypervisor = Hypervisor("qemu:///system", read_only=False)
time.sleep(32)
print(hypervisor.version, flush=True)
os.kill(int(sys.argv[1]), signal.SIGSTOP)
hypervisor.version
"""


@pytest.mark.long
def test_libvirtd_that_hangs_is_given_up_and_a_pause_is_none(chamber: Chamber) -> None:
    try:
        hung = chamber.run(f"PYTHONPATH=/checkout python3 - $(pidof libvirtd) <<'END'\n{HANGS}\nEND", check=False)
    finally:
        chamber.run("kill -CONT $(pidof libvirtd)")
    assert hung.stdout.strip()
    assert "connection closed due to keepalive timeout" in hung.stderr


def test_a_hypervisor_that_is_another_machine(chamber: Chamber) -> None:
    """By TCP, libvirt might be anywhere: nothing of this host's links may be taken for its own."""
    define(chamber, "a", nic(1))
    define(chamber, "b", nic(2))
    start(chamber, "a", "b", leases=False)
    before = ("a", "b")
    again = "kill $(pidof libvirtd); while pidof libvirtd; do sleep 0.1; done; rm -f /run/libvirtd.pid; libvirtd"
    ready = "until virsh list >/dev/null 2>&1; do sleep 0.1; done"
    conf = 'listen_tls = 0\nlisten_tcp = 1\nauth_tcp = "none"\n'
    chamber.run(f"cat >/tmp/libvirtd.conf; {again} --listen --config /tmp/libvirtd.conf --daemon; {ready}", stdin=conf)
    far = ("--connect", "qemu+tcp://127.0.0.1/system")
    try:
        said = migrate(chamber, *far, "--bounce", "1")
        assert "libvirt runs on another machine" in said
        assert "proven" not in said
        assert taps(chamber, "a") == taps(chamber, "b") == ["br0"]
        chamber.vmnet("undo", "--yes", *far)
        assert taps(chamber, "a") == ["virbr0"]
    finally:
        chamber.run(f"{again} --daemon; {ready}")
    assert {name: sources(chamber, name) for name in before} == {
        name: {"persistent": ["default"], "running": ["default"]} for name in before
    }


def test_the_report_in_json(chamber: Chamber) -> None:
    define(chamber, "d", nic(1))
    said = chamber.vmnet("migrate-from-virbr0", "--yes", "--output", "json").stdout
    result = json.loads(said)["result"]
    assert result["rows"][0]["domain"] == "d"
    assert "network host-bridge" in chamber.run(["cat", f"{result['directory']}/report.txt"]).stdout
