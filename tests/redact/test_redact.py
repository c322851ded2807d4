"""Documents, settings, JSON, and what a host is known to keep secret."""

from __future__ import annotations

import json
import shlex
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import facts_samples as samples
from vmnet import fields
from vmnet.facts import Facts, Probe, ProbeKind
from vmnet.facts.evidence import Evidence, Form
from vmnet.plan import steps
from vmnet.redact.documents import document_without_secrets, secrets_of_document
from vmnet.redact.known import KnownSecrets, secrets_of_keyfile
from vmnet.redact.settings import is_setting, setting_without_secrets
from vmnet.redact.values import secrets_of_lines, without_secrets_in
from vmnet.redact.words import REMOVED

ROOT = Path(__file__).parents[2]
NOTHING = KnownSecrets()
DOMAIN = """\
<domain type='kvm' id='3' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>web01</name><uuid>00000000-0000-4000-8000-000000000001</uuid>
  <title>HIDDEN</title><description>HIDDEN</description><!-- HIDDEN -->
  <metadata><app:x xmlns:app='urn:x' token='HIDDEN'>HIDDEN</app:x></metadata>
  <memory unit='KiB'>131072</memory><vcpu placement='static'>1</vcpu>
  <sysinfo type='smbios'><oemStrings><entry>HIDDEN</entry></oemStrings></sysinfo>
  <os><type arch='x86_64' machine='q35'>hvm</type><cmdline>pw=HIDDEN</cmdline><boot dev='hd'/></os>
  <devices>HIDDEN
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='network'><auth username='HIDDEN'><secret type='iscsi' usage='HIDDEN'/></auth>
      <encryption format='luks'><secret type='passphrase' uuid='HIDDEN'/></encryption></disk>
    <interface type='network'>
      <mac address='52:54:00:00:53:11'/><source network='default' portid='x' bridge='virbr0'/><target dev='vnet0'/>
      <model type='virtio'/><filterref filter='clean'><parameter name='IP' value='192.0.2.7'/></filterref>
      <virtualport type='openvswitch'><parameters interfaceid='0'/></virtualport><link state='up'/>
      <address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>
      <later secret='HIDDEN'>HIDDEN</later>
    </interface>
    <graphics type='vnc' port='5900' autoport='yes' listen='127.0.0.1' passwd='HIDDEN' passwdValidTo='HIDDEN'/>
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0' state='connected'/></channel>
  </devices>HIDDEN
  <qemu:commandline><qemu:arg value='secret,data=HIDDEN'/></qemu:commandline>
</domain>"""


def test_of_a_document_only_what_is_known_to_be_harmless_stays() -> None:
    said = document_without_secrets(DOMAIN)
    assert "HIDDEN" not in said
    for kept in ("web01", "52:54:00:00:53:11", "network=\"default\"", "vnet0", "5900", "192.0.2.7", "connected", "q35",
                 "openvswitch", "function=\"0x0\"", "qemu-system-x86_64"):  # fmt: skip
        assert kept in said, kept
    for named in ("domain/metadata", "domain/commandline", "devices/disk", "graphics/@passwd", "interface/later"):
        assert named in said, named


def test_our_own_documents_stay_as_they_are() -> None:
    for path in (ROOT / "xml").glob("*.xml"):
        text = path.read_text("utf-8")
        document = text[text.index("<network" if "<network" in text else "<interface") :]
        assert "removed" not in document_without_secrets(document)


@pytest.mark.parametrize("text", ["", "<", "<secret>x</secret>", "<domain>", "no document", "<a/>"])
def test_what_is_no_document_is_removed_whole(text: str) -> None:
    assert document_without_secrets(text) == REMOVED


def test_a_document_tells_its_secrets() -> None:
    xml = "<domain><devices><graphics passwd='p1'/></devices><x><password>p2</password><y psk='p3'/></x></domain>"
    assert set(secrets_of_document(xml)) == {"p1", "p2", "p3"}
    assert list(secrets_of_document("<")) == []


