"""The admin's word: which run waits for it, and from which connection it counts."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import TYPE_CHECKING

import pytest

from tests.runs.test_run import FACTS
from vmnet.errors import Refused, SpecError
from vmnet.facts import SshSession
from vmnet.plan import steps
from vmnet.plan.steps import Plan, Planned
from vmnet.runs.records.journal import Journal
from vmnet.runs.worker_files import Word, confirm, has_word

if TYPE_CHECKING:
    from pathlib import Path

PLAN = Plan(
    command="host-setup",
    planned=(
        Planned(step=steps.SetLink(ifname="bond0", up=True), why="a test"),
        Planned(step=steps.WaitConfirmation(timeout_s=120), why="a test"),
    ),
)
OLD = SshSession(peer=ip_address("192.0.2.7"), peer_port=50000, server=ip_address("192.0.2.3"))
NEW = replace(OLD, peer_port=50001)


def waiting(runs: Path) -> Journal:
    journal = Journal.create(PLAN, replace(FACTS, ssh=OLD), runs)
    journal.note("begin", 0)
    journal.note("done", 0)
    journal.note("begin", 1)
    return journal


def test_a_new_connection_confirms(tmp_path: Path) -> None:
    journal = waiting(tmp_path)
    assert not has_word(journal, Word.CONFIRMED)
    assert confirm(runs=tmp_path, ssh=NEW) == journal.run
    assert has_word(journal, Word.CONFIRMED)


def test_the_old_connection_proves_nothing(tmp_path: Path) -> None:
    journal = waiting(tmp_path)
    with pytest.raises(Refused, match="the connection that started the run"):
        confirm(journal.run, runs=tmp_path, ssh=OLD)
    assert not has_word(journal, Word.CONFIRMED)


def test_what_does_not_wait_cannot_be_confirmed(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="no run waits"):
        confirm(runs=tmp_path, ssh=NEW)
    journal = waiting(tmp_path)
    journal.note("undo", 0)
    with pytest.raises(SpecError, match="does not wait"):
        confirm(runs=tmp_path, ssh=NEW)
    with pytest.raises(SpecError, match="no run 'x'"):
        confirm("x", runs=tmp_path, ssh=NEW)
