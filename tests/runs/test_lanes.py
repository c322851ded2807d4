"""Steps of several domains at the same time."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.report import samples
from vmnet.errors import HypervisorError
from vmnet.host.libvirt.libvirt_calls import AT_ONCE
from vmnet.plan import steps
from vmnet.plan.steps import Planned
from vmnet.runs import carry_out

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmnet.runs.records.journal_lines import Entry

UUIDS = [f"00000000-0000-4000-8000-{number:012}" for number in range(5)]


def move(uuid: str, scope: str = "persistent", mac: str = "00:00:5e:00:53:01") -> Planned:
    step = samples.move(scope)
    return Planned(step=replace(step, domain_uuid=uuid, mac=type(step.mac)(mac)), why="")


NETWORK = Planned(step=steps.StartNetwork(name="n"), why="")

planned_lists = st.lists(st.one_of(st.builds(move, st.sampled_from(UUIDS)), st.just(NETWORK)), max_size=60)


@given(planned_lists, st.integers(0, 60))
def test_every_step_is_taken_once_and_a_domains_own_in_order(planned: list[Planned], first: int) -> None:
    parts = list(carry_out.parts(planned, range(first)))
    taken = [index for part in parts for lane in part for index in lane]
    assert sorted(taken) == list(range(min(first, len(planned)), len(planned)))
    for uuid in UUIDS:
        own = [index for index in taken if uuid in planned[index].step.domains]
        assert own == sorted(own)


@given(planned_lists)
def test_no_step_of_another_kind_is_passed_by(planned: list[Planned]) -> None:
    done: list[int] = []
    for part in carry_out.parts(planned):
        batch = [index for lane in part for index in lane]
        if any(planned[index] is NETWORK for index in batch):
            assert carry_out.alone(part)
            assert set(done) == set(range(batch[0]))
        assert len(part) <= carry_out.BATCH
        done += batch


class Host:
    """Remembers what it was handed, and fails at some macs."""

    def __init__(self, *bad: str) -> None:
        self.bad = bad
        self.calls: list[list[str]] = []
        self.at_once = self.most = 0
        self.lock = threading.Lock()
        self.entries: list[Entry] = []

    def execute(self, taken: Sequence[steps.Step]) -> None:
        macs = [str(step.mac) for step in taken if isinstance(step, steps.MoveInterface)]
        with self.lock:
            self.at_once += 1
            self.most = max(self.most, self.at_once)
            self.calls.append(macs)
        time.sleep(0.01)
        with self.lock:
            self.at_once -= 1
        for mac in macs:
            if mac in self.bad:
                raise HypervisorError(f"cannot move {mac}")

    def note(self, entries: Iterable[Entry]) -> None:
        self.entries += entries

    def noted(self, event: str) -> list[int]:
        return sorted(entry.step for entry in self.entries if entry.event == event)


A, B = "00:00:5e:00:53:0a", "00:00:5e:00:53:0b"


def test_several_domains_at_once_each_in_order_and_its_stored_document_in_one_go() -> None:
    planned = [item for uuid in UUIDS for item in (move(uuid, mac=A), move(uuid, mac=B), move(uuid, "running"))]
    host = Host()
    (part,) = carry_out.parts(planned)
    carry_out.take(part, planned, host.execute, host.note)
    assert 1 < host.most <= AT_ONCE
    assert host.calls.count([A, B]) == len(UUIDS)
    assert host.noted("done") == list(range(len(planned)))


def test_a_failure_is_told_of_the_step_that_failed_and_lanes_under_way_come_to_their_ends() -> None:
    planned = [item for uuid in UUIDS for item in (move(uuid, mac=A), move(uuid, mac=B if uuid is UUIDS[0] else A))]
    host = Host(B)
    (part,) = carry_out.parts(planned)
    with pytest.raises(HypervisorError, match=B):
        carry_out.take(part, planned, host.execute, host.note)
    assert host.noted("failed") == [1]
    done = host.noted("done")
    assert done[0] == 0
    assert all(step + 1 in done for step in done if step and step % 2 == 0)
    assert not host.at_once
