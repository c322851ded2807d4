"""Move a host and its domains from libvirt's NAT network to a bonded bridge on the LAN, and back.

The flow, as the command line uses it:

    facts = vmnet.read_facts()
    plan = vmnet.plan_host_setup(HostSpec(bridges=(BridgeSpec(nics=("em1", "p4p1")),)), facts)
    result = vmnet.apply(plan, facts)
    findings = vmnet.verify(vmnet.last_goals(), vmnet.read_facts())

Planning is pure and changes nothing. `apply` starts a worker process that carries out the plan. The worker writes each
step to a journal, and rolls back all steps when one fails, even if its caller has ended. `undo` undoes a completed run,
also days later. Every error is a `vmnet.errors.VmnetError` with a message and a hint.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from vmnet.look import SYSTEM_URI as SYSTEM_URI
from vmnet.look import ask_lan as ask_lan
from vmnet.look import deduce_goal as deduce_goal
from vmnet.look import diagnose as diagnose
from vmnet.look import draw as draw
from vmnet.look import find_duplicates as find_duplicates
from vmnet.look import find_mentions as find_mentions
from vmnet.look import last_goals as last_goals
from vmnet.look import probe_lan as probe_lan
from vmnet.look import read_facts as read_facts
from vmnet.look import read_host_words as read_host_words
from vmnet.look import read_rules as read_rules
from vmnet.look import read_runs as read_runs
from vmnet.look import status as status
from vmnet.look import verify as verify
from vmnet.look import walk_path as walk_path
from vmnet.look import wanted_goals as wanted_goals

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmnet.checks.diagnostics import Trouble as Trouble
    from vmnet.checks.findings import Finding as Finding
    from vmnet.checks.path_below import Path as Path
    from vmnet.checks.rule_texts import Rule as Rule
    from vmnet.checks.topology import Topology as Topology
    from vmnet.facts import Facts as Facts
    from vmnet.facts.evidence import Bundle as Bundle
    from vmnet.plan.steps import Goals as Goals
    from vmnet.plan.steps import Plan as Plan
    from vmnet.runs.progress import Progress as Progress
    from vmnet.runs.progress import RunResult as RunResult
    from vmnet.runs.records.history import RunRecord as RunRecord
    from vmnet.spec import AttachSpec as AttachSpec
    from vmnet.spec import BridgeSpec as BridgeSpec
    from vmnet.spec import HostSpec as HostSpec
    from vmnet.spec import MigrationSpec as MigrationSpec
    from vmnet.spec.words import HostWords as HostWords

__version__ = "0.1.0"

__all__ = [
    "apply",
    "ask_again",
    "ask_lan",
    "confirm",
    "deduce_goal",
    "diagnose",
    "draw",
    "find_duplicates",
    "find_mentions",
    "follow",
    "last_goals",
    "plan_attach_domain",
    "plan_fix",
    "plan_host_setup",
    "plan_migration",
    "plan_undo",
    "probe_lan",
    "read_facts",
    "read_host_words",
    "read_rules",
    "read_runs",
    "status",
    "support_bundle",
    "undo",
    "verify",
    "walk_path",
    "wanted_goals",
]


def plan_host_setup(spec: HostSpec, facts: Facts) -> Plan:
    """Plan bond, bridge and libvirt network. Change nothing.

    Raises:
        SpecError: the request is wrong, or does not fit this host.
        Refused: the host is not in a state in which the change is safe.
        Conflict: another change of the network is in progress.
    """
    plan: Plan = import_module("vmnet.plan.host.setup").plan_host_setup(spec, facts)
    return plan


def plan_attach_domain(spec: AttachSpec, facts: Facts) -> Plan:
    """Plan the move of one domain's interface to the network. Change nothing.

    Raises:
        SpecError: there is no such domain or interface, or the domain has several and none is chosen.
        Refused: the network or the interface is not in a state in which the move is safe.
    """
    plan: Plan = import_module("vmnet.plan.domains.attach").plan_attach_domain(spec, facts)
    return plan


def plan_migration(spec: MigrationSpec, facts: Facts) -> Plan:
    """Plan the move of every interface from the NAT network. Change nothing.

    Raises:
        SpecError: the request names a domain or network that does not exist.
        Refused: the target network is not in a state in which the move is safe.
    """
    plan: Plan = import_module("vmnet.plan.domains.migrate").plan_migration(spec, facts)
    return plan


def plan_fix(rule: str, goals: Goals, facts: Facts) -> Plan:
    """Plan the repair of all that doctor finds by one rule. Change nothing.

    Args:
        rule: id of the rule.
        goals: from `last_goals`. None or empty: derived by `deduce_goal`.
        facts: from `read_facts` with `closely`.

    Raises:
        SpecError: there is no such rule.
        Refused: vmnet has no plan for this repair; the hint says what helps.
    """
    plan: Plan = import_module("vmnet.checks.fix").plan_fix(rule, goals, facts)
    return plan


def ask_again(facts: Facts, run: str | None = None) -> Facts:
    """Ask what answered before a run whether it answers now.

    What answers now must also answer after the plan of `plan_undo`.

    Args:
        facts: the host as it is now.
        run: id of the run. None: the last one that was not undone.

    Returns:
        The facts with `answers`.

    Raises:
        SpecError: there is no such run.
        PermissionError: only root may read the journals.
    """
    asked: Facts = import_module("vmnet.runs.undo").ask_again(facts, run)
    return asked


def plan_undo(facts: Facts, run: str | None = None) -> Plan:
    """Plan the undo of a run. Change nothing. Reading the journal needs root.

    Args:
        facts: the host as it is now.
        run: id of the run. None: the last one that was not undone.

    Raises:
        SpecError: there is no such run.
        Refused: a later run depends on it, or others have changed what it made.
    """
    plan: Plan = import_module("vmnet.runs.undo").plan_undo(facts, run)
    return plan


def apply(
    plan: Plan,
    facts: Facts,
    *,
    progress: Callable[[Progress], None] | None = None,
    uri: str = SYSTEM_URI,
) -> RunResult:
    """Carry out a plan in a worker process, and wait for its end. If a step fails, the worker rolls back all steps.

    A plan with `keeps` is rolled back only for the domain of the step that failed.

    Args:
        plan: from a `plan_` function.
        facts: the facts that the plan was made from.
        progress: called when each step begins and ends.
        uri: URI of the hypervisor.

    Raises:
        KeyboardInterrupt: SIGINT came; the run is rolled back.
        Refused: this process is not root.
        Conflict: another change is in progress, or a run has changed the host since `facts` were read.
        ToolError, LinkError, HypervisorError: a step failed; the run is rolled back.
        UndoIncomplete: a step failed, and the rollback, too; `left` holds the commands to finish by hand.
    """
    result: RunResult = import_module("vmnet.runs.follow").apply(plan, facts, progress=progress, uri=uri)
    return result


def undo(
    run: str | None = None, *, progress: Callable[[Progress], None] | None = None, uri: str = SYSTEM_URI
) -> RunResult:
    """Undo a run: `plan_undo` and `apply` in one.

    Args:
        run: id of the run. None: the last one that was not undone.
        progress: called when each step begins and ends.
        uri: URI of the hypervisor.

    Raises:
        As `plan_undo` and `apply`.
    """
    facts = ask_again(read_facts(uri=uri), run)
    return apply(plan_undo(facts, run), facts, progress=progress, uri=uri)


def follow(run: str | None = None, *, progress: Callable[[Progress], None] | None = None) -> RunResult:
    """Follow a run from its first step to its end, as `apply` does with its own.

    Args:
        run: id of the run. None: the run that is in progress.
        progress: called when each step begins and ends.

    Raises:
        SpecError: there is no such run, or none is in progress.
        PermissionError: only root may read the journals.
        As `apply`.
    """
    result: RunResult = import_module("vmnet.runs.follow").follow(run, progress)
    return result


def confirm(run: str | None = None) -> str:
    """Confirm a run that waits for confirmation (host-setup with `confirm_s`), from a new connection; return its id.

    Args:
        run: id of the run. None: the newest one.

    Raises:
        SpecError: there is no such run, or it does not wait.
        Refused: this is the connection that started the run; it does not prove that new connections work.
        PermissionError: only root may confirm a run.
    """
    confirmed: str = import_module("vmnet.runs.worker_files").confirm(run)
    return confirmed


def support_bundle(file: str, *, uri: str = SYSTEM_URI) -> Bundle:
    """Write what others need to analyse this host, without its secrets, to a new .tar.gz file.

    Args:
        file: name of the file.
        uri: URI of the hypervisor.

    Returns:
        What is in the file, and what could not be read.

    Raises:
        SpecError: the file exists already, or cannot be created.
        OSError: the file cannot be written; it is removed.
    """
    write = import_module("vmnet.bundle").write_bundle
    bundle: Bundle = write(file, uri=uri, version=__version__)
    return bundle
