"""attach-domain on a real host: one domain goes over, keeps all it has, and comes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .guests import addresses, assert_back, assert_on_lan, changed_lines, documents, links_log, taps
from .observe import observe

if TYPE_CHECKING:
    from .machine import Lab


@pytest.mark.lab_state("bridged")
def test_a_running_domain_moves_and_loses_nothing(lab: Lab) -> None:
    before, state = documents(lab, "web01"), observe(lab)
    heard = len(links_log(lab, "web01"))
    done = lab.vmnet("attach-domain", "web01", "--yes", "--output", "json", timeout=300)
    (row,) = json.loads(done.stdout)["result"]["rows"]
    after = documents(lab, "web01")
    assert changed_lines(before, after) <= {"<source>", "<interface>"}
    assert "hunter2" in after["persistent"]
    assert "hunter2" in after["running"]
    assert "fleet.example" in after["persistent"]
    assert "host-bridge" in after["persistent"]
    assert "host-bridge" in after["running"]
    assert taps(lab, "web01") == ["br0"]
    assert_on_lan(lab, "web01")
    assert row["address_now"].startswith(f"{addresses(lab, 'web01')[0]} (")
    # The guest saw its link go down and up, once, and never another or no interface.
    assert links_log(lab, "web01")[heard:] == ["eth0 carrier 0", "eth0 carrier 1"]
    moved = observe(lab)
    again = lab.vmnet("attach-domain", "web01", "--yes", "--output", "json", timeout=120)
    assert json.loads(again.stdout)["plan"]["planned"] == []
    assert observe(lab) == moved
    lab.vmnet("undo", "--yes", timeout=300)
    assert_back(lab, state)
    assert taps(lab, "web01") == ["virbr0"]
