"""What doctor asks the LAN: nothing where it cannot, and of the guests only what they had before."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from ipaddress import ip_address, ip_interface

from tests import facts_samples as samples
from vmnet.facts import GuestAddress, Unread
from vmnet.runs.asking import probe_bridge, probe_lan
from vmnet.spec import NoAddress

GOOD = samples.end_state()


def test_without_root_or_bridge_nothing_is_sent_and_that_is_said() -> None:
    assert probe_bridge("br0", replace(GOOD, root=False)).unread == (Unread(what="the LAN", why="needs root"),)
    (unread,) = probe_bridge("br7", GOOD).unread
    assert "no bridge br7" in unread.why


def test_guests_on_the_bridge_are_asked_for_their_leases() -> None:
    old = GuestAddress(mac=samples.WEB_MAC, interface=ip_interface("203.0.113.7/24"), origin="lease")
    others = (replace(old, mac=samples.DB_MAC), replace(old, origin="agent", interface=ip_interface("192.0.2.7/24")))
    leases = import_module("vmnet.runs.asking")._old_leases
    assert leases("br0", replace(GOOD, guest_addresses=(old, *others))) == (ip_address("203.0.113.7"),)
    assert leases("virbr0", replace(GOOD, guest_addresses=(old,))) == ()


def test_the_first_bridge_with_an_address_is_asked() -> None:
    goal = samples.goal()
    goals = (replace(goal, ifname="br7", address=NoAddress()), replace(goal, ifname="br8"), replace(goal, ifname="br9"))
    (unread,) = probe_lan(goals, GOOD).unread
    assert "no bridge br8" in unread.why
