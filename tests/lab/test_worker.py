"""The worker behind the terminal: a terminal that goes, a run taken up again, an admin who confirms or does not."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from .observe import ADOPT, observe
from .test_host_setup import assert_end_state, assert_reachable

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = pytest.mark.turns

SSH = ["ssh", "root@172.16.4.3"]


@pytest.mark.lab_state("clean", guests=False)
def test_the_terminal_goes_and_a_new_connection_confirms(lab: Lab) -> None:
    command = " ".join(["vmnet", *ADOPT, "--confirm", "120", "--probe", "'ping -c 1 -W 2 172.16.4.50'"])
    with lab.popen([*SSH[:1], "-tt", *SSH[1:], command], on_lan=True) as terminal:
        lab.run("until grep -qs WaitConfirmation /var/lib/vmnet/runs/*/plan.jsonl; do sleep 0.2; done", timeout=60)
        time.sleep(3)
        lab.run(["pkill", "-KILL", "-f", "^ssh -tt"])
        terminal.wait(timeout=30)
    with lab.popen(["vmnet", "follow"]) as follower:
        wait_for_confirmation(lab)
        assert "is confirmed" in lab.lan([*SSH, "vmnet confirm"]).stdout
        said, _ = follower.communicate(timeout=120)
    assert follower.returncode == 0
    assert "host-setup: done" in said
    assert_end_state(lab)
    assert_reachable(lab)
    assert lab.run("find /etc/systemd/system -name 'vmnet-*'").stdout == ""
    log = lab.run("journalctl -u 'vmnet-*' -o cat --no-pager").stdout
    assert "done WaitConfirmation" in log


@pytest.mark.lab_state("clean", guests=False)
def test_unconfirmed_all_goes_back(lab: Lab) -> None:
    before = observe(lab)
    command = " ".join(["vmnet", *ADOPT, "--confirm", "20"])
    too_early = "until vmnet confirm; do [ $? = 2 ] || break; sleep 1; done"
    script = f"{command} & p=$!; sleep 5; {too_early}; wait $p; echo ended $?"
    done = lab.lan([*SSH, script], timeout=300)
    assert "the connection that started the run" in done.stderr
    assert "s left" in done.stderr
    assert "nobody has confirmed the change" in done.stderr
    assert "ended 4" in done.stdout
    assert observe(lab) == before
    refused = lab.vmnet(*ADOPT, "--probe", "false", check=False)
    assert (refused.returncode, "'false' fails already" in refused.stderr) == (3, True)


def wait_for_confirmation(lab: Lab) -> None:
    """Wait until the run is at the step that waits for the admin."""
    deadline = time.monotonic() + 180
    while "WaitConfirmation" not in lab.run("journalctl -u 'vmnet-*' -o cat --no-pager").stdout:
        assert time.monotonic() < deadline
        time.sleep(1)
