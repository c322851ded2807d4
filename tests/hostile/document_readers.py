"""Readers of libvirt's documents, of frames, and of what goes into a support bundle, with good inputs to begin with."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

from tests.documents.test_networks import NAT, WANTED
from tests.facts_samples import end_state
from tests.host import test_lan_probe, test_listen
from tests.hostile.reader import Reader, text
from tests.redact.test_redact import DOMAIN
from vmnet.documents import domains, interfaces, networks, nwfilters, ports
from vmnet.facts import Source
from vmnet.facts.evidence import Evidence, Form
from vmnet.host.lan import arp_probe, lan_probe, listen
from vmnet.names import Mac
from vmnet.redact.known import KnownSecrets
from vmnet.redact.values import without_secrets_in

DOCUMENTS = Path(__file__).parents[1] / "documents" / "cases"
HOST = """<network><name>n</name>
  <forward dev='em1'><interface dev='em2'/><address type='pci' bus='0x01' slot='0' function='1'/></forward>
  <ip address='192.0.2.1' prefix='24'><dhcp><host mac='52:54:00:00:53:01' name='w' ip='192.0.2.7'/></dhcp></ip>
  <dns><host ip='192.0.2.8'><hostname>w</hostname></host></dns>
  <portgroup name='a'><vlan trunk='yes'><tag id='5' nativeMode='untagged'/></vlan></portgroup>
</network>"""
PASSED = """<domain><devices>
  <hostdev type='pci'><source><address domain='0x0000' bus='0x01' slot='0x00' function='0x1'/></source></hostdev>
  <interface type='hostdev'><source><address bus='1' slot='0' function='0'/></source><vlan><tag id='7'/></vlan>
    <port isolated='yes'/></interface>
</devices></domain>"""
INTERFACE = """<interface type='network'><mac address='52:54:00:00:53:11'/>
  <source network='default' portgroup='a'/><link state='up'/><vlan><tag id='5'/></vlan>
  <address type='pci' bus='0x01' slot='0' function='0'/></interface>"""
FILTER = "<filter name='a'><rule action='drop'><tcp-ipv6/></rule><filterref filter='b'/></filter>"
LOG = "Nov 30 host vmnet[1]: password=abc, https://ann:s3cret@x.example/?token=x, 'psk' \"key\": 'a' --pw b\n"


def document_readers() -> list[Reader]:
    cases = [path.read_text("utf-8") for path in sorted(DOCUMENTS.glob("*.xml"))]
    nat = (NAT, WANTED, HOST)
    was, wanted = Source(type="network", network="default"), Source(type="network", network="host-bridge")
    macs = {Mac("52:54:00:00:53:11")}
    named = end_state().networks[0]
    return [
        text("a domain's interfaces", domains.parse_domain_interfaces, *cases, DOMAIN, PASSED),
        text("a domain's agent", domains.agent_connected, DOMAIN),
        text("a domain's devices", domains.parse_host_devices, PASSED),
        text("a domain, rewritten", lambda t: domains.rewrite_sources(t, macs, was, wanted), *cases, DOMAIN),
        text("a network", lambda t: networks.parse_network(t, active=True, persistent=True, autostart=True), *nat),
        text("a network's subnets", lambda t: networks.words_of(replace(named, document=t)), *nat),
        text("a network's reservations", networks.parse_reservations, HOST),
        text("a network's names", networks.parse_dns_names, HOST),
        text("a network's claims", networks.parse_claims, HOST),
        text("a network, compared", lambda t: networks.same_network(t, WANTED), *nat),
        text("a network, replaced", lambda t: networks.network_document("n", "br0", "u", was=t), *nat),
        text("a filter", lambda t: nwfilters.looks_at_ip("a", {"a": nwfilters.parse_nwfilter(t)}), FILTER),
        text("a port", lambda t: ports.parse_port(t, HOST), INTERFACE),
        text("a portgroup", lambda t: ports.parse_port(INTERFACE, t), HOST),
        text("an interface, moved", lambda t: interfaces.with_source(t, wanted), INTERFACE),
        text("an interface, unplugged", lambda t: interfaces.with_link_state(t, "down"), INTERFACE),
        text("an interface, tagged", interfaces.tags_vlan, INTERFACE),
    ]  # fmt: skip


def frame_readers() -> list[Reader]:
    lan = test_lan_probe
    probed = arp_probe.probe_frame(Mac("00:00:5e:00:53:01"), ip_address("192.0.2.3"))
    guests = (test_listen.arp(), test_listen.dhcp())
    return [
        Reader("frames of guests", guests, lambda frame: listen.parse_frame(frame, test_listen.MAC)),
        Reader("ARP", (probed,), lambda frame: arp_probe.who_has(frame, ip_address("192.0.2.3"))),
        Reader("DHCP offers", (lan.answer(),), lambda frame: lan_probe.offering_server(frame, lan.XID)),
    ]


def evidence_readers() -> list[Reader]:
    """What a support bundle makes of texts; only the time is of interest."""

    def cleaned(form: Form, content: str) -> str:
        return without_secrets_in(Evidence(name="x", how="", text=content, form=form), KnownSecrets(("abc",))).text

    texts = {
        Form.TEXT: LOG, Form.XML: DOMAIN, Form.JSON: '{"a": "password=abc"}', Form.JSON_LINES: '{"a": 1}\n["psk"]\n',
        Form.SETTINGS: "ipv4.method: auto\n802-1x.password: abc\n",
    }  # fmt: skip
    return [text(f"evidence, {form.name}", lambda t, form=form: cleaned(form, t), seed) for form, seed in texts.items()]  # type: ignore[misc]
