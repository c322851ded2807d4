"""What host-setup's words come to, from a file; those of the command line are tried in tests/cli/test_wanted.py."""

from __future__ import annotations

from dataclasses import fields
from ipaddress import ip_address, ip_interface
from pathlib import Path

import pytest

from tests.specs import host_spec
from vmnet.cli.commands import load
from vmnet.errors import SpecError
from vmnet.host.files.spec_file import read_spec
from vmnet.spec import AddressSpec, BondMode, BondSpec
from vmnet.spec.file import parse_spec, render_spec
from vmnet.spec.words import HostWords, parse_host

EXAMPLES = Path(__file__).parents[1] / "docs" / "examples"
ADDRESS = AddressSpec(
    addresses=(ip_interface("172.16.4.3/24"),), gateways=(ip_address("172.16.4.1"),), dns=(ip_address("172.16.4.2"),)
)
EXPECTED = {
    "host": host_spec(nics=("em1", "p4p1"), address=ADDRESS, management="p2p1"),
    "no-bond": host_spec(nics=("em1",), bond=None, address=AddressSpec(dhcp=True)),
    "every-key": host_spec(
        nics=("em1", "p4p1"),
        options=(("multicast_snooping", "no"), ("ageing_time", "600")),
        bond=BondSpec(
            options=(("miimon", "100"), ("lacp_rate", "fast"), ("xmit_hash_policy", "layer3+4"), ("min_links", "1"))
        ),
        address=AddressSpec(
            addresses=ADDRESS.addresses,
            gateways=ADDRESS.gateways,
            dns=(*ADDRESS.dns, ip_address("172.16.4.12")),
            dns_search=("example.org",),
            routes=("10.0.0.0/8 172.16.4.254",),
            ipv6="link-local",
        ),
        mtu=1500,
        management="p2p1",
    ),
}

WRONG = [
    ("nics = [", "f", "TOML"),
    ("", "f: ", "[host]"),
    ('nics = ["em1"]', "f: ", "[[bridge]]"),
    ("[host]\n[bond]\n", "f: ", "bond"),
    ("host = 1", "f: ", "[host]"),
    ("[host]\nnic = 'em1'", "f: host.nic: ", "nics"),
    ("[host]\nkind = 'x'", "f: host.kind: ", "nics"),
    ("[host]\ndns_search = 'x'", "f: host.dns_search: ", "dns-search"),
    ("[host]\nno-bond = true", "f: host.no-bond: ", "bond = false"),
    ("[host]\nconfirm = 60", "f: host.confirm: ", "nics"),
    ("[host]\nmtu = 'big'", "f: host.mtu: ", "'big'"),
    ("[host]\nstp = 1", "f: host.stp: ", "true or false"),
    ("[host]\ndns-search = ['a', 3]", "f: host.dns-search[1]: ", "3"),
    ("[host]\nbond = 5", "f: host.bond: ", "5"),
    ("[host]\nbond = ''", "f: host.bond: ", "''"),
    ("[host]\nnics = ['em/1']", "f: host.nics: ", "'em/1'"),
    ("[host]\nbridge = 'vmnet8'", "f: host.bridge: ", "'vmnet8'"),
    ("[host]\nmanagement = 'a b'", "f: host.management: ", "'a b'"),
    ("[host]\nmode = 'lagg'", "f: host.mode: ", "host.mode takes one of balance-rr"),
    ("[host]\nlacp-rate = 'soon'", "f: host.lacp-rate: ", "host.lacp-rate takes one of slow, fast"),
    ("[host]\nxmit-hash-policy = 'layer9'", "f: host.xmit-hash-policy: ", "'layer9'"),
    ("[host]\nbond-options = { min_link = 1 }", "f: host.bond-options: ", "min_links"),
    ("[host]\nbond-options = { min_links = -1 }", "f: host.bond-options: ", "min_links"),
    ("[host]\nbond-options = { arp_validate = 'all' }", "f: host.bond-options: ", "miimon"),
    ("[host]\nbond = false\nbond-options = { min_links = 1 }", "f: host.bond-options: ", "bond"),
    ("[host]\nbond-options = 3", "f: host.bond-options: ", "3"),
    ("[host]\nbridge-options = { priority = 'high' }", "f: host.bridge-options: ", "0 to 65535"),
    ("[host]\nbridge-options = { vlan_filtering = true }", "f: host.bridge-options: ", "VLAN"),
    ("[host]\naddress = '192.0.2.3'", "f: host.address: ", "host.address takes"),
    ("[host]\naddress = ['dhcp', '192.0.2.3/24']", "f: host.address: ", "dhcp"),
    ("[host]\naddress = '192.0.2.3/24'\ngateway = 'x'", "f: host.gateway: ", "host.gateway takes"),
    ("[host]\ndns = '192.0.2.2'", "f: host.dns: ", "host.address"),
    ("[host]\nnetwork = ' '", "f: host.network: ", "virsh net-list"),
    ("bridge = 1", "f: bridge is not", "[[bridge]]"),
    ("[[bond]]\nname = 'bond0'\nports = ['em1']", "f: no bridge", "[[bridge]]"),
    ("[[bridge]]\nname = 'br0'", "f: bridge br0", "'uplink'"),
    ("[[bridge]]\nuplink = 'em1'", "f: bridge 1", "'name'"),
    ("[[bridge]]\nname = 'br0'\nuplink = 'em1'\nkind = 1", "f: bridge br0.kind: ", "uplink"),
    ("[[bridge]]\nname = 'br0'\nuplink = 'em1'\naddress = 'x'", "f: bridge br0.address: ", "takes"),
    ("[[bridge]]\nname = 'br0'\nuplink = 'em1'\naddress = ['adopt', 'dhcp']", "f: bridge br0.address: ", "one"),
    ("[[bridge]]\nname = 'br0'\nuplink = 'em1'\naddress = 'dhcp'\nroutes = ['x']", "f: bridge br0.routes: ", "10.0"),
    ("[[bridge]]\nname = 'br0'\nuplink = { mac = 'x' }", "f: bridge br0.uplink: ", "MAC"),
    ("[[bridge]]\nname = 'br0'\nuplink = { serial = 'x' }", "f: bridge br0.uplink: ", "correct"),
    ("[[bond]]\nname = 'b'\nports = ['em1']\n[[bridge]]\nname = 'br0'\nuplink = 'em2'", "f: bond b: ", "uplink"),
    (2 * "[[bridge]]\nname = 'br0'\nuplink = 'em1'\n", "f: bridge br0.name: ", "twice"),
    ("management = ['a', 'b']\n[[bridge]]\nname = 'br0'\nuplink = 'em1'", "f: management: ", "correct"),
    (
        "[[bond]]\nname = 'b'\nports = ['em1']\nmode = 'x'\n[[bridge]]\nname = 'r'\nuplink = 'b'",
        "f: bond b.mode: ",
        "802.3ad",
    ),
]


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.toml")), ids=lambda path: path.stem)
def test_the_examples_mean_what_they_say(path: Path) -> None:
    spec = read_spec(str(path))
    if path.stem in EXPECTED:
        assert spec == EXPECTED[path.stem]
    assert parse_spec(render_spec(spec), "f") == spec