@pytest.mark.parametrize(
    ("key", "stays"),
    [
        ("ipv4.addresses", True), ("connection.interface-name", True), ("bond.options", True),
        ("ethtool.ring-rx", True),
        ("802-11-wireless.ssid", True), ("802-11-wireless-security.psk", False), ("802-1x.identity", False),
        ("vpn.data", False), ("vpn.secrets", False), ("wireguard.private-key", False), ("gsm.number", False),
        ("802-3-ethernet.wake-on-lan-password", False), ("user.data", False), ("later.setting", False),
        ("connection.later", False), ("wireguard.peers", False), ("macsec.mka-cak", False),
    ],
)  # fmt: skip
def test_of_settings_too(key: str, stays: bool) -> None:
    assert is_setting(key)
    assert setting_without_secrets(key, "value") == ("value" if stays else REMOVED)
    assert setting_without_secrets(key, "") == ""


def test_the_settings_that_host_setup_writes_stay() -> None:
    for profile in samples.end_state().profiles:
        for key, value in profile.settings:
            assert setting_without_secrets(key, value) == value, key


def cleansed(text: str, form: Form, known: KnownSecrets = NOTHING) -> str:
    return without_secrets_in(Evidence(name="f", how="by hand", text=text, form=form), known).text


def test_facts_stay_facts() -> None:
    facts = samples.end_state()
    read = json.loads(cleansed(json.dumps(fields.encode(facts)), Form.JSON))
    assert read.pop("machine_id") == REMOVED
    again = fields.decode(Facts, {**read, "machine_id": facts.machine_id})
    assert again.links == facts.links
    assert again.profiles == facts.profiles
    assert [domain.name for domain in again.domains] == [domain.name for domain in facts.domains]


def test_values_in_json() -> None:
    raw = {
        "settings": [["ipv4.method", "auto"], ["802-1x.password", "HIDDEN"], ["later.key", "HIDDEN"]],
        "argv": ["nmcli", "connection", "modify", "x", "wifi-sec.psk", "HIDDEN", "--password", "HIDDEN", "on"],
        "profiles": [["em1.5", "00000000-0000-4000-8000-000000000001"]],
        "proof": [["MTU", "1500"], ["token", "HIDDEN"]],
        "document": "<interface type='bridge'><source bridge='br0' token='HIDDEN'/></interface>",
        "text": "psk=HIDDEN",
        "psk": {"a": "HIDDEN"},
        "number": 5, "nothing": None,
    }  # fmt: skip
    said = cleansed(json.dumps(raw), Form.JSON)
    assert "HIDDEN" not in said
    read = json.loads(said)
    assert read["settings"][0] == ["ipv4.method", "auto"]
    assert read["argv"][-1] == "on"
    assert (read["profiles"], read["proof"][0]) == (raw["profiles"], ["MTU", "1500"])
    assert (read["number"], read["nothing"]) == (5, None)


PROBE = "curl -sf -u me:HIDDEN 'https://192.0.2.1/a b' --later HIDDEN"


def test_the_command_of_a_probe_goes_wherever_it_stands() -> None:
    probe = Probe(kind=ProbeKind.COMMAND, target=PROBE)
    plan = fields.encode(steps.WaitAnswer(probe=probe, timeout_s=30))
    quoted = "curl -sf -u me:HIDDEN 'https://192.0.2.1/a b' --later HIDDEN"
    ending = {"kind": "ToolError", "argv": shlex.split(PROBE), "message": f"{quoted} failed with exit status 22: no"}
    lines = f"{json.dumps(plan)}\n{json.dumps(ending)}\n"
    known = KnownSecrets(secrets_of_lines(lines))
    said = cleansed(lines, Form.JSON_LINES, known)
    assert "HIDDEN" not in said
    assert "me:" not in said
    first, second = map(json.loads, said.splitlines())
    assert first["probe"] == {"kind": "command", "target": REMOVED}
    assert second == {"kind": "ToolError", "argv": [REMOVED], "message": f"{REMOVED} failed with exit status 22: no"}
    # As reports tell it; a table breaks it into lines.
    broken = PROBE.replace(" ", "\n      ")
    for text in (f"wait up to 30 s for {probe} to answer\n", f"wait for command {broken}\n"):
        assert "HIDDEN" not in cleansed(text, Form.TEXT, known)
    other = json.dumps(fields.encode(Probe(kind=ProbeKind.DNS, target="192.0.2.53")))
    assert json.loads(cleansed(other, Form.JSON)) == json.loads(other)


