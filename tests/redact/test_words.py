"""What looks like a secret in plain text, and what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vmnet.redact.words import REMOVED, is_secret_name, without_secrets

S = "Zb7-q!x9"
LETTERS = st.characters(min_codepoint=33, max_codepoint=126)
SECRET = st.text(LETTERS, min_size=6, max_size=24)

PLACES = [
    "psk={}",
    "psk: {}",
    "802-11-wireless-security.psk:{}",
    "wifi-sec.psk {}",
    "nmcli connection modify x wifi-sec.psk {} failed",
    "nmcli connection modify x 802-1x.password {}",
    "curl --password {} https://192.0.2.1/",
    "curl --proxy-password={}",
    "export MY_TOKEN={}",
    "ANSIBLE_VAULT_PASSWORD={}",
    "Authorization: Bearer {}",
    "authorization: basic {}",
    "Proxy-Authorization: {}",
    "api-key: {}",
    "private-key={}",
    "preshared-key = {}",
    "wep-key0={}",
    "-object secret,id=vnc,data={}",
    "gsm.pin: {}",
    "session_cookie={}",
    "key={}",
    "pwd={}",
    "pw: {}",
    "pass={}",
    "auth={}",
    "DB_PWD={}",
    "rootpw={}",
    "apikey={}",
    "X-Api-Key: {}",
    "https://192.0.2.1/?q=1&key={}",
    "sshpass -p {} ssh host1",
    "curl -u me:{} https://192.0.2.1/",
    "curl --user me:{}",
    "curl --oauth2-bearer x --token {}",
    "curl -H 'Authorization: Digest username=me, response={}'",
    "Cookie: a=b; c={}",
    "AWS_ACCESS_KEY_ID={}",
]
QUOTED = [
    '{{"psk": "{}", "ssid": "lan"}}',
    'said: {{\\"psk\\": \\"{}\\"}}',
    "['curl', '--password', '{}']",
    "<secret usage='{}'",
    "graphics type='vnc' passwd='{}'",
    '<graphics passwd="{}"/>',
    "<secret>{}</secret>",
    "<secret type='iscsi' usage='{}'/>",
    "<auth username='u'><x y='{}'/></auth> kept",
    "<password>{}",
]
KEPT = [
    "<info> [1767323045.1234] device (em1): state change: ip-check -> activated (reason 'none')",
    "8: br0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP mode DEFAULT group default qlen 1000",
    "    link/ether 00:00:5e:00:53:01 brd ff:ff:ff:ff:ff:ff promiscuity 0",
    "audit: op=connection-update uuid=8f4e0c1a-0c67-4a14-b4f1-c4a1ec2cf2b9 name=br0 result=success",
    "run 20260102T030405Z-migrate-from-virbr0, vmnet-20260102T030405Z-migrate-from-virbr0.service",
    "/org/freedesktop/NetworkManager/Checkpoint/12",
    "spinning keyboard monkeys author mapping pinned",
    "table inet filter { chain input { type filter hook input priority filter; policy drop; } }",
    "https://192.0.2.1/a@b",
    "wlp2s0: secrets were required, but not provided",
    "    Actor Churned Count: 0\ndetails actor lacp pdu:\n    port key: 15\n    system priority: 65535",
    "-A FORWARD -p tcp -m tcp --dport 22 -j ACCEPT",
    "-p IPv4 -i vnet0 -j DROP",
    "ssh -p 2222 host1",
    "journalctl -u NetworkManager -n 3000",
    "key-mgmt: wpa-psk",
    "public-key: in the peer",
    "xmit_hash_policy=layer3+4 lacp_rate=fast",
]


@pytest.mark.parametrize("place", [*PLACES, *QUOTED])
def test_what_stands_where_secrets_stand_is_removed(place: str) -> None:
    said = without_secrets(place.format(S))
    assert S not in said
    assert REMOVED in said


@pytest.mark.parametrize("text", KEPT)
def test_what_a_helper_needs_stays(text: str) -> None:
    assert without_secrets(text) == text


@pytest.mark.parametrize(
    "token",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbU",
        "ghp_" + "a1B2" * 9,
        "glpat-" + "x9Y" * 8,
        "qL3b0z9b8cX0o4xW1Y2m3N4p5Q6r7S8t9U0v1W2x3Ys=",
        "aB3" * 12,
    ],
)
def test_tokens_and_keys_are_removed_wherever_they_stand(token: str) -> None:
    assert token not in without_secrets(f"got {token} from there")
    assert token not in without_secrets(f"url?x={token}")


def test_a_private_key_is_removed_with_all_its_lines() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nabc\ndef\n-----END RSA PRIVATE KEY-----"
    assert without_secrets(f"a\n{key}\nb") == f"a\n{REMOVED}\nb"
    assert without_secrets(f"a\n{key[:40]}") == f"a\n{REMOVED}"


def test_user_and_password_of_a_url() -> None:
    assert without_secrets("iscsi://me:hunter2@192.0.2.1/t") == f"iscsi://{REMOVED}@192.0.2.1/t"


@given(SECRET, st.sampled_from(PLACES))
def test_no_secret_without_spaces_stays(secret: str, place: str) -> None:
    assert secret not in without_secrets(place.format(secret)).replace(REMOVED, "").replace(place.format(""), "")


@given(st.text(max_size=300))
def test_any_text_comes_out(text: str) -> None:
    assert isinstance(without_secrets(text), str)


def test_a_long_line_takes_no_time() -> None:
    assert len(without_secrets("a.-_" * 50_000)) == 200_000


@pytest.mark.parametrize(
    ("name", "secret"),
    [
        ("psk", True), ("802-1x.password", True), ("802-1x.private-key-password", True), ("leap-password", True),
        ("wireguard.private-key", True), ("passwd", True), ("wake-on-lan-password", True), ("gsm.pin", True),
        ("macsec.mka-cak", True), ("wep-key0", True), ("api_token", True), ("ipv4.method", False),
        ("connection.autoconnect-ports", False), ("mapping", False), ("author", False), ("key", True), ("pw", True),
        ("pwd", True), ("MYSQL_PWD", True), ("pass", True), ("auth", True), ("apikey", True), ("sshkey2", True),
        ("otp", True), ("keymap", False), ("key-mgmt", False), ("public-key", False), ("passive", False),
        ("compass-point", False), ("signal", False),
    ],
)  # fmt: skip
def test_names(name: str, secret: bool) -> None:
    assert is_secret_name(name) is secret
