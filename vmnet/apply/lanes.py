"""Steps that may be taken at the same time: those of different domains. A domain's own stay in order.

libvirt works on several calls of one connection at once, and much of each is its waiting for the disk. The journal's
lines are written for a batch of domains together; that a step is on the disk before it is taken holds all the same.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import TYPE_CHECKING

from vmnet.apply.journal_lines import Entry, now
from vmnet.errors import Conflict, HypervisorError, VmnetError
from vmnet.host.libvirt_calls import AT_ONCE, GONE
from vmnet.plan.steps import IndependentStep, MoveInterface

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
    from concurrent.futures import Future

    from vmnet.plan.steps import Planned, Step

    Lane = list[int]
    Note = Callable[[Iterable[Entry]], None]

BATCH = 256
"""Domains whose lines the journal takes together."""


def parts(planned: Sequence[Planned], taken: Collection[int] = ()) -> Iterator[list[Lane]]:
    """Yield the plan's steps, but those that are `taken` already, by what may be done at once: batches of lanes, each
    lane a domain's steps in order; a step of another kind is a part of its own."""
    lanes: dict[str, Lane] = {}
    for index, item in enumerate(planned):
        if index in taken:
            continue
        if isinstance(item.step, IndependentStep):
            lanes.setdefault(item.step.domain_uuid, []).append(index)
            continue
        yield from _batches(lanes)
        lanes = {}
        yield [[index]]
    yield from _batches(lanes)


def alone(part: list[Lane]) -> bool:
    """Return whether a part is a single step, to be taken by itself."""
    return len(part) == 1 and len(part[0]) == 1


def _batches(lanes: dict[str, Lane]) -> Iterator[list[Lane]]:
    todo = list(lanes.values())
    for start in range(0, len(todo), BATCH):
        yield todo[start : start + BATCH]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended:
    """What became of a lane: the steps that were done, and the one that failed with why."""

    done: tuple[tuple[int, float], ...] = ()
    passed_over: tuple[tuple[int, str], ...] = ()
    failed: int | None = None
    seconds: float = 0.0
    error: VmnetError | None = None

    def entries(self) -> Iterator[Entry]:
        for index, seconds in self.done:
            yield Entry(event="done", step=index, seconds=seconds, time=now())
        for index, text in self.passed_over:
            yield Entry(event="passed-over", step=index, text=text, time=now())
        if self.failed is not None and self.error is not None:
            text = self.error.message
            yield Entry(event="failed", step=self.failed, text=text, seconds=self.seconds, time=now())


def take(
    lanes: list[Lane],
    planned: Sequence[Planned],
    execute: Callable[[Sequence[Step]], None],
    note: Note,
    *,
    passes_over: bool = False,
) -> None:
    """Take the steps of a batch, several lanes at a time, and write down what became of them.

    Args:
        execute: takes some steps of one domain, in order; called from several threads.
        note: writes lines of the journal. That the steps are begun is there already.
        passes_over: what others have changed or removed meanwhile is no failure.

    Raises:
        VmnetError: the first that came; lanes that were under way are at their ends by then, others were not begun.
        KeyboardInterrupt: likewise.
    """
    stop = Event()
    pool = ThreadPoolExecutor(AT_ONCE)
    running: list[Future[_Ended]] = [
        pool.submit(_unless_stopped, stop, partial(_run, lane, planned, execute, passes_over)) for lane in lanes
    ]
    try:
        # For all together: woken for each, we would keep those from work that are under way.
        wait(running)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        ended = [future for future in running if not future.cancelled()]
        note(entry for future in ended if future.exception() is None for entry in future.result().entries())
    for future in ended:
        error = future.result().error
        if error is not None:
            raise error


def _unless_stopped(stop: Event, run: Callable[[], _Ended]) -> _Ended:
    """Run a lane, unless another has failed; one that fails has those that were not begun stay so."""
    if stop.is_set():
        return _Ended()
    ended = None
    try:
        ended = run()
    finally:
        if ended is None or ended.error is not None:
            stop.set()
    return ended


def _run(
    lane: Lane, planned: Sequence[Planned], execute: Callable[[Sequence[Step]], None], passes_over: bool
) -> _Ended:
    done: list[tuple[int, float]] = []
    passed: list[tuple[int, str]] = []
    todo = list(_bundles(lane, planned))
    while todo:
        bundle, started = todo.pop(0), time.monotonic()
        try:
            execute([planned[index].step for index in bundle])
        except VmnetError as error:
            if len(bundle) > 1:
                # One by one, it shows which it is; what was done by then is no work.
                todo = [*([index] for index in bundle), *todo]
                continue
            if passes_over and _has_moved_on(error):
                passed.append((bundle[0], error.message))
                continue
            took = time.monotonic() - started
            return _Ended(done=tuple(done), passed_over=tuple(passed), failed=bundle[0], seconds=took, error=error)
        done += [(index, (time.monotonic() - started) / len(bundle)) for index in bundle]
    return _Ended(done=tuple(done), passed_over=tuple(passed))


def _has_moved_on(error: VmnetError) -> bool:
    return isinstance(error, Conflict) or (isinstance(error, HypervisorError) and error.code in GONE)


def _bundles(lane: Lane, planned: Sequence[Planned]) -> Iterator[Lane]:
    """Yield a lane's steps so that moves in one persistent document are together: it is read once for all."""
    bundle: Lane = []
    for index in lane:
        if bundle and not (_in_stored(planned[index].step) and _in_stored(planned[bundle[0]].step)):
            yield bundle
            bundle = []
        bundle.append(index)
    if bundle:
        yield bundle


def _in_stored(step: Step) -> bool:
    return isinstance(step, MoveInterface) and step.scope == "persistent"
