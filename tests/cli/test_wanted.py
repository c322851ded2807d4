"""Words in, records out: what each command understands, and what it refuses to understand."""

from __future__ import annotations

from ipaddress import ip_address, ip_interface

import pytest

from tests.cli.calls import call
from tests.specs import host_spec
from vmnet.names import Mac
from vmnet.spec import AddressSpec, AttachSpec, BondMode, BondSpec, HostSpec, MigrationSpec, Retire, TeardownSpec

HOST_SETUP: list[tuple[str, HostSpec]] = [
    ("", host_spec()),
    ("em1 p4p1", host_spec(nics=("em1", "p4p1"))),
    ("em1 --no-bond --no-network", host_spec(nics=("em1",), bond=None, network=None)),
    ("--bridge lan --bond lag", host_spec(bridge="lan", bond=BondSpec(ifname="lag"))),
    ("--stp --multicast-snooping", host_spec(options=(("stp", "yes"), ("multicast_snooping", "yes")))),
    ("--no-stp --no-multicast-snooping", host_spec(options=(("multicast_snooping", "no"),))),
    (
        "--mode active-backup --miimon 50",
        host_spec(bond=BondSpec(mode=BondMode.ACTIVE_BACKUP, options=(("miimon", "50"),))),
    ),
    ("--mode 4", host_spec(bond=BondSpec(mode=BondMode.LACP))),
    ("--mode LACP --lacp-rate fast", host_spec(bond=BondSpec(options=(("miimon", "100"), ("lacp_rate", "fast"))))),
    (
        "--xmit-hash-policy layer2+3",
        host_spec(bond=BondSpec(options=(("miimon", "100"), ("xmit_hash_policy", "layer2+3")))),
    ),
    ("--address dhcp", host_spec(address=AddressSpec(dhcp=True))),
    ("--address DHCP --dns 192.0.2.2", host_spec(address=AddressSpec(dhcp=True, dns=(ip_address("192.0.2.2"),)))),
    (
        "--address 192.0.2.3/24 --address 2001:DB8::3/64 --gateway 192.0.2.1 --dns 192.0.2.2 --dns-search lan.example",
        host_spec(
            address=AddressSpec(
                addresses=(ip_interface("192.0.2.3/24"), ip_interface("2001:db8::3/64")),
                gateways=(ip_address("192.0.2.1"),),
                dns=(ip_address("192.0.2.2"),),
                dns_search=("lan.example",),
            )
        ),
    ),
    ("--mtu 9000 --timeout 120", host_spec(mtu=9000, timeout_s=120)),
    ("--management p2p1 --fix-management", host_spec(management="p2p1", fix_management=True)),
    ("--allow-storage --allow-new-address", host_spec(allow_storage=True, allow_new_address=True)),
    ("--allow-claimed --different-switches", host_spec(allow_claimed=True, different_switches=True)),
    ("--allow-duplicate-address", host_spec(allow_duplicate_address=True)),
    ("--network lan --displace old --displace older", host_spec(network="lan", displace=("old", "older"))),
]
ATTACH: list[tuple[str, AttachSpec]] = [
    ("web01", AttachSpec(domain="web01")),
    ("web01 --mac 52-54-00-00-53-AA", AttachSpec(domain="web01", macs=(Mac("52:54:00:00:53:aa"),))),
    ("web01 --index 2 --network lan", AttachSpec(domain="web01", indexes=(2,), network="lan")),
    ("web01 --tap vnet3 --source default", AttachSpec(domain="web01", taps=("vnet3",), sources=("default",))),
    ("web01 --index 1 --index 3 --bridge br7", AttachSpec(domain="web01", indexes=(1, 3), bridge="br7")),
    (
        "web01 --add --model e1000 --queues 2 --filter f",
        AttachSpec(domain="web01", add=True, model="e1000", queues=2, filter="f"),
    ),
    ("web01 --add --no-bounce", AttachSpec(domain="web01", add=True, bounce_s=0)),
    ("web01 --replug --renew agent", AttachSpec(domain="web01", replug=True, by_agent=True)),
    ("web01 --bounce 3", AttachSpec(domain="web01", bounce_s=3)),
    ("42", AttachSpec(domain="42")),
    ("-- -dash", AttachSpec(domain="-dash")),
    ("-- --plan", AttachSpec(domain="--plan")),
]
MIGRATE: list[tuple[str, MigrationSpec]] = [
    ("", MigrationSpec()),
    ("--network nat0 --to lan", MigrationSpec(source="nat0", network="lan")),
    ("--canary web01 --batch 20 --pause 60", MigrationSpec(canary="web01", batch=20, pause_s=60)),
    ("--no-canary --static skip", MigrationSpec(no_canary=True, skip_static=True)),
    ("--undo-on-failure", MigrationSpec(undo_on_failure=True)),
    ("--stop-on-failure --retire", MigrationSpec(retire=Retire.AUTOSTART)),
    ("--retire=stop", MigrationSpec(retire=Retire.STOP)),
    ("--renew agent --no-bounce", MigrationSpec(by_agent=True, bounce_s=0)),
    ("--retire --no-bounce", MigrationSpec(retire=Retire.AUTOSTART, bounce_s=0)),
    ("--from nat0 --no-bounce", MigrationSpec(source="nat0", bounce_s=0)),
    ("--only web01 --only 42 --exclude db01", MigrationSpec(only=("web01", "42"), exclude=("db01",))),
    ("--only=-dash --bounce 12", MigrationSpec(only=("-dash",), bounce_s=12)),
]
TEARDOWN: list[tuple[str, TeardownSpec]] = [
    ("", TeardownSpec()),
    ("br0 br20 --nic em1 --management p2p1", TeardownSpec(bridges=("br0", "br20"), nic="em1", management="p2p1")),
    (
        "br0 --move-domains-to default --confirm 60 --allow-firewall",
        TeardownSpec(bridges=("br0",), move_domains_to="default", confirm_s=60, allow_firewall=True),
    ),
]
UNDERSTOOD = [
    *(("host-setup", words, spec) for words, spec in HOST_SETUP),
    *(("attach-domain", words, spec) for words, spec in ATTACH),
    *(("migrate-from-virbr0", words, spec) for words, spec in MIGRATE),
    *(("teardown", words, spec) for words, spec in TEARDOWN),
    ("undo", "", None),
    ("undo", "20260102T030405Z", "20260102T030405Z"),
]

