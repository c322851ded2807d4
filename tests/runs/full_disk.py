"""Run by test_full_disk.py in a mount namespace of its own: vmnet's run on a small filesystem that fills up at a step.

    python -m tests.runs.full_disk SMALL-DIRECTORY OTHER-DIRECTORY reserved|plain|restore

Prints JSON: for each step at which the disk was full from then on, what became of the run.
"""

from __future__ import annotations

import json
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from unittest import mock

from tests.runs.test_run import FACTS, PLAN, RecordingExecutor, add
from vmnet.errors import VmnetError
from vmnet.host.networkmanager import nmcli, profile_files
from vmnet.host.process import Output
from vmnet.plan import steps
from vmnet.runs.carry_out import carry_out
from vmnet.runs.records import journal as journals
from vmnet.runs.records.journal import Journal
from vmnet.runs.run import keep_room
from vmnet.runs.worker_files import Ending, record_of, write_ending

# So long that its journal needs more than the block that each file has.
LONG = replace(PLAN, planned=(PLAN.planned[0], *(add(f"p{number}") for number in range(60)), PLAN.planned[-1]))


def fill(directory: Path) -> None:
    """Write until nothing more fits, byte by byte in the end."""
    for name, size in (("large", 1 << 16), ("small", 1)):
        with suppress(OSError), (directory / name).open("ab", buffering=0) as file:
            while True:
                file.write(b"x" * size)


@dataclass
class Filling(RecordingExecutor):
    """Fills the disk when it takes its `full_at`th step."""

    small: Path = Path()
    full_at: int = 0
    seen: int = 0

    def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
        if self.seen == self.full_at:
            fill(self.small)
        self.seen += 1
        super().execute(step, undoing=undoing)


def run_at(small: Path, step: int, *, reserved: bool) -> tuple[str, list[str], list[str], bool]:
    """Return the run's state, the steps that were done and undone, and whether its end can be read."""
    for path in small.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    journal = Journal.create(LONG, FACTS, small / "runs")
    if reserved:
        keep_room(LONG, journal)
    executor = Filling(small=small, full_at=step)
    try:
        carry_out(LONG, executor, journal, lambda _: None)
        ending = Ending()
    except VmnetError as error:
        ending = Ending(error=record_of(error, "unit"))
    write_ending(journal, ending)
    return journal.state().value, executor.done, executor.undone, journal.place_of("ending.json").exists()


def restore(small: Path) -> str:
    """Put a profile back on the full disk; return its text."""
    profile, copies = small / "lan.nmconnection", small / "copies"
    copies.mkdir()
    (copies / "u.nmconnection").write_text("[connection]\nuuid=u\nid=lan\n")
    (copies / "u.json").write_text(
        json.dumps({"uuid": "u", "filename": str(profile), "mode": 0o600, "uid": 0, "gid": 0})
    )
    profile.write_text("[connection]\nuuid=u\nid=lan\nautoconnect=false\n")
    fill(small)
    # NetworkManager is asked where the profile's file is, and told to read it.
    with mock.patch.object(nmcli, "call", return_value=Output(exit_status=0, stdout="", stderr="")):
        profile_files.restore_profile("u", copies)
    return profile.read_text()


def main(small: Path, other: Path, how: str) -> None:
    """Print what became of it."""
    journals.SPARE = other / "spare" / "runs"
    if how == "restore":
        print(json.dumps(restore(small)))
    else:
        print(json.dumps([run_at(small, step, reserved=how == "reserved") for step in range(len(LONG.planned))]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
