"""``scripts/test --matrix``: every cell of the kill matrix, in a lab for each release and kind of fault, side by side.

    python -m tests.lab.matrix_cli try RELEASE kills     the cells that were not tried yet on this very vmnet
    python -m tests.lab.matrix_cli try RELEASE breaks    those in which the network breaks
    python -m tests.lab.matrix_cli try RELEASE disks     those in which a disk fills up, or turns read-only
    python -m tests.lab.matrix_cli try RELEASE many      the kills again, while a file makes several bridges
    python -m tests.lab.matrix_cli table                 what came of them; exit code 1 unless all were tried and hold

Each cell's outcome is a line in logs/matrix-RELEASE-KIND.jsonl, so that it can be interrupted and taken up again.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import LabError
from .faults import BREAK_EVERY, BREAKS, DISKS, FAULTS, KILLS
from .machine import Lab
from .matrix import Cell, Matrix, Outcome
from .progress import say
from .recipe import RELEASES
from .starts import Starts

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).parents[2]
KINDS = {"kills": KILLS, "breaks": BREAKS, "disks": DISKS, "many": KILLS}
ONE_BRIDGE = ("kills", "breaks", "disks")
_MARKS = {"start": "s", "goal": "g"}


_SAYS = ("bundle.py", "checks", "cli", "drawing.py", "redact", "report")
"""Parts that read and tell: what becomes of the host does not depend on them."""


def package_hash() -> str:
    """Return what tells one vmnet from another: a hash of the modules and documents that plan and change."""
    files = [path for top in ("vmnet", "xml") for path in sorted((ROOT / top).rglob("*.*")) if path.suffix != ".pyc"]
    digest = hashlib.sha256()
    for path in files:
        if path.relative_to(ROOT).parts[1] in _SAYS:
            continue
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]


def log_of(release: str, kind: str) -> Path:
    """Return the file that holds a release's outcomes of a kind of fault."""
    return ROOT / "logs" / f"matrix-{release}-{kind}.jsonl"


def read_log(release: str, *kinds: str) -> list[dict[str, Any]]:
    """Return the outcomes of this very vmnet, those of a kind oldest first."""
    paths = [path for path in (log_of(release, kind) for kind in kinds) if path.exists()]
    records = [json.loads(line) for path in paths for line in path.read_text("utf-8").splitlines()]
    return [record for record in records if record["vmnet"] == package_hash()]


def try_all(release: str, kind: str) -> None:
    """Try every cell of a kind that has no outcome yet."""
    log_of(release, kind).parent.mkdir(exist_ok=True)
    tried = {record["cell"] for record in read_log(release, kind)}
    lab = Lab(f"matrix-{release}-{kind}", release)
    lab.up()
    try:
        matrix = Matrix(lab, Starts(lab), many=kind == "many")
        versions = lab.run("nmcli --version; virsh --version; uname -r").stdout.split("\n")
        # Step by step through all faults: what is interrupted has seen all of them.
        cells = [cell for cell in matrix.cells() if cell.fault in KINDS[kind]]
        todo = sorted((cell for cell in cells if cell.name not in tried), key=lambda cell: cell.step)
        say(f"{release}, {kind}: {len(todo)} of {len(cells)} cells are left")
        for cell in todo:
            _write(log_of(release, kind), cell, _try(matrix, cell), matrix.static.steps, versions)
    finally:
        lab.down()


def _try(matrix: Matrix, cell: Cell) -> Outcome:
    try:
        return matrix.try_cell(cell, keep=True)
    except LabError as error:
        return Outcome(seen="lost", seconds=0, detail=f"{error.message} {error.hint}")


def _write(log: Path, cell: Cell, outcome: Outcome, steps: int, versions: Iterable[str]) -> None:
    record = {
        "cell": cell.name,
        "seen": outcome.seen,
        "holds": outcome.holds,
        "seconds": round(outcome.seconds),
        "detail": outcome.detail,
        "steps": steps,
        "vmnet": package_hash(),
        "date": time.strftime("%Y-%m-%d"),
        "versions": [version for version in versions if version],
    }
    with log.open("a") as file:
        file.write(json.dumps(record) + "\n")
    say(f"{log.stem}: {cell.name}: {outcome.seen}{'' if outcome.holds else f' FAILED: {outcome.detail}'}")


def table() -> bool:
    """Print what came of the cells, a row for each fault; return whether all were tried and all hold."""
    whole = True
    for release, kinds in ((release, kinds) for kinds in (ONE_BRIDGE, ("many",)) for release in RELEASES):
        records = {record["cell"]: record for record in read_log(release, *kinds)}
        steps = max((record["steps"] for record in records.values()), default=0)
        last = next(reversed(records.values()), None)
        about = f", {', '.join(last['versions'])}, last tried {last['date']}" if last else ""
        faults = [fault for fault in FAULTS if any(fault in KINDS[kind] for kind in kinds)]
        rows = {fault: [_mark(fault, number, records) for number in range(1, steps + 1)] for fault in faults}
        planned = [mark for row in rows.values() for mark in row if mark != " "]
        whole = whole and bool(planned) and set(planned) <= set(_MARKS.values())
        print(f"{release}, {' '.join(kinds)}: {len(records)} of {len(planned)} cells{about}")
        for fault, row in rows.items():
            print(f"  {fault:<13} {''.join(row)}")
    print("each letter is a step: s as at the start afterwards, g as at the goal, X neither, . not tried yet")
    return whole


def _mark(fault: str, number: int, records: dict[str, dict[str, Any]]) -> str:
    if fault in BREAKS and number % BREAK_EVERY != 1:
        return " "
    record = records.get(Cell(fault, number).name)
    if record is None:
        return "."
    return _MARKS.get(record["seen"], "X") if record["holds"] else "X"


def main(argv: list[str]) -> int:
    """Do what the words say and return the exit code."""
    if argv[:1] == ["try"] and len(argv) == 3 and argv[1] in RELEASES and argv[2] in KINDS:
        try_all(argv[1], argv[2])
        return 0
    if argv == ["table"]:
        return 0 if table() else 1
    print(__doc__)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