WRONG = [
    ("host-setup --bridge this-name-is-too-long", "15"),
    ("host-setup --bridge", "--bridge"),
    ("host-setup em/1", "NIC"),
    ("host-setup --bond vmnet8", "VMware"),
    ("migrate-from-virbr0 --canary web01 --no-canary", "--canary cannot"),
    ("migrate-from-virbr0 --batch 0", "--batch"),
    ("host-setup --mode lagg", "--mode takes one of"),
    ("host-setup --mode 7", "'7'"),
    ("host-setup --mode best", "'best'"),
    ("host-setup --address 192.0.2.3/24 --dns nonsense", "nonsense"),
    ("attach-domain web01 --mac nonsense", "MAC"),
    ("host-setup --miimon soon", "'soon' is not a valid integer"),
    ("host-setup --address 192.0.2.3", "prefix length"),
    ("host-setup --address 192.0.2.300/24", "is not an address"),
    ("host-setup --address host/24", "is not an address"),
    ("host-setup --address host", "is not an address"),
    ("host-setup --address 192.0.2.3/33", "is not an address"),
    ("host-setup --address dhcp --address 192.0.2.3/24", "dhcp"),
    ("host-setup --address 192.0.2.3/24 --gateway 192.0.2.1/24", "--gateway takes one address"),
    ("host-setup --address 192.0.2.3/24 --dns dns.example", "--dns takes one address"),
    ("host-setup --gateway 192.0.2.1", "--gateway needs --address"),
    ("host-setup --dns 192.0.2.2", "--dns needs --address"),
    ("host-setup --xmit-hash-policy layer9", "layer9"),
    ("host-setup --management p2p1/0", "management link"),
    ("host-setup --network=", "name is empty"),
    ("attach-domain", "DOMAIN"),
    ("attach-domain -dash", "No such option"),
    ("attach-domain web01 --mac 52:54", "is not a MAC address"),
    ("attach-domain web01 --index 0", "0 is not in the range"),
    ("attach-domain web01 --add --mac 52:54:00:00:53:aa --mac 52:54:00:00:53:ab", "--add"),
    ("attach-domain web01 --model e1000", "--model needs --add"),
    ("attach-domain web01 --filter clean-traffic", "--filter needs --add"),
    ("attach-domain web01 --bridge this-name-is-too-long", "15"),
    ("attach-domain web01 --add --index 1", "--add"),
    ("attach-domain web01 --bounce 0", "--bounce"),
    ("attach-domain web01 db01", "unexpected extra argument"),
    ("migrate-from-virbr0 --only=", "name is empty"),
    ("migrate-from-virbr0 web01", "unexpected extra argument"),
    ("teardown --move-domains-to=", "name is empty"),
    ("verify --bridge br/0", "bridge name"),
    ("verify --output yaml", "yaml"),
    ("completion tcsh", "tcsh"),
    ("frobnicate", "No such command"),
    ("--frobnicate", "No such option"),
]


@pytest.mark.parametrize(("command", "words", "spec"), UNDERSTOOD)
def test_understood(command: str, words: str, spec: object) -> None:
    before, dashes, after = f"{words} ".partition("-- ")
    ended = call(command, *before.split(), "--plan", *([dashes.strip(), *after.split()] if dashes else []))
    assert ended.code == 0, ended.err
    assert ended.host.specs == [spec]


@pytest.mark.parametrize(("words", "said"), WRONG)
def test_wrong_words_are_refused_before_anything_is_read(words: str, said: str) -> None:
    ended = call(*words.split(" "))
    assert ended.code == 2
    assert ended.err.startswith("error: ")
    assert said in ended.err
    assert "\nhint: " in ended.err
    assert (ended.out, ended.host.reads, ended.host.applied) == ("", [], [])


def test_an_empty_name_is_refused() -> None:
    assert call("attach-domain", " ").code == 2
    assert call("host-setup", "").code == 2


def test_the_hypervisor_is_left_out_where_no_network_is_wanted() -> None:
    asked = {"uri": "qemu:///system", "hypervisor": False, "host": True}
    assert call("host-setup", "--no-network", "--plan").host.reads == [asked]
    ended = call("verify", "--connect", "test:///default")
    assert ended.host.reads == [{"uri": "test:///default", "hypervisor": True, "host": True}]
    ended = call("attach-domain", "web01", "--plan")
    assert ended.host.reads == [{"uri": "qemu:///system", "hypervisor": True, "host": False}]
