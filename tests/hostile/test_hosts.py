"""Every command on a host on which all that others can name is hostile, read by vmnet's own readers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import vmnet
from tests.cli.calls import call
from tests.hostile.outside import NAMES, Outside, printed, put_outside
from tests.runs.test_undo import finished
from vmnet.host import gather
from vmnet.runs.records.history import read_runs
from vmnet.runs.undo import last_goals, plan_undo

COMMANDS = (
    "status", "status --all", "status --output json", "status --output dot", "verify", "verify --output json",
    "doctor", "doctor --output json", "runs", "undo --plan", "host-setup em1 em2 --plan",
    "host-setup em1 em2 --plan --output json", "host-setup em1 em2 --script", "migrate-from-virbr0 --plan",
)  # fmt: skip


@pytest.fixture(params=NAMES)
def outside(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Outside:
    found = Outside(NAMES[request.param])
    put_outside(found, monkeypatch)
    return found


def api(runs: Path) -> Any:
    """vmnet's own functions, with the runs in a directory of the test's."""
    here = {name: getattr(vmnet, name) for name in vmnet.__all__}
    here["read_runs"] = lambda run=None: tuple(r for r in read_runs(runs=runs) if run in (None, r.run))
    here["plan_undo"] = lambda facts, run=None: plan_undo(facts, run, runs=runs)
    here["last_goals"] = lambda: last_goals(runs)
    return SimpleNamespace(**here)


@pytest.mark.parametrize("words", COMMANDS)
def test_no_name_ends_a_command(outside: Outside, words: str, tmp_path: Path) -> None:
    finished(tmp_path)
    # JSON is compared with its schema there.
    ended = call(*words.split(), host=api(tmp_path))
    assert ended.code != 1, ended.err


def test_all_is_read_whatever_it_is_called(outside: Outside) -> None:
    facts = gather.read_facts(uri="test:///", closely=True, probes=())
    assert (facts.nm_problem, facts.libvirt_problem) == ("", "")
    name = printed(outside.evil)
    assert {p.name for p in facts.profiles} == {f"mgmt0{name}", f"lan{name}", f"odd{name}"}
    assert len({p.filename for p in facts.profiles}) == 3
    assert {d.ifname for d in facts.devices} == {"em1", "em2", "mgmt"}
    assert (len(facts.domains), len(facts.networks)) == (1, 2)
    assert facts.fabric is not None
    assert len(facts.fabric.heard) == len(facts.links)
    # Nothing of it is called a bug of vmnet's.
    assert [one for one in facts.unread if "bug" in one.why] == []
