"""What the kernel of this machine says: its own three rules of routing are there wherever tests run."""

from __future__ import annotations

from vmnet.host.netlink import read_links, read_rules


def test_the_rules_that_every_kernel_starts_with() -> None:
    rules = read_rules()
    assert "0: from all to all lookup 255" in rules
    assert "32766: from all to all lookup 254" in rules
    assert rules.count("0: from all to all lookup 255") <= 2


def test_the_loopback_is_a_link() -> None:
    (loopback,) = [link for link in read_links() if link.ifname == "lo"]
    assert (loopback.ifindex, loopback.kind, loopback.controller) == (1, "", None)
