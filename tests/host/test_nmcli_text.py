"""nmcli's terse text -> records."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vmnet.host.nmcli_text import (
    parse_devices,
    parse_lease_end,
    parse_profiles,
    parse_version,
    parse_worth_showing,
    split_terse,
)


@given(st.lists(st.text(alphabet=st.characters(blacklist_characters="\n")), min_size=1))
def test_fields_come_back_as_nmcli_escaped_them(fields: list[str]) -> None:
    line = ":".join(field.replace("\\", "\\\\").replace(":", "\\:") for field in fields)
    assert split_terse(line) == tuple(fields)


LISTING = """\
11111111-0000-0000-0000-000000000001:/etc/NetworkManager/system-connections/lan.nmconnection:em1
11111111-0000-0000-0000-000000000002:/run/NetworkManager/system-connections/a\\:b.nmconnection:
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

connection.id:two
lines\\:of name
connection.uuid:11111111-0000-0000-0000-000000000002
connection.type:bridge
connection.interface-name:
connection.autoconnect:no
802-3-ethernet.cloned-mac-address:00\\:00\\:5E\\:00\\:53\\:01
"""


def test_profiles_have_all_their_properties() -> None:
    lan, two = parse_profiles(LISTING, DETAILS)
    assert (lan.name, lan.type, lan.ifname, lan.device, lan.autoconnect) == (
        "lan",
        "802-3-ethernet",
        "em1",
        "em1",
        True,
    )
    assert lan.get("ipv4.addresses") == "192.0.2.3/24"
    assert lan.get("ipv6.nonsense") == ""
    assert two.name == "two\nlines:of name"
    assert two.volatile
    assert two.ifname is None
    assert two.device is None
    assert two.get("802-3-ethernet.cloned-mac-address") == "00:00:5E:00:53:01"


def test_the_names_of_newer_versions_become_those_that_all_know() -> None:
    text = DETAILS.replace("connection.autoconnect:yes", "connection.controller:br0\nconnection.port-type:bridge")
    lan, _ = parse_profiles(LISTING, text)
    assert (lan.controller, lan.get("connection.slave-type")) == ("br0", "bridge")


def test_no_profiles() -> None:
    assert parse_profiles("", "") == ()


DEVICES = """\
GENERAL.DEVICE:em1
GENERAL.TYPE:ethernet
GENERAL.STATE:100 (connected)
GENERAL.CONNECTION:lan
GENERAL.CON-UUID:11111111-0000-0000-0000-000000000001
IP4.ADDRESS[1]:192.0.2.3/24
IP4.DNS[1]:192.0.2.53
IP6.DNS[1]:2001\\:db8\\:\\:53
DHCP4.OPTION[1]:dhcp_client_identifier = 01:00:00:5e:00:53:01
DHCP4.OPTION[2]:ip_address = 192.0.2.3
DHCP6.OPTION[1]:dhcp6_client_id = 00:04:f9:55:af:95
DHCP6.OPTION[2]:fqdn_fqdn = host
DHCP6.OPTION[3]:iaid = 38:e2:c4:7e

GENERAL.DEVICE:virbr0
GENERAL.TYPE:bridge
GENERAL.STATE:100 (connected (externally))
GENERAL.CON-UUID:11111111-0000-0000-0000-000000000003

GENERAL.DEVICE:eth9
GENERAL.TYPE:ethernet
GENERAL.STATE:10 (unmanaged)
GENERAL.CON-UUID:
"""


def test_when_a_lease_ends() -> None:
    text = "GENERAL.DEVICE:br0\nDHCP4.OPTION[1]:expiry = 1795751198\nDHCP4.OPTION[2]:ip_address = 192.0.2.3\n"
    assert parse_lease_end(text) == "1795751198"
    assert parse_lease_end("GENERAL.DEVICE:br0\n") == parse_lease_end("") == ""


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
        "u-wired:/run/NetworkManager/system-connections/Wired connection 1.nmconnection::802-3-ethernet\n"
    )
    assert parse_worth_showing(listing) == ("u-br0", "u-own", "u-wired")
    assert parse_worth_showing("") == ()


def test_versions_without_a_distributions_suffix() -> None:
    assert parse_version("nmcli tool, version 1.42.4\n") == "1.42.4"
    assert parse_version("nmcli tool, version 1.42.2-1.el9\n") == "1.42.2"
    assert parse_version("") is None