@given(st.sampled_from(Form), st.text(st.characters(blacklist_categories=()), max_size=40))
def test_nothing_in_it_steers_a_terminal(form: Form, text: str) -> None:
    whole = (
        json.dumps({text: text}) if form in (Form.JSON, Form.JSON_LINES) else f"<domain><name>x</name>{text}</domain>"
    )
    for given_text in (text, whole, f"ipv4.method: {text}"):
        said = cleansed(given_text, form).replace("\n", "").replace("\t", "")
        assert said.isprintable()


def test_a_line_that_a_crash_cut_short_is_removed() -> None:
    lines = cleansed('{"text": "a"}\n{"text": "psk=HID', Form.JSON_LINES).splitlines()
    assert [json.loads(line) for line in lines] == [{"text": "a"}, f"{REMOVED}: not JSON"]


def test_a_value_that_goes_over_lines_is_no_way_out() -> None:
    said = cleansed("ipv4.method: auto\nvpn.data: a\\nHIDDEN\nconnection.id: it's: me\n", Form.SETTINGS)
    assert said == f"ipv4.method: auto\nvpn.data: {REMOVED}\nconnection.id: it's: me\n"


KEYFILE = """\
[connection]
id=wifi
[wifi-security]
key-mgmt=wpa-psk
psk=top\\sse\\\\cret
psk-flags=0
[vpn]
user=me
[vpn-secrets]
anything=vpnsecret
[wireguard-peer.AAAA]
preshared-key=wgsecret
[802-1x]
password=short
private-key-password = spaced out
"""


def test_a_keyfile_tells_its_secrets() -> None:
    found = set(secrets_of_keyfile(KEYFILE))
    assert {"top se\\cret", "vpnsecret", "wgsecret", "short", "spaced out"} <= found
    assert not found & {"0", "wifi", "wpa-psk", "me"}


@pytest.mark.parametrize("secret", ['a"b\\c', "a&b<c>'d", "gr\u00fc\u00dfe!", "with space", "a:b:c'd\"e"])
def test_known_secrets_go_in_every_form(secret: str) -> None:
    known = KnownSecrets([secret])
    for text in (secret, json.dumps({"x": secret}), json.dumps({"x": secret}, ensure_ascii=False)):
        assert known.removed_from(f"a {text} b") != f"a {text} b"
    assert secret not in json.loads(cleansed(json.dumps({"x": f"was {secret}!"}), Form.JSON, known))["x"]
    assert json.dumps(secret)[1:-1] not in known.removed_from(json.dumps(secret))


def test_short_ones_do_not_take_everything_along() -> None:
    known = KnownSecrets(["a", "", "  ", "abcd"])
    assert known.removed_from("a b abcd abcde") == f"a b {REMOVED} {REMOVED}e"
    assert KnownSecrets().removed_from("a") == "a"


@given(
    st.lists(st.text(st.sampled_from("ab.*\\"), min_size=4, max_size=8), max_size=12),
    st.text(st.sampled_from("cd "), max_size=6),
)
def test_all_of_many_go_and_nothing_else(secrets: list[str], text: str) -> None:
    known = KnownSecrets(secrets)
    assert known.removed_from(text) == text
    for secret in (secret for secret in secrets if len(secret.strip()) >= 4):
        assert known.removed_from(f"x{secret}") == f"x{REMOVED}"


def test_those_of_a_thousand_domains_take_no_time() -> None:
    known = KnownSecrets(f"{number * 7919:x}-secret-{number}" for number in range(1000))
    text = "one two three 0123456789abcdef " * 30_000
    began = time.process_time()
    assert known.removed_from(text) == text
    assert time.process_time() - began < 5
