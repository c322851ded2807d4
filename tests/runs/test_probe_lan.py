"""What doctor asks the LAN: nothing where it cannot, and of the guests only what they had before."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from ipaddress import ip_address, ip_interface

from tests import facts_samples as samples
from vmnet.facts import GuestAddress, Unread
from vmnet.runs.asking import probe_lan

GOOD = samples.end_state()


def test_without_root_or_bridge_nothing_is_sent_and_that_is_said() -> None:
    assert probe_lan("br0", replace(GOOD, root=False)).unread == (Unread(what="the LAN", why="needs root"),)
    (unread,) = probe_lan("br7", GOOD).unread
    assert "no bridge br7" in unread.why


def test_guests_on_the_bridge_are_asked_for_their_leases() -> None:
    old = GuestAddress(mac=samples.WEB_MAC, interface=ip_interface("203.0.113.7/24"), origin="lease")
    others = (replace(old, mac=samples.DB_MAC), replace(old, origin="agent", interface=ip_interface("192.0.2.7/24")))
    leases = import_module("vmnet.runs.asking")._old_leases
    assert leases("br0", replace(GOOD, guest_addresses=(old, *others))) == (ip_address("203.0.113.7"),)
    assert leases("virbr0", replace(GOOD, guest_addresses=(old,))) == ()
