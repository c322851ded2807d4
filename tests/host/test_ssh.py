"""The SSH session, by the environment or by that of an ancestor."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from tests.host.machine import lay_out
from vmnet.facts import SshSession
from vmnet.host.files.ssh import parse_parent, parse_ssh_connection, read_ssh_session

if TYPE_CHECKING:
    from pathlib import Path

TEXT = "192.0.2.7 40000 192.0.2.3 22"
SESSION = SshSession(peer=ipaddress.ip_address("192.0.2.7"), peer_port=40000, server=ipaddress.ip_address("192.0.2.3"))
CONNECTED = (
    "   0: 030200C0:0016 070200C0:9C40 01 00000000:00000000 00:0000 00000000     0        0 1 1 0 20 4 30 10 -1\n"
)
ANOTHER = CONNECTED.replace("9C40", "9C41")
FAMILY = {
    "proc/30/stat": "30 (python3) S 20 30 20",
    "proc/20/stat": "20 (sudo (env) x) S 10 20 20",
    "proc/20/environ": "TERM=xterm\0",
    "proc/10/stat": "10 (bash) S 1 10 10",
    "proc/10/environ": f"TERM=xterm\0SSH_CONNECTION={TEXT}\0LANG=C.UTF-8\0",
}


def test_our_own_environment(tmp_path: Path) -> None:
    assert read_ssh_session({"SSH_CONNECTION": TEXT}, 30, tmp_path) == SESSION


def test_below_sudo_the_nearest_ancestor_knows(tmp_path: Path) -> None:
    assert read_ssh_session({}, 30, lay_out(tmp_path, FAMILY)) == SESSION


def test_no_ancestor_knows(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {name: text for name, text in FAMILY.items() if name != "proc/10/environ"})
    assert read_ssh_session({}, 30, root) is None
    assert read_ssh_session({}, 99, root) is None


@pytest.mark.parametrize(("tcp", "found"), [(CONNECTED, SESSION), (ANOTHER, None)])
def test_a_session_that_is_over_is_none(tmp_path: Path, tcp: str, found: SshSession | None) -> None:
    assert read_ssh_session({"SSH_CONNECTION": TEXT}, 30, lay_out(tmp_path, {"proc/net/tcp": tcp})) == found


@pytest.mark.parametrize("text", ["", "192.0.2.7 40000 192.0.2.3", "a 1 b 2", "192.0.2.7 x 192.0.2.3 22"])
def test_other_text_is_no_session(text: str) -> None:
    assert parse_ssh_connection(text) is None


def test_a_link_local_session() -> None:
    session = parse_ssh_connection("fe80::7%em1 40000 fe80::3%em1 22")
    assert session is not None
    assert (str(session.peer), str(session.server)) == ("fe80::7", "fe80::3")


def test_a_process_name_may_hold_anything() -> None:
    assert parse_parent("20 (a) S 3 (b) S 10 20") == 10
    assert parse_parent("") is None
