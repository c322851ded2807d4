"""The result of a run."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.plan.steps import MovedInterface, Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run.

    Args:
        run: id of the run, for `vmnet undo`; empty if there was nothing to do.
        directory: directory of its journal and of the copies of profiles.
        plan: the plan that was carried out.
        done: number of the plan's steps that were done.
        undone: whether the run was rolled back.
        passed_over: what was skipped because others changed or removed it during the run.
        rows: the moved interfaces as they are after the run, with the guests' new addresses.
    """

    run: str
    directory: str
    plan: Plan
    done: int
    undone: bool = False
    passed_over: tuple[str, ...] = ()
    rows: tuple[MovedInterface, ...] = ()
