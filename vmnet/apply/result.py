"""What a run came to."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.plan.steps import MovedInterface, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run.

    Args:
        run: its id, which `vmnet undo` takes; empty when there was nothing to do.
        directory: where its journal and the copies of profiles are kept.
        plan: what was carried out.
        done: how many of the plan's steps were done.
        undone: whether they were taken back again.
        passed_over: what others have changed or removed meanwhile, and was left to them.
        rows: the moved interfaces as they are afterwards, with the guests' new addresses.
    """

    run: str
    directory: str
    plan: Plan
    done: int
    undone: bool = False
    passed_over: tuple[str, ...] = ()
    rows: tuple[MovedInterface, ...] = ()
