"""Bad input and hosts that are not ready: an exit code, a message with a hint, and nothing changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .observe import observe

if TYPE_CHECKING:
    from .machine import Lab

STATIC = ["--address", "172.16.4.3/24"]
REQUEST, REFUSED, TOOL = 2, 3, 4
CASES = [
    (["host-setup", "em1", "em9"], REQUEST, "em9"),
    (["host-setup", "em1", "em1"], REQUEST, "twice"),
    (["host-setup", "em1", "p2p1"], REFUSED, "management"),
    (["host-setup", "em1", "wlan0"], REFUSED, "Wi-Fi"),
    (["host-setup", "em1", "p4p1", "--bridge", "a-bridge-name-too-long"], REQUEST, "15"),
    (["host-setup", "em1", "p4p1", "--bond", "bond/0"], REQUEST, "bond"),
    (["host-setup", "em1", "p4p1", "--address", "172.16.4.300/24"], REQUEST, "172.16.4.300"),
    (["host-setup", "em1", "p4p1", "--address", "172.16.4.3"], REQUEST, "172.16.4.3"),
    (["host-setup", "em1", "p4p1", *STATIC, "--gateway", "10.9.9.1"], REQUEST, "outside"),
    (["host-setup", "em1", "p4p1", "--mode", "balance-rr"], REFUSED, "balance-rr"),
    (["host-setup", "em1", "p4p1", "--displace", "nothing"], REQUEST, "nothing"),
    (["host-setup", "em1", "p4p1", "--arp-interval", "100"], REFUSED, "ARP monitoring"),
    (["host-setup", "em1", "p4p1", "--colour"], REQUEST, "colour"),
    (["attach-domain", "web02"], REQUEST, "web02"),
    (["attach-domain", "--", "-dash"], REQUEST, "-dash"),
    (["attach-domain", "1"], REQUEST, "1"),
    (["attach-domain", "web01"], REFUSED, "host-bridge"),
    (["migrate-from-virbr0"], REFUSED, "host-bridge"),
    (["undo", "no-such-run"], REQUEST, "no-such-run"),
]


# Two thirds of what a command takes in an emulated host is Python reading its modules: here it does so once.
ALL_OF_THEM = """
import json, os, sys, tempfile
import libvirt, lxml.etree, pyroute2, rich.console, rich.table
import vmnet.apply.run, vmnet.host.gather, vmnet.plan.host_setup, vmnet.report.plan
from vmnet.cli import main

def run(words):
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        child = os.fork()
        if not child:
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            os.dup2(out.fileno(), 1)
            os.dup2(err.fileno(), 2)
            code = main(words)
            sys.stderr.flush()
            os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return [code, *(file.seek(0) or file.read() for file in (out, err))]

json.dump([run(words) for words in json.loads(sys.argv[1])], sys.stdout)
"""


@pytest.mark.lab_state("clean", guests=False)
def test_bad_input_changes_nothing(lab: Lab) -> None:
    lab.run("modprobe mac80211_hwsim radios=1; timeout 9 sh -c 'until ip link show wlan0; do sleep 1; done'")
    before = observe(lab)
    commands = [[words[0], "--yes", *words[1:]] for words, _, _ in CASES]
    told = json.loads(lab.run(["python3", "-c", ALL_OF_THEM, json.dumps(commands)], timeout=300).stdout)
    for (words, code, said), (exit_code, stdout, stderr) in zip(CASES, told, strict=True):
        assert (exit_code, stdout) == (code, ""), (words, stderr)
        assert said in stderr, words
        # click's own usage errors point to --help, ours carry a hint.
        assert "hint:" in stderr or "--help" in stderr, words
    assert observe(lab) == before


@pytest.mark.lab_state("clean", guests=False)
def test_without_root_without_libvirt_without_networkmanager(lab: Lab) -> None:
    # libvirtd forgets an alias of a running domain when it starts again; that it may do before we look.
    lab.run(["systemctl", "restart", "libvirtd"])
    before = observe(lab)
    nobody = ["setpriv", "--reuid=nobody", "--clear-groups"]
    done = lab.run([*nobody, "vmnet", "host-setup", "em1", "p4p1", "--yes"], check=False)
    assert done.returncode == REFUSED, done
    assert "sudo" in done.stderr
    assert observe(lab) == before
    lab.run("systemctl stop libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket")
    for words in (["host-setup", "em1", "p4p1"], ["attach-domain", "web01"], ["migrate-from-virbr0"]):
        done = lab.run(["vmnet", *words, "--yes"], check=False)
        assert done.returncode in (REFUSED, TOOL), done
        assert "libvirt" in done.stderr
        assert "hint:" in done.stderr
    lab.run("systemctl start libvirtd.socket libvirtd-ro.socket libvirtd.service")
    assert observe(lab) == before
    lab.run("systemctl stop NetworkManager")
    done = lab.run(["vmnet", "host-setup", "em1", "p4p1", "--yes"], check=False)
    assert done.returncode == REFUSED, done
    assert "NetworkManager" in done.stderr
    assert "systemctl start" in done.stderr
    lab.run("systemctl start NetworkManager; nm-online -q -t 60")
    seen = observe(lab)
    assert (seen["profiles"], seen["domains"], seen["networks"]) == (
        before["profiles"], before["domains"], before["networks"],
    )  # fmt: skip


@pytest.mark.lab_state("clean", guests=False)
def test_nobody_to_ask_is_no_yes(lab: Lab) -> None:
    before = observe(lab)
    done = lab.run(["vmnet", "host-setup", "em1", "p4p1"], check=False, stdin="")
    assert done.returncode == REFUSED
    assert "--yes" in done.stderr
    assert observe(lab) == before
