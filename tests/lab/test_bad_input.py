"""Bad input and hosts that are not ready: an exit code, a message with a hint, and nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .observe import ADOPT, observe

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = pytest.mark.turns

STATIC = ["--address", "172.16.4.3/24"]
REQUEST, REFUSED, TOOL = 2, 3, 4
# What is wrong whatever the host is like is tried in tests/cli/test_wanted.py.
CASES = [
    (["host-setup", "em1", "em9"], REQUEST, "em9"),
    (["host-setup", "em1", "p2p1"], REFUSED, "management"),
    (["host-setup", "em1", "wlan0"], REFUSED, "Wi-Fi"),
    (["host-setup", "em1", "p4p1", *STATIC, "--gateway", "10.9.9.1"], REQUEST, "outside"),
    (["host-setup", "em1", "p4p1", "--mode", "balance-rr"], REFUSED, "balance-rr"),
    (["host-setup", "em1", "p4p1", "--displace", "nothing"], REQUEST, "nothing"),
    (["attach-domain", "web02"], REQUEST, "web02"),
    (["attach-domain", "--", "-dash"], REQUEST, "-dash"),
    (["attach-domain", "1"], REQUEST, "1"),
    (["attach-domain", "web01"], REFUSED, "host-bridge"),
    (["migrate-from-virbr0"], REFUSED, "host-bridge"),
    (["undo", "no-such-run"], REQUEST, "no-such-run"),
]


@pytest.mark.lab_state("clean", guests=False)
def test_bad_input_changes_nothing(lab: Lab) -> None:
    lab.run("modprobe mac80211_hwsim radios=1; timeout 9 sh -c 'until ip link show wlan0; do sleep 1; done'")
    before = observe(lab)
    for words, code, said in CASES:
        done = lab.vmnet(words[0], "--yes", *words[1:], check=False)
        assert (done.returncode, done.stdout) == (code, ""), (words, done.stderr)
        assert said in done.stderr, words
        # click's own usage errors point to --help, ours carry a hint.
        assert "hint:" in done.stderr or "--help" in done.stderr, words
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
        done = lab.vmnet(*words, "--yes", check=False)
        assert done.returncode in (REFUSED, TOOL), done
        assert "libvirt" in done.stderr
        assert "hint:" in done.stderr
    lab.run("systemctl start libvirtd.socket libvirtd-ro.socket libvirtd.service")
    assert observe(lab) == before
    lab.run("systemctl stop NetworkManager")
    done = lab.vmnet(*ADOPT, check=False)
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
