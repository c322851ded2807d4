"""Names and derived identifiers."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmnet.errors import SpecError
from vmnet.names import check_ifname, derived_mac, network_uuid, parse_mac, profile_uuid

GOOD = ["br0", "a", "enp0s31f6", "bond0.100", "br-lan", "x" * 15, "vmnet", "é"]
BAD = ["", "x" * 16, "é" * 8, "a/b", "a b", "a:b", "-a", ".", "..", "all", "default", "vmnet1", "a\tb", "a\n", "%d"]


@pytest.mark.parametrize("name", GOOD)
def test_good_names_are_returned(name: str) -> None:
    assert check_ifname(name) == name


@pytest.mark.parametrize("name", BAD)
def test_bad_names_are_refused_with_a_hint(name: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_ifname(name, what="bridge name")
    assert "bridge name" in caught.value.message
    assert caught.value.hint


@given(st.text())
def test_what_is_let_through_fits_the_kernel(name: str) -> None:
    try:
        check_ifname(name)
    except SpecError:
        return
    assert 1 <= len(name.encode()) <= 15
    assert not set(name) & set("/: \t\n")


def test_macs_become_canonical() -> None:
    assert parse_mac(" 00-00-5E-00-53-AB ") == "00:00:5e:00:53:ab"


@pytest.mark.parametrize("text", ["", "00:00:5e:00:53", "00:00:5e:00:53:0g", "00005e005301", "00:00:5e:00:53:01:02"])
def test_other_texts_are_no_macs(text: str) -> None:
    with pytest.raises(SpecError):
        parse_mac(text)


def test_identifiers_are_derived_and_differ() -> None:
    first = profile_uuid("machine", "bridge br0")
    assert first == profile_uuid("machine", "bridge br0")
    others = {profile_uuid("other", "bridge br0"), profile_uuid("machine", "bond br0"), network_uuid("machine", "br0")}
    assert first not in others
    assert uuid.UUID(first).version == 5


def test_derived_macs_are_qemus() -> None:
    assert derived_mac("machine", "domain", 1) != derived_mac("machine", "domain", 2)
    assert derived_mac("machine", "domain", 1).startswith("52:54:00:")
