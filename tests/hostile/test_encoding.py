"""A locale whose encoding lacks the letters of a name ends no command, and damages nothing that a program reads."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.process

NAME = "\u2603\U0001f600\u009b\u202e\u00fc"
HOST = f"""<node>
  <network><name>{NAME}</name><bridge name='virbr0'/><ip address='203.0.113.1' netmask='255.255.255.0'/></network>
  <domain type='test'><name>{NAME}</name><memory>1</memory><os><type>hvm</type></os><devices>
    <interface type='network'><mac address='52:54:00:00:53:11'/><source network='{NAME}'/></interface>
  </devices></domain>
</node>"""
LOCALES = {
    "latin-1": {"LC_ALL": "POSIX", "PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "ascii": {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
}
COMMANDS = (
    ("status", "--all"), ("status", "--output", "json"), ("status", "--output", "dot"), ("doctor", "--path", NAME),
    ("verify",), ("verify", "--output", "junit"), ("doctor",), ("doctor", "--output", "json"), ("runs", NAME), (NAME,),
    ("attach-domain", NAME, "--network", NAME, "--plan"), ("host-setup", f"em1{NAME}", "--plan"),
    ("migrate-from-virbr0", "--from", NAME, "--to", NAME, "--plan"),
)  # fmt: skip


def run(folder: Path, locale: str, *words: str, before: list[str] | None = None) -> subprocess.CompletedProcess[bytes]:
    path = folder / "host.xml"
    path.write_text(HOST, encoding="utf-8")
    connect = () if words[0] in ("runs", NAME) else ("--connect", f"test://{path}")
    return subprocess.run(
        [os.fsencode(word) for word in (*(before or []), sys.executable, "-m", "vmnet", *words, *connect)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": os.environ.get("PYTHONPATH", ""), **LOCALES[locale]},
        cwd=Path(__file__).parents[2],
        check=False,
        capture_output=True,
        timeout=60,
    )


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words).replace(NAME, "NAME"))
@pytest.mark.parametrize("locale", LOCALES)
def test_no_name_ends_a_command(tmp_path: Path, locale: str, words: tuple[str, ...]) -> None:
    ended = run(tmp_path, locale, *words)
    said = ended.stdout.decode("utf-8" if "--output" in words else "latin-1")
    assert ended.returncode != 1, ended.stderr.decode("latin-1")
    assert b"Traceback" not in ended.stderr
    if "json" in words:
        json.loads(said)
        assert said.isascii()
    # What was typed is what libvirt has.
    if words[0] == "attach-domain":
        assert ended.returncode == 0, ended.stderr.decode()
    if words[0] == "status":
        assert "\u2603" in said if "dot" in words else "\\u2603" in said


@pytest.mark.parametrize("locale", LOCALES)
def test_files_are_written_all_the_same(tmp_path: Path, locale: str) -> None:
    bundle = tmp_path / f"{NAME}.tar.gz"
    assert run(tmp_path, locale, "support-bundle", str(bundle)).returncode == 0
    assert bundle.stat().st_size > 0


@pytest.mark.parametrize("locale", LOCALES)
def test_links_may_have_such_names(tmp_path: Path, locale: str) -> None:
    make = (
        'ip link add name \u2603 type veth peer name \'\u2603"\' && ip link add name \u2603br type bridge && exec "$@"'
    )
    inside = ["unshare", "--map-root-user", "--net", "sh", "-c", make, "sh"]
    if subprocess.run([*inside, "true"], check=False, capture_output=True, timeout=30).returncode:
        pytest.skip("no namespace, or no ip, on this machine")
    ended = run(tmp_path, locale, "status", "--all", before=inside)
    assert ended.returncode == 0, ended.stderr.decode()
    assert b"\\u2603br" in ended.stdout
