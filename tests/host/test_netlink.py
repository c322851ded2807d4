"""What the kernel of this machine says: its own three rules of routing are there wherever tests run."""

from __future__ import annotations

import os

import pytest
from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

from vmnet.errors import LinkError
from vmnet.host.kernel.netlink import IPRoute, _text, dump, read_links, read_rules


def test_the_rules_that_every_kernel_starts_with() -> None:
    rules = read_rules()
    assert "0: from all to all lookup 255" in rules
    assert "32766: from all to all lookup 254" in rules
    assert rules.count("0: from all to all lookup 255") <= 2


def test_the_loopback_is_a_link() -> None:
    (loopback,) = [link for link in read_links() if link.ifname == "lo"]
    assert (loopback.ifindex, loopback.kind, loopback.controller) == (1, "", None)


def test_a_name_that_is_not_utf_8_is_that_of_files_and_sockets() -> None:
    # pyroute2 0.7 hands out such a name as bytes.
    assert _text(b"x\xff\xe2\x80\xa8") == os.fsdecode(b"x\xff\xe2\x80\xa8")
    assert (_text("br0"), _text(""), _text(None), _text(7)) == ("br0", None, None, None)


def test_a_torn_list_is_asked_for_again() -> None:
    torn = [NetlinkDumpInterrupted(), NetlinkDumpInterrupted()]

    def ask(ipr: IPRoute) -> int:
        if torn:
            raise torn.pop()
        return len(list(ipr.get_links()))

    assert dump(ask) == len(read_links())


def test_lists_that_are_torn_every_time_are_an_error_of_ours() -> None:
    def ask(_: IPRoute) -> int:
        raise NetlinkDumpInterrupted

    with pytest.raises(LinkError, match=r"\d times"):
        dump(ask)


def test_what_the_kernel_refuses_is_said() -> None:
    def ask(_: IPRoute) -> int:
        raise NetlinkError(1)

    with pytest.raises(LinkError, match="Operation not permitted"):
        dump(ask)
