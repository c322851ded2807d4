"""What is in a support bundle, and above all what is not."""

from __future__ import annotations

import io
import json
import shlex
import sys
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.sax.saxutils import quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import facts_samples as samples
from tests import schemas
from tests.runs.test_run import FACTS
from vmnet import fields
from vmnet.bundle import pack, write_bundle
from vmnet.errors import SpecError
from vmnet.facts import Answer, Probe, ProbeKind
from vmnet.facts.evidence import Evidence, Form
from vmnet.facts.surroundings import Unread
from vmnet.plan.steps import Plan, Planned, WaitAnswer
from vmnet.redact.documents import secrets_of_document
from vmnet.redact.known import KnownSecrets, secrets_of_keyfile
from vmnet.runs.records.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

STAMP = 1767323045
# Nothing that may stand in a bundle by itself: every secret has a letter of this alphabet that nothing else has.
MARK = "\u0416"
ASCII = st.characters(min_codepoint=32, max_codepoint=126)
SECRETS = st.text(ASCII, min_size=3, max_size=20).map(lambda text: f"q{text}{MARK}{text}q".strip())
SECRET_SETTINGS = (
    "802-11-wireless-security.psk", "802-1x.password", "802-1x.private-key-password", "vpn.secrets", "vpn.data",
    "wireguard.private-key", "gsm.password", "pppoe.password", "802-3-ethernet.wake-on-lan-password", "later.unknown",
    "macsec.mka-cak", "user.data",
)  # fmt: skip
SECRET_LINES = (
    "psk={}", "nmcli connection modify x 802-1x.password {} failed with exit status 4", "curl --password {}",
    "Authorization: Bearer {}", '{{"token": {}}}', "-object secret,id=vnc,data={}",
)  # fmt: skip


