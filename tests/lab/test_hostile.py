"""Names and files that others make, on a real NetworkManager, kernel and libvirt: nothing of it ends a command."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .chamber import Chamber

if TYPE_CHECKING:
    from collections.abc import Iterator

READ = Path(__file__).with_name("hostile_profiles.py").read_text("utf-8")
FILES = "/etc/NetworkManager/system-connections"
NAMES = (
    "a\ntun\nb", "x\nconnection.uuid:u\n\nconnection.id:y", "c:d\\e", "x\u2028y\u0085z", "\n", "$(id);'\"#", "-dash",
    "e\x1b[31m\ttab", "n" * 230, "a/b",
)  # fmt: skip
LINKS = (
    'a"b', "a;b'c", "u\u2028v", "x\udcffy", "-j", "$(id)", "*?", '"q', "e\x1b[31m", "n\u0085z",
)  # fmt: skip
DOMAINS = ("web;touch x", "q'\"uote", "uni\u2028dom", "-dash", "&lt;!DOCTYPE", "9" * 200)
COMMANDS = (
    "status", "status --all", "status --output json", "status --output dot", "verify", "verify --output json", "doctor",
    "doctor --output json", "runs", "undo --plan", "host-setup uplink --plan", "migrate-from-virbr0 --plan",
)  # fmt: skip
SESSIONS = "/home/eve/.config/libvirt/qemu"
BAD = {
    "folder.xml": "mkdir", "fifo.xml": "mkfifo", "zero.xml": "ln -s /dev/zero", "dangling.xml": "ln -s /nowhere",
    "sparse.xml": "truncate -s 1T",
}  # fmt: skip


@pytest.fixture(scope="module")
def hostile(request: pytest.FixtureRequest) -> Iterator[Chamber]:
    """A chamber of its own, with NetworkManager: what is made in it goes with it."""
    with Chamber(request.config.getoption("--lab-release")) as chamber:
        chamber.start_network_manager()
        yield chamber


def uuid_of(number: int) -> str:
    return f"99999999-0000-4000-8000-{number:012}"


def test_profiles_are_read_and_copied_whatever_they_are_called(hostile: Chamber) -> None:
    for number, name in enumerate(NAMES):
        add = ["nmcli", "connection", "add", "type", "ethernet", "ifname", "dx", "autoconnect", "no", "con-name", name]
        hostile.run([*add, "connection.uuid", uuid_of(number), "connection.zone", "z:\\"])
    odd = uuid_of(len(NAMES))
    keyfile = f"[connection]\nid=odd\nuuid={odd}\ntype=ethernet\nautoconnect=false\n"
    hostile.run(["tee", f"{FILES}/o\udcffdd.nmconnection"], stdin=keyfile)
    hostile.run(f"chmod 600 {FILES}/*; nmcli connection reload")
    seen = json.loads(hostile.run(["python3", "-c", READ]).stdout)
    for number, name in enumerate(NAMES):
        settings = seen["profiles"][uuid_of(number)]
        assert (settings["connection.id"], settings["connection.zone"]) == (name, "z:\\")
        one = ["nmcli", "-e", "no", "-g", "connection.id", "connection", "show", "uuid", uuid_of(number)]
        assert hostile.run(one).stdout == f"{name}\n"
    for number in range(len(NAMES) + 1):
        copied = base64.b64decode(seen["copies"][f"profiles/{uuid_of(number)}.nmconnection"]).decode()
        saved = hostile.run(f"grep -lZ uuid={uuid_of(number)} -r {FILES} | xargs -0 cat").stdout
        assert copied == saved != ""


def make_hostile(chamber: Chamber) -> None:
    for name in LINKS:
        chamber.run(["ip", "link", "add", "name", name, "type", "bridge"])
        chamber.run(["ip", "link", "set", "dev", name, "up"])
    for name in DOMAINS:
        xml = (
            f"<domain type='qemu'><name>{name}</name><memory>16384</memory><os><type arch='x86_64'>hvm</type></os>"
            f"<metadata><x:y xmlns:x='u:x'>{name}</x:y></metadata><devices><interface type='bridge'>"
            "<source bridge='a&quot;b'/></interface></devices></domain>"
        )
        chamber.run(["virsh", "-q", "define", "/dev/stdin"], stdin=xml)
    rule = ["iptables", "-A", "FORWARD", "-i"]
    chamber.run([*rule, 'a"b', "-m", "comment", "--comment", 'two\nlines -j "x" \\', "-j", "ACCEPT"])
    chamber.run([*rule, '"q', "-o", "-j", "-j", "DROP"])
    chamber.run(["sh", "-c", f"useradd -m -u 1500 eve; mkdir -p {SESSIONS}"])
    chamber.run([*["sh", "-c"], f"cd {SESSIONS}; " + "; ".join(f"{how} {name}" for name, how in BAD.items())])
    chamber.run(["chown", "-hR", "eve:", "/home/eve"])


def test_no_name_and_no_file_ends_a_command(hostile: Chamber) -> None:
    make_hostile(hostile)
    for words in COMMANDS:
        ended = hostile.vmnet(*words.split(), check=False, timeout=60)
        assert ended.returncode in (0, 2, 3, 6), ended.describe()
        assert "a bug in vmnet" not in ended.stdout + ended.stderr, ended.describe()
    said = hostile.vmnet("doctor", check=False).stdout
    for name in BAD:
        assert f"not read: {SESSIONS}/{name}" in said
    for source in ("forwarding databases", "firewall rules", "multicast groups"):
        assert f"not read: {source}" not in said
    nodes = json.loads(hostile.vmnet("status", "--output", "json").stdout)["nodes"]
    assert set(LINKS) <= {node["name"] for node in nodes}
