"""Plan an undo: the steps that undo a run, checked against the host as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from vmnet.checks.goal import deduce_goal
from vmnet.errors import Refused, VmnetError, attempt
from vmnet.facts import Facts
from vmnet.host.files.run_mark import RUNS
from vmnet.host.lan.probes import try_probes
from vmnet.host.networkmanager.profile_files import read_saved
from vmnet.plan import steps
from vmnet.plan.domains.undo import plan_domain_undo
from vmnet.plan.host.answers import made_by, old_addresses, old_answers, probe_words
from vmnet.plan.steps import Plan, Planned
from vmnet.plan.teardown.back import can_be_built, plan_bridges_again
from vmnet.plan.teardown.plan import plan_teardown as plan_from_goals
from vmnet.plan.teardown.stacks import find_bridges
from vmnet.runs.records.journal import UNDO_SCRIPT, Journal, RunState, find_run, list_runs
from vmnet.shell_words import root
from vmnet.spec import BridgeSpec, TeardownSpec

_STANDING = (RunState.STANDS, RunState.STOPPED, RunState.OPEN, RunState.INCOMPLETE)
UNDO_TIMEOUT_S = 90
_BACK = "the old address must be back"


def standing_runs(runs: Path = RUNS) -> tuple[Journal, ...]:
    """Return the runs that are in force, or were cut off, oldest first; undo runs are not among them, nor those that
    cannot be read."""
    found = [(journal, attempt(journal.outline)) for journal in list_runs(runs) if journal.state() in _STANDING]
    return tuple(journal for journal, outline in found if isinstance(outline, Plan) and outline.undoes is None)


def _unreadable(runs: Path) -> list[Journal]:
    """Return the runs that cannot be read, oldest first: nobody knows what rests on them."""
    return [
        journal
        for journal in list_runs(runs)
        if journal.state() is RunState.UNREADABLE or isinstance(attempt(journal.outline), VmnetError)
    ]


def last_goals(runs: Path = RUNS) -> tuple[BridgeSpec, ...]:
    """Return the goals of the completed host-setup runs, one for each bridge, the oldest first. Empty without root.

    A goal counts until a later run changes its bridge, or takes its uplink or its NICs.
    """
    try:
        journals = standing_runs(runs)
    except PermissionError:
        return ()
    goals: list[BridgeSpec] = []
    for journal in journals:
        outline = journal.outline()
        if journal.state() is not RunState.STANDS:
            continue
        removed, new = {goal.ifname for goal in outline.removed}, outline.goals
        left = [old for old in goals if old.ifname not in removed]
        goals = [*(old for old in left if not any(goal.replaces(old) for goal in new)), *new]
    return tuple(goals)


def plan_teardown(spec: TeardownSpec, facts: Facts) -> Plan:
    """Plan to remove bridges and to leave plain NICs. Change nothing.

    Root reads in the journals which profiles vmnet has disabled, and the plan enables them again.

    Args:
        spec: the bridges, and where their domains go.
        facts: the host as it is now, read with `probes`.

    Raises:
        SpecError: there is no such bridge, or the request does not fit this host.
        Refused: something uses the bridges, or the host is not in a state in which the change is safe.
        Conflict: another change of the network is in progress.
    """
    known = {goal.ifname: goal for goal in last_goals()}
    goals = [known.get(name) or deduce_goal(facts, bridge=name) for name in find_bridges(spec, facts)]
    return plan_from_goals(spec, facts, goals, disabled=disabled_profiles())


def disabled_profiles(runs: Path = RUNS) -> frozenset[str]:
    """Return the UUIDs of the profiles whose autoconnect runs have disabled; none without root."""
    off = (("connection.autoconnect", "no"),)
    try:
        journals = standing_runs(runs)
    except PermissionError:
        return frozenset()
    begun = (planned.step for journal in journals for planned in journal.begun())
    return frozenset(step.uuid for step in begun if isinstance(step, steps.ModifyProfile) and step.settings == off)


def plan_undo(facts: Facts, run: str | None = None, *, runs: Path = RUNS, saved: dict[str, str] | None = None) -> Plan:
    """Plan the undo of a run. Change nothing. Reading the journal needs root.

    Args:
        facts: the host as it is now.
        run: id of the run. None: the last one that was not undone.
        saved: the saved profiles by uuid, as `read_saved` returns them. None: read them.

    Raises:
        SpecError: there is no such run.
        Refused: a later run depends on it, or others have changed what it made.
    """
    journal = _journal(run, runs)
    if journal is None:
        return Plan(command="undo", kept=("there is no run to undo",))
    state = journal.state()
    if state is RunState.UNREADABLE:
        raise Refused(_not_read(journal), _by_script(journal))
    if state not in _STANDING:
        return Plan(command="undo", kept=(f"nothing to undo: run {journal.run} is {state}",))
    done = journal.begun()
    host = [planned for planned in done if not isinstance(planned.step, steps.DomainStep)]
    _check_nothing_rests_on(host, journal, facts, runs)
    _check_unchanged(journal, read_saved() if saved is None else saved)
    removed = journal.outline().removed
    if removed and state is RunState.STANDS and can_be_built(removed):
        domains, undone = _bridges_again(removed, done, journal, facts)
    else:
        domains = plan_domain_undo(done, facts)
        undone = (*domains.planned, *_host_undo(host, journal, facts))
    kept = () if undone else (f"nothing of run {journal.run} is left to undo",)
    return replace(
        domains,
        command="undo",
        planned=undone,
        kept=(*domains.kept, *kept),
        choices=(*domains.choices, *probe_words(facts)),
        undoes=journal.run,
        warnings=(*domains.warnings, *(f"{_not_read(other)}; it is left as it is" for other in _unreadable(runs))),
    )


def _not_read(journal: Journal) -> str:
    return f"run {journal.run} cannot be read: its files are damaged, or of another version of vmnet"


def _by_script(journal: Journal) -> str:
    return f"to undo the run anyway: {root('sh', str(journal.directory / UNDO_SCRIPT))}"


def ask_again(facts: Facts, run: str | None = None, *, runs: Path = RUNS) -> Facts:
    """Ask what answered before a run whether it answers now.

    What answers now must also answer after the plan of `plan_undo`.

    Args:
        facts: the host as it is now.
        run: id of the run. None: the last one that was not undone.

    Returns:
        The facts with `answers`.

    Raises:
        SpecError: there is no such run.
        Refused: the last run cannot be read.
        PermissionError: only root may read the journals.
    """
    journal = _journal(run, runs)
    before = attempt(journal.facts) if journal is not None else facts
    # One that cannot be read is refused by `plan_undo`.
    answers = () if isinstance(before, VmnetError) else before.answers
    return replace(facts, answers=try_probes([answer.probe for answer in answers if answer.ok], fresh=True))


def _journal(run: str | None, runs: Path) -> Journal | None:
    if run is not None:
        return find_run(run, runs)
    last = max(standing_runs(runs), key=lambda journal: journal.order, default=None)
    for other in _unreadable(runs):
        # One that does not even tell its number tells its time.
        if last is None or other.order > last.order or (not other.number and other.run > last.run):
            raise Refused(
                f"the last run cannot be read: {other.run}",
                f"{_by_script(other)}\nto list the other runs: sudo vmnet runs",
            )
    return last


def _check_nothing_rests_on(host: Sequence[Planned], journal: Journal, facts: Facts, runs: Path) -> None:
    networks = {p.step.name for p in host if isinstance(p.step, steps.DefineNetwork) and p.step.was is None}
    users = sorted(
        {
            domain.name
            for domain in facts.domains
            for interface in (*domain.running, *domain.persistent)
            if interface.source.network in networks
        }
    )
    if users:
        raise Refused(
            f"{', '.join(users)} would lose the network: they are on {', '.join(sorted(networks))}",
            "move them to another network first, or undo the newest run first: sudo vmnet undo",
        )
    if not host:
        return
    made = _made(host) | {name for goal in journal.outline().removed for name in goal.links}
    later = [
        other
        for other in standing_runs(runs)
        if other.order > journal.order
        and any(goal.links & made for goal in (*other.outline().goals, *other.outline().removed))
    ]
    if later:
        newest = later[-1].run
        first = root("vmnet", "undo", newest)
        raise Refused(f"run {newest} came later and depends on {journal.run}", f"undo that run first: {first}")


def _made(host: Sequence[Planned]) -> set[str]:
    """Return the links whose profiles a run has added or changed."""
    found = set()
    for planned in host:
        match planned.step:
            case steps.AddProfile(ifname=ifname) | steps.ReapplyDevice(ifname=ifname):
                found.add(ifname)
    return found


def _check_unchanged(journal: Journal, saved: dict[str, str]) -> None:
    """Refuse to lose what others have changed in a profile since the run; one that is gone is nothing to lose."""
    for uuid, after in journal.after().items():
        now = saved.get(uuid, after)
        lines = set(after.splitlines()) ^ set(now.splitlines())
        # The names alone: a value may be a secret.
        changed = sorted({line.partition("=")[0] for line in lines})
        if changed:
            raise Refused(
                f"profile {uuid} was changed since run {journal.run}: {', '.join(changed)}",
                f"the undo would overwrite these changes: revert them first\n{_by_script(journal)}",
            )


def _host_undo(host: Sequence[Planned], journal: Journal, facts: Facts) -> tuple[Planned, ...]:
    """Return the undos newest first, under a checkpoint of their own where they touch NetworkManager."""
    before = journal.facts()
    made = made_by(host)
    back: list[Planned] = []
    last: list[Planned] = []
    tried = [attempt(partial(_led_nowhere, other, journal.run)) for other in list_runs(journal.directory.parent)]
    turned = tried.count(True) % 2 == 1
    for planned in reversed(host):
        for undo in planned.undo:
            step = replace(undo, turned=turned) if isinstance(undo, steps.LeaveLast) else undo
            back.append(Planned(step=step, why=f"undoes: {planned.why}", undo=_redo(planned.step, step)))
            if isinstance(step, steps.ActivateProfile):
                waits = old_addresses(step.ifname, before, made)
                (back if step.wait else last).extend(Planned(step=wait, why=_BACK) for wait in waits)
    if not any(isinstance(planned.step, steps.HostStep) for planned in back):
        return tuple(back)
    mending = (steps.RestoreProfile, steps.ReapplyDevice, steps.SetMtu, steps.SetOption, steps.LibvirtStep)
    mends = all(isinstance(planned.step, mending) for planned in back)
    opening = Planned(
        step=steps.OpenCheckpoint(timeout_s=UNDO_TIMEOUT_S, last_resort=mends),
        why="if the undo fails, NetworkManager restores the state of now",
    )
    answers = old_answers(replace(journal.outline(), planned=tuple(host)), before, facts)
    last += [Planned(step=step, why="it answered before the run, and must answer again") for step in answers]
    closing = Planned(step=steps.CommitCheckpoint(), why="the state before is restored: keep it")
    return (opening, *back, *last, closing)


def _bridges_again(
    removed: tuple[BridgeSpec, ...], done: Sequence[Planned], journal: Journal, facts: Facts
) -> tuple[Plan, tuple[Planned, ...]]:
    """Return the undo of the domains' moves, and of all: the bridges first, and then the domains on them."""
    bridges = plan_bridges_again(removed, done, facts)
    gone = {p.step.name for p in done if isinstance(p.step, steps.UndefineNetwork | steps.StopNetwork)}
    again = tuple(network for network in journal.facts().networks if network.name in gone)
    kept = tuple(network for network in facts.networks if network.name not in gone)
    domains = plan_domain_undo(done, replace(facts, networks=(*kept, *again)))
    return replace(domains, warnings=bridges.warnings), (*bridges.planned, *domains.planned)


def _led_nowhere(undo: Journal, run: str) -> bool:
    """Return whether this was an undo of the run that was given up because nothing answered after it."""
    if undo.state() is not RunState.ROLLED_BACK or undo.outline().undoes != run:
        return False
    planned = undo.plan().planned
    return any(isinstance(planned[entry.step].step, steps.WaitAnswer) for entry in undo.entries("failed"))


def _redo(step: steps.Step, undo: steps.Step) -> tuple[steps.Step, ...]:
    """Return what undoes `undo`, which undoes `step`: the checkpoint takes care of NetworkManager's devices, and of the
    profiles that are active on them, but not of those that were set aside, nor of what was changed in memory; and not
    at all where it is the last resort."""
    match step:
        case steps.ModifyProfile(save=True) if isinstance(undo, steps.ReapplyDevice):
            return (step, undo)
        case steps.ModifyProfile(save=False, name=ifname):
            # The run stands, so what it had in memory is on disk by now.
            return (replace(step, save=True), steps.ReapplyDevice(ifname=ifname))
        case steps.ModifyProfile():
            return (step,)
        case _:
            return (step,) if isinstance(step, steps.LibvirtStep | steps.SetOption) else ()
