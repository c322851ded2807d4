"""A run's journal, read in whole and in part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.runs.records.journal import Journal, RunState

if TYPE_CHECKING:
    from pathlib import Path


def _journal(directory: Path) -> Journal:
    journal = Journal(directory)
    journal.note("opened", text="1")
    for index in range(3):
        journal.note("begin", index)
    journal.note("failed", 2, "what was to be committed is not: undone by hand")
    return journal


def test_a_text_that_names_an_event_is_none(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    assert [entry.step for entry in journal.entries("begin")] == [0, 1, 2]
    assert list(journal.entries("committed", "undone")) == []
    assert [entry.event for entry in journal.entries("failed", "begin")] == ["begin"] * 3 + ["failed"]
    assert journal.state() is RunState.OPEN
    journal.note("stopped")
    assert journal.state() is RunState.STOPPED


def test_the_last_line_is_the_last_whole_one(tmp_path: Path) -> None:
    journal = _journal(tmp_path)
    with (tmp_path / "journal.jsonl").open("a") as file:
        file.write('{"kind": "Entry", "event": "rolled-back"')
    last = journal.last()
    assert last is not None
    assert last.event == "failed"
    assert journal.state() is RunState.OPEN
    # What comes after it stands on a line of its own.
    journal.note("rolled-back")
    assert journal.state() is RunState.ROLLED_BACK


def test_an_empty_journal_is_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").touch()
    journal = Journal(tmp_path)
    assert journal.last() is None
    assert journal.state() is RunState.UNREADABLE