def contents(archive: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        assert {member.mode for member in tar} == {0o600}
        files = ((member.name, tar.extractfile(member)) for member in tar.getmembers())
        return {name.partition("/")[2]: file.read().decode() for name, file in files if file}


def packed(*shown: Evidence, unread: Iterable[Unread] = (), known: Iterable[str] = ()) -> dict[str, str]:
    archive, files = pack(shown, unread, KnownSecrets(known), hostname="host1", stamp=STAMP)
    found = contents(archive)
    assert list(found) == ["README.txt", *(file.name for file in files)]
    return found


def evidence(form: Form, text: str, name: str = "f") -> Evidence:
    return Evidence(name=name, how="by hand --now", text=text, form=form)


def test_each_file_says_how_it_was_made() -> None:
    found = packed(
        evidence(Form.TEXT, "a\n", "a.txt"),
        evidence(Form.SETTINGS, "ipv4.method: auto\n", "b.txt"),
        evidence(Form.XML, "<domain><name>web01</name></domain>", "c.xml"),
        evidence(Form.JSON_LINES, '{"a": 1}\n', "d.jsonl"),
        evidence(Form.JSON, '{"a": 1}', "e.json"),
    )
    assert found["a.txt"] == "# by hand --now\na\n"
    assert found["b.txt"] == "# by hand --now\nipv4.method: auto\n"
    assert found["c.xml"].startswith("<!-- by hand - -now -->\n<domain>")
    assert [json.loads(line) for line in found["d.jsonl"].splitlines()] == [{"made_by": "by hand --now"}, {"a": 1}]
    assert json.loads(found["e.json"]) == {"made_by": "by hand --now", "a": 1}
    for name in ("a.txt", "b.txt", "c.xml", "d.jsonl", "e.json"):
        assert f"{name}: by hand --now\n" in found["README.txt"]


def test_what_could_not_be_read_is_in_it() -> None:
    found = packed(unread=(Unread(what="commands/nft.txt", why="nft is not installed"),))
    assert found["not-read.txt"].endswith("commands/nft.txt: nft is not installed\n")
    assert "All could be read" in packed()["not-read.txt"]


def test_facts_follow_their_schema() -> None:
    raw = json.dumps({"schema": "vmnet/facts/1", "facts": fields.encode(samples.end_state())})
    schemas.check_text(packed(evidence(Form.JSON, raw, "facts.json"))["facts.json"])


def test_what_is_no_text_can_be_packed() -> None:
    assert "\\udcff" in packed(evidence(Form.TEXT, "a\udcff"))["f"]


def test_a_hostile_name_leads_nowhere_else_and_steers_no_terminal() -> None:
    found = Evidence(name="../..//.ssh/\x1b[2J\u202e", how="copy of \x9b\u2028", text="\x1b\udcff\x7f", form=Form.TEXT)
    archive, _ = pack([found], [Unread(what="\x9b", why="psk=HIDDEN")], KnownSecrets(), hostname="../h", stamp=STAMP)
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:gz") as tar:
        names = tar.getnames()
    assert all(name.isprintable() and name.isascii() and "/.." not in name for name in names)
    assert {name.count("/") for name in names} <= {2, 6}
    shown = "".join(contents(archive).values())
    assert shown.replace("\n", "").isprintable()
    assert "HIDDEN" not in shown


@pytest.mark.process
def test_the_command_of_a_runs_probe_is_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = "curl -sf -u me:HIDDEN https://192.0.2.1/ HIDDEN"
    answer = Answer(probe=Probe(kind=ProbeKind.COMMAND, target=command))
    plan = Plan(command="host-setup", planned=(Planned(step=WaitAnswer(probe=answer.probe, timeout_s=9), why=""),))
    journals = [Journal.create(plan, replace(FACTS, answers=(answer,)), tmp_path / "runs") for _ in range(7)]
    journals[-1].note("failed", 0, f"{shlex.join(shlex.split(command))} failed with exit status 22: no")
    # The journal of the system still has what a run said that is none of the last ones.
    journals[-1].write("report.txt", f"wait up to 9 s for {answer.probe} to answer".encode())
    monkeypatch.setattr(sys.modules[write_bundle.__module__], "list_runs", lambda: journals)
    write_bundle(str(tmp_path / "b.tar.gz"), uri="test:///default", version="1")
    found = contents((tmp_path / "b.tar.gz").read_bytes())
    assert any("/report.txt" in name for name in found)
    assert [name for name, text in found.items() if "HIDDEN" in text or "me:" in text] == []


def facts_with(secret: str) -> str:
    facts = samples.end_state()
    settings = (*facts.profiles[0].settings, *((key, secret) for key in SECRET_SETTINGS))
    profile = replace(facts.profiles[0], settings=settings)
    network = replace(facts.networks[0], document=f"<network><name>n</name><x a={quoteattr(secret)}/></network>")
    owner = f"--password {shlex.quote(secret)}"
    changed = replace(facts, profiles=(profile,), networks=(network,), rules=(owner,))
    return json.dumps(fields.encode(changed))


def domain_with(secret: str) -> str:
    value = quoteattr(secret)
    return (
        f"<domain xmlns:q='urn:q'><name>web01</name><devices><graphics type='vnc' passwd={value}/>"
        f"<disk><auth username='u'><secret usage={value}/></auth></disk></devices><q:arg value={value}/></domain>"
    )


@given(SECRETS)
def test_no_secret_that_was_planted_is_in_the_archive(secret: str) -> None:
    settings = "".join(f"{key}: {secret.encode('unicode_escape').decode()}\n" for key in SECRET_SETTINGS)
    quoted = [line.format(json.dumps(secret)) for line in SECRET_LINES]
    journal = "".join(json.dumps({"event": "failed", "text": line}) + "\n" for line in quoted)
    found = packed(
        evidence(Form.JSON, facts_with(secret), "facts.json"),
        evidence(Form.SETTINGS, settings, "profile.txt"),
        evidence(Form.XML, domain_with(secret), "domain.xml"),
        evidence(Form.JSON_LINES, journal, "journal.jsonl"),
        evidence(Form.TEXT, "\n".join(quoted), "report.txt"),
    )
    assert_absent(secret, found)


@given(SECRETS, st.text(st.sampled_from("abc =:'\"<>\n"), max_size=8), st.text(ASCII, max_size=8))
def test_what_the_host_keeps_secret_goes_wherever_it_stands(secret: str, before: str, after: str) -> None:
    keyfile = f"[wifi-security]\npsk={secret}\n"
    known = {*secrets_of_keyfile(keyfile), *secrets_of_document(domain_with(secret))}
    line = f"{before}{secret}{after}"
    found = packed(
        evidence(Form.TEXT, line),
        evidence(Form.JSON_LINES, json.dumps({"text": line, "more": ["a", line, {"deep": line}]}), "journal.jsonl"),
        evidence(Form.SETTINGS, f"connection.id: {secret}\n", "profile.txt"),
        evidence(Form.XML, f"<domain><name>{quoteattr(secret)[1:-1]}</name></domain>", "domain.xml"),
        known=known,
    )
    assert_absent(secret, found)


def assert_absent(secret: str, found: dict[str, str]) -> None:
    for name, text in found.items():
        assert secret not in text, name
        assert MARK not in text, name
        assert MARK.encode("unicode_escape").decode() not in text, name


@pytest.mark.parametrize("secret", ["hunter2", "sw0rdfish"])
def test_a_plain_word_goes_too_where_it_stands_for_a_secret(secret: str) -> None:
    known = secrets_of_document(domain_with(secret))
    found = packed(evidence(Form.XML, domain_with(secret), "d"), evidence(Form.TEXT, f"vnc {secret}"), known=known)
    assert all(secret not in text for text in found.values())


@pytest.mark.process
def test_this_machine_with_libvirts_own_test_driver(tmp_path: Path) -> None:
    file = tmp_path / "a b.tar.gz"
    bundle = write_bundle(str(file), uri="test:///default", version="1.2.3")
    found = contents(file.read_bytes())
    assert set(found) == {"README.txt", *(item.name for item in bundle.files)}
    assert bundle.size_bytes == file.stat().st_size
    assert file.stat().st_mode & 0o7777 == 0o600
    assert "vmnet: 1.2.3\n" in found["versions.txt"]
    # A machine without iproute2 says so.
    assert "LOOPBACK" in found.get("commands/ip-link.txt", "") or "commands/ip-link.txt: " in found["not-read.txt"]
    for name in ("facts.json", "verify.json", "doctor.json"):
        schemas.check_text(found[name])
    for item in bundle.unread:
        assert f"{item.what}: {item.why}\n" in found["not-read.txt"]
    with pytest.raises(SpecError):
        write_bundle(str(file), uri="test:///default", version="1.2.3")
