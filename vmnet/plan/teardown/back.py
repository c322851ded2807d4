"""The undo of a teardown: host-setup builds the bridges again, and then all files are as they were before."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.errors import attempt
from vmnet.plan import steps
from vmnet.plan.host.profiles import STARTS
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.risks.safety import check_spec
from vmnet.plan.steps import Plan, Planned
from vmnet.spec import HostSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmnet.facts import Facts
    from vmnet.spec import BridgeSpec


def plan_bridges_again(removed: tuple[BridgeSpec, ...], done: Sequence[Planned], facts: Facts) -> Plan:
    """Plan the undo of a completed teardown, without its domains.

    host-setup proves the bridges before it saves a file, as in a run of its own. Its risks were accepted with the first
    setup.

    Args:
        removed: the bridges that the teardown has removed.
        done: its steps, in their order.
        facts: the host as it is now.

    Raises:
        Refused: the host is not in a state in which the bridges can be built again.
    """
    spec = HostSpec(
        bridges=removed,
        management=removed[0].management,
        allow_storage=True,
        allow_new_address=True,
        allow_lost_address=True,
        allow_claimed=True,
        allow_firewall=True,
        different_switches=True,
        allow_duplicate_address=True,
    )
    plan = plan_host_setup(spec, facts)
    # The run's own copies of files are those of the teardown, not of now.
    made = [replace(planned, step=_by_kernel(planned.step), undo=_without_copies(planned)) for planned in plan.planned]
    commits = [planned for planned in made if isinstance(planned.step, steps.CommitCheckpoint)]
    before = [planned for planned in made if planned not in commits]
    planned = (*before, *_files(removed, done), *_networks(done), *commits)
    return replace(plan, planned=planned, goals=(), kept=())


def can_be_built(removed: tuple[BridgeSpec, ...]) -> bool:
    """Return whether host-setup builds such bridges. Of others, the undo restores the files, and activates them."""
    return attempt(lambda: check_spec(HostSpec(bridges=removed))) is None


def _by_kernel(step: steps.Step) -> steps.Step:
    return replace(step, profile=None) if isinstance(step, steps.ProveUntouched) else step


def _without_copies(planned: Planned) -> tuple[steps.Step, ...]:
    """Return the undo with autoconnect in place of a file."""
    if isinstance(planned.step, steps.DeleteProfile):
        return ()
    return tuple(
        steps.ModifyProfile(uuid=undo.uuid, name=undo.name, settings=STARTS, save=True)
        if isinstance(undo, steps.RestoreProfile)
        else undo
        for undo in planned.undo
    )


def _files(removed: tuple[BridgeSpec, ...], done: Sequence[Planned]) -> Iterator[Planned]:
    """Yield the steps that restore each file of before, and delete the profile that the teardown has added."""
    restored = [undo for planned in done for undo in planned.undo if isinstance(undo, steps.RestoreProfile)]
    for step in dict.fromkeys(restored):
        yield Planned(step=step, why=f"the file of {step.name!r} is as before the teardown")
    for goal in removed:
        yield Planned(step=steps.ReapplyDevice(ifname=goal.ifname), why="takes effect without dropping a port")
    for planned in done:
        if isinstance(planned.step, steps.AddProfile):
            delete = steps.DeleteProfile(uuid=planned.step.uuid, name=planned.step.name)
            yield Planned(step=delete, why="the teardown has added it")


def _networks(done: Sequence[Planned]) -> Iterator[Planned]:
    for planned in reversed(done):
        if isinstance(planned.step, steps.NetworkStep):
            for undo in planned.undo:
                yield Planned(step=undo, why=f"undoes: {planned.why}", undo=(planned.step,))
