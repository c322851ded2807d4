"""What nmcli prints -> records."""

from __future__ import annotations

import pytest

from vmnet.host.networkmanager.nmcli_text import (
    Listed,
    Unclear,
    parse_devices,
    parse_listing,
    parse_options,
    parse_profiles,
    parse_version,
    worth_showing,
)

LISTING = """\
11111111-0000-0000-0000-000000000001:/etc/NetworkManager/system-connections/lan.nmconnection:em1:802-3-ethernet
11111111-0000-0000-0000-000000000002:/run/NetworkManager/system-connections/a\\:b\nc.nmconnection::bridge
"""
DETAILS = """\
connection.id:lan
connection.uuid:11111111-0000-0000-0000-000000000001
connection.type:802-3-ethernet
connection.interface-name:em1
connection.autoconnect:yes
ipv4.method:manual
ipv4.addresses:192.0.2.3/24
ipv6.token:

connection.id:c:d\\e
connection.uuid:11111111-0000-0000-0000-000000000002
connection.type:bridge
connection.interface-name:
connection.autoconnect:no
802-3-ethernet.cloned-mac-address:00:00:5E:00:53:01
"""


def test_profiles_have_all_their_properties() -> None:
    lan, two = sorted(parse_profiles(parse_listing(LISTING), DETAILS), key=lambda profile: profile.uuid)
    assert (lan.name, lan.type, lan.ifname, lan.device, lan.autoconnect) == (
        "lan",
        "802-3-ethernet",
        "em1",
        "em1",
        True,
    )
    assert lan.get("ipv4.addresses") == "192.0.2.3/24"
    assert lan.get("ipv6.nonsense") == ""
    # In this form nmcli escapes nothing.
    assert two.name == "c:d\\e"
    assert two.filename == "/run/NetworkManager/system-connections/a:b\nc.nmconnection"
    assert two.volatile
    assert two.ifname is None
    assert two.device is None
    assert two.get("802-3-ethernet.cloned-mac-address") == "00:00:5E:00:53:01"


def test_the_names_of_newer_versions_become_those_that_all_know() -> None:
    text = DETAILS.replace("connection.autoconnect:yes", "connection.controller:br0\nconnection.port-type:bridge")
    _, lan = parse_profiles(parse_listing(LISTING), text)
    assert (lan.controller, lan.get("connection.slave-type")) == ("br0", "bridge")


def test_no_profiles() -> None:
    assert parse_listing("") == ()
    assert parse_profiles((), "") == ()


def test_profiles_that_were_not_asked_for_are_not_believed() -> None:
    twice = f"{DETAILS}\n{DETAILS}"
    for listing, details in ((LISTING, twice), ("", DETAILS)):
        with pytest.raises(Unclear, match="other profiles"):
            parse_profiles(parse_listing(listing), details)


DEVICES = """\
GENERAL.DEVICE:em1
GENERAL.TYPE:ethernet
GENERAL.STATE:100 (connected)
GENERAL.CON-UUID:11111111-0000-0000-0000-000000000001
GENERAL.REASON:0 (No reason given)
IP4.DNS[1]:192.0.2.53
IP6.DNS[1]:2001:db8::53
DHCP4.OPTION[1]:dhcp_client_identifier = 01:00:00:5e:00:53:01
DHCP4.OPTION[2]:ip_address = 192.0.2.3
DHCP6.OPTION[1]:dhcp6_client_id = 00:04:f9:55:af:95
DHCP6.OPTION[2]:fqdn_fqdn = host
DHCP6.OPTION[3]:iaid = 38:e2:c4:7e

GENERAL.DEVICE:virbr0
GENERAL.TYPE:bridge
GENERAL.STATE:100 (connected (externally))
GENERAL.CON-UUID:11111111-0000-0000-0000-000000000003
GENERAL.REASON:0 (No reason given)

GENERAL.DEVICE:eth9
GENERAL.TYPE:ethernet
GENERAL.STATE:10 (unmanaged)
GENERAL.CON-UUID:
GENERAL.REASON:0 (No reason given)
"""


def test_the_options_of_a_lease() -> None:
    text = "DHCP4.OPTION[1]:expiry = 1795751198\nDHCP4.OPTION[2]:wpad = a\nDHCP4.OPTION[9]:expiry = 1\n\nx\n"
    assert parse_options("DHCP4", text) == {"expiry": "1795751198", "wpad": "a"}
    assert parse_options("DHCP6", text) == parse_options("DHCP4", "") == {}


def test_devices() -> None:
    em1, eth9, virbr0 = parse_devices(DEVICES)
    assert (em1.state, em1.managed, em1.external, em1.profile) == (
        100,
        True,
        False,
        "11111111-0000-0000-0000-000000000001",
    )
    assert [str(address) for address in em1.dns] == ["192.0.2.53", "2001:db8::53"]
    assert (em1.dhcp6_duid, em1.dhcp6_iaid) == ("00:04:f9:55:af:95", "38:e2:c4:7e")
    assert str(em1.lease) == "192.0.2.3"
    assert virbr0.lease is None
    assert (virbr0.dhcp6_duid, virbr0.dhcp6_iaid) == ("", "")
    assert virbr0.external
    assert not eth9.managed
    assert eth9.profile is None


def test_volatile_profiles_of_taps_are_not_worth_showing() -> None:
    listing = (
        "u-br0:/etc/NetworkManager/system-connections/br0.nmconnection:br0:bridge\n"
        "u-tap:/run/NetworkManager/system-connections/vnet0.nmconnection:vnet0:tun\n"
        "u-own:/etc/NetworkManager/system-connections/my\\:tap.nmconnection::tun\n"
        "u-odd:/etc/NetworkManager/system-connections/a\ntun\nb.nmconnection::dummy\n"
        "u-wired:/run/NetworkManager/system-connections/Wired connection 1.nmconnection::802-3-ethernet\n"
        "u-nameless::::\n"
    )
    assert worth_showing(parse_listing(listing.replace("::::", ":::802-3-ethernet"))) == (
        "u-br0", "u-own", "u-odd", "u-wired", "u-nameless",
    )  # fmt: skip
    with pytest.raises(Unclear):
        parse_listing(listing)


def test_a_row_of_the_list() -> None:
    assert parse_listing("u:/etc/a\\:\\\\\u2028b:em1:bridge\n") == (
        Listed(uuid="u", filename="/etc/a:\\\u2028b", device="em1", type="bridge"),
    )


def test_versions_without_a_distributions_suffix() -> None:
    assert parse_version("nmcli tool, version 1.42.4\n") == "1.42.4"
    assert parse_version("nmcli tool, version 1.42.2-1.el9\n") == "1.42.2"
    assert parse_version("") is None
