"""Asking whether something answers, on loopback."""

from __future__ import annotations

import shlex
import socket
import sys
import threading
from ipaddress import ip_address

import pytest

from vmnet.errors import SpecError
from vmnet.facts import Probe, ProbeKind
from vmnet.host.lan import probes

LOOPBACK = ip_address("127.0.0.1")


def command(text: str) -> str:
    return probes.try_probe(Probe(kind=ProbeKind.COMMAND, target=text))


@pytest.mark.process
def test_a_command_answers_by_its_exit_status() -> None:
    python = shlex.quote(sys.executable)
    assert command(f"{python} -c pass") == ""
    assert "exit status 3" in command(f"{python} -c 'raise SystemExit(3)'")
    assert "not installed" in command("/nowhere/at-all")


@pytest.mark.parametrize("text", ["", "   ", "curl 'unclosed"])
def test_a_command_that_cannot_be_read(text: str) -> None:
    with pytest.raises(SpecError, match="probe"):
        command(text)


def test_no_probes_ask_nothing() -> None:
    assert probes.try_probes(()) == ()


def test_any_reply_of_a_name_server_counts() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))

        def refuse() -> None:
            query, peer = server.recvfrom(512)
            server.sendto(b"xx" + query[2:], peer)
            server.sendto(query[:2] + b"\x81\x05" + query[4:], peer)

        thread = threading.Thread(target=refuse)
        thread.start()
        assert probes.ask_name_server(LOOPBACK, server.getsockname()[1]) == ""
        thread.join()


def test_a_name_server_that_is_not_there() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "does not answer" in probes.ask_name_server(LOOPBACK, port)
