"""Readers of what tools print, with good inputs to begin with."""

from __future__ import annotations

import json
from unittest.mock import patch

from tests.fake_domain import FakeDomain
from tests.fake_libvirt import FakeConnection
from tests.host import (
    test_fabric,
    test_iptables_save,
    test_lldp,
    test_mentions,
    test_nmcli_text,
    test_surroundings,
)
from tests.host.nmcli_host import NmcliHost
from tests.host.test_nft_json import ACCEPT, meta, ruleset
from tests.hostile.reader import Reader, text
from vmnet.host.files import boot, mentions
from vmnet.host.firewall import filters, iptables_save, nft_json
from vmnet.host.kernel import fabric, kernel_log
from vmnet.host.lan import lldp
from vmnet.host.libvirt import surroundings
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.host.networkmanager import bus, nmcli_text


def ask_agent(answer: str) -> object:
    """Return what vmnet makes of a guest agent's answer."""
    connection, uuid = FakeConnection(), "00000000-0000-4000-8000-000000000001"
    connection.domains.append(FakeDomain(title="web", uuid=uuid, owner=connection, live="<domain/>"))
    with Hypervisor(connection=connection) as hypervisor, patch("libvirt_qemu.qemuAgentCommand", lambda *_: answer):
        return hypervisor.command_agent(uuid, "guest-exec-status", pid=1)


def profiles() -> NmcliHost:
    host = NmcliHost()
    host.add_profile("11111111-0000-0000-0000-000000000001", "lan", "802-3-ethernet", proxy__pac_script="a\nb:c")
    host.add_profile("11111111-0000-0000-0000-000000000002", "c:d\\e\nf", "bridge")
    return host


def nmcli_readers() -> list[Reader]:
    host = profiles()
    uuids = tuple(host.profiles)
    which = tuple(word for uuid in uuids for word in ("uuid", uuid))
    listed = nmcli_text.parse_listing(
        host.run(("nmcli", "-t", "-f", "UUID,FILENAME,DEVICE,TYPE", "connection", "show")).stdout
    )
    show = ("-f", "profile", "connection", "show", *which)
    pairs, rows = (host.run(("nmcli", "-t", *form, *show)).stdout for form in ((), ("-m", "tabular")))

    samples = test_nmcli_text
    lease = "DHCP4.OPTION[1]:expiry = 1795751198\nDHCP4.OPTION[2]:ip_address = 192.0.2.3\n"
    heard = "em1:00\\:00\\:5E\\:00\\:53\\:FF:Gi1/0/3:sw1\nem2:::\n"
    of_samples = nmcli_text.parse_listing(samples.LISTING)
    return [
        text("nmcli's list of profiles", nmcli_text.parse_listing, samples.LISTING),
        text("nmcli's profiles", lambda t: nmcli_text.parse_profiles(of_samples, t), samples.DETAILS),
        text("nmcli's rows", lambda t: nmcli_text.parse_both_forms(listed, pairs, t), rows),
        text("nmcli's pairs beside rows", lambda t: nmcli_text.parse_both_forms(listed, t, rows), pairs),
        text("nmcli's devices", nmcli_text.parse_devices, samples.DEVICES),
        text("nmcli's leases", lambda t: nmcli_text.parse_options("DHCP4", t), lease),
        text("nmcli's version", nmcli_text.parse_version, "nmcli tool, version 1.42.4\n"),
        text("nmcli's LLDP", lldp.parse_nmcli, heard),
        text("nmcli's pairs", lambda t: nmcli_text.read_pairs(t, "connection.id"), samples.DETAILS),
    ]


def firewall_readers() -> list[Reader]:
    wanted = mentions.pattern_of(("virbr0", "192.168.122."))
    mapped = {"vmap": {"key": {"meta": {"key": "iifname"}}, "data": {"set": [["br0", ACCEPT], ["x", {"drop": None}]]}}}
    nft = ruleset([meta("iifname", {"set": ["br0", "br1"]}), ACCEPT], [mapped], [{"jump": {"target": "more"}}])
    zones = {"type": "as", "data": ["public", {"public": {"interfaces": ["em1"]}, "libvirt": {"interfaces": []}}]}
    saved = test_iptables_save.SAVED
    return [
        text("iptables-save", lambda t: iptables_save.parse_saved(t, tool="nft", family="ip"), saved),
        text("nft's JSON", nft_json.parse_ruleset, nft),
        text("nft's text", lambda t: mentions.parse_ruleset(t, wanted), test_mentions.RULESET),
        text(
            "iptables-save, for names", lambda t: mentions.parse_saved(t, wanted), saved, "*nat\n-A X -o virbr0 -j Y\n"
        ),
        text("firewalld", lambda t: filters.parse_zones(*[*bus._data(t, list), None, None][:2]), json.dumps(zones)),
        text("ebtables", surroundings.parse_tap_filters, test_surroundings.EBTABLES),
    ]


def tool_readers() -> list[Reader]:
    failed = "Id=a.service\nResult=timeout\n\nId=b.service\nResult=success\n"
    journal = "internal error: Failed to autostart VM 'web 01': Cannot get interface MTU on 'br0': No such device\n"
    router = {"br0": [{"port": "bond0", "timer": " 248.82", "type": "temp"}]}
    kmsg = "4,1234,5678901,-;br0: received packet on em1 with own address as source address (addr:x, vlan:0)\n"
    groups = json.dumps([{"mdb": test_fabric.GROUPS, "router": router}])
    return [
        text("busctl", lambda t: bus._data(t, list), '{"type":"b","data":[true]}'),
        text("lldpctl", lldp.parse_lldpctl, json.dumps(test_lldp.LLDPCTL)),
        text("bridge fdb", fabric.parse_heard, test_fabric.FDB),
        text("bridge vlan", fabric.parse_vlans, test_fabric.VLANS),
        text("bridge mdb", fabric.parse_multicast, groups),
        text("systemctl, waits", boot.parse_failed, failed),
        text("systemctl, daemons", surroundings.parse_daemons, test_surroundings.SYSTEMCTL),
        text("libvirt's journal", surroundings.parse_failed_starts, journal),
        text("kernel log", lambda t: kernel_log.parse_records(t.split("\x1e"), now_s=60), kmsg),
        text("guest agent", ask_agent, '{"return": {"pid": 7}}', '{"return": {"exited": true, "exitcode": 0}}'),
    ]