def test_one_example_has_every_key() -> None:
    text = (EXAMPLES / "every-key.toml").read_text("utf-8")
    keys = {field.name.replace("_", "-") for field in fields(HostWords)} - {"arp-interval", "vlan"}
    assert {key for key in keys if f"\n{key} = " not in text} == set()


@pytest.mark.parametrize(("text", "place", "named"), WRONG)
def test_what_is_wrong_in_a_file_names_the_key(text: str, place: str, named: str) -> None:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "f")
    assert caught.value.message.startswith(place)
    assert named in f"{caught.value.message}; {caught.value.hint}"
    assert caught.value.hint


def test_true_is_the_usual_name() -> None:
    spec = parse_spec("[host]\nbond = true\nnetwork = true\nmode = 1", "f")
    assert spec == host_spec(bond=BondSpec(mode=BondMode.ACTIVE_BACKUP))
    assert parse_spec("[host]\nnetwork = false", "f").networks == ()


def test_an_empty_table_is_what_no_options_are() -> None:
    assert parse_spec("[host]", "f") == parse_host(HostWords()) == host_spec()


def test_the_options_have_the_same_defaults() -> None:
    options = {option.name: option.default for option in load("vmnet.cli.host_setup").command.params}
    # Newer versions of click have a mark of their own for "none given".
    empty = {name: HostWords.__dataclass_fields__[name].default for name in ("miimon", "mode", "bond", "bridge", "stp")}
    assert {name: options[name] for name in empty} == empty
    assert {field.name for field in fields(HostWords)} <= set(options)


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a b.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SpecError, match=r"a b\.toml: "):
        read_spec(str(path))


def test_a_number_that_is_too_long_is_an_error_of_the_file() -> None:
    with pytest.raises(SpecError, match=r"host\.toml"):
        parse_spec(f"[host]\nmtu = {'9' * 5000}\n", "host.toml")
