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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmnet.checks.diagnostics import Trouble as Trouble
    from vmnet.checks.diagnostics import check_host
    from vmnet.checks.diagnostics import diagnose as diagnose
    from vmnet.checks.findings import Difference as Difference
    from vmnet.checks.findings import Finding as Finding
    from vmnet.checks.findings import differences_of
    from vmnet.checks.fix import plan_fix as plan_fix
    from vmnet.checks.goal import deduce_goal as deduce_goal
    from vmnet.checks.goal import export as export
    from vmnet.checks.goal import wanted_goals as wanted_goals
    from vmnet.checks.path import walk_path as walk_path
    from vmnet.checks.path_below import Path as Path
    from vmnet.checks.rule_texts import Rule as Rule
    from vmnet.checks.rule_texts import read_rules as read_rules
    from vmnet.checks.status import describe_host
    from vmnet.checks.topology import Topology as Topology
    from vmnet.drawing import draw as draw
    from vmnet.facts import Facts as Facts
    from vmnet.facts.evidence import Bundle as Bundle
    from vmnet.host.files.spec_file import read_host_words as read_host_words
    from vmnet.host.files.spec_file import read_spec as read_spec
    from vmnet.host.gather import read_facts as read_facts
    from vmnet.plan.domains.attach import plan_attach_domain as plan_attach_domain
    from vmnet.plan.domains.migrate import plan_migration as plan_migration
    from vmnet.plan.host.setup import plan_host_setup as plan_host_setup
    from vmnet.plan.steps import Goals as Goals
    from vmnet.plan.steps import Plan as Plan
    from vmnet.runs.asking import ask_lan as ask_lan
    from vmnet.runs.asking import find_duplicates as find_duplicates
    from vmnet.runs.asking import find_mentions as find_mentions
    from vmnet.runs.asking import probe_lan as probe_lan
    from vmnet.runs.follow import apply as apply
    from vmnet.runs.follow import follow as follow
    from vmnet.runs.follow import undo as undo
    from vmnet.runs.progress import Progress as Progress
    from vmnet.runs.progress import RunResult as RunResult
    from vmnet.runs.records.history import RunRecord as RunRecord
    from vmnet.runs.records.history import read_runs as read_runs
    from vmnet.runs.undo import ask_again as ask_again
    from vmnet.runs.undo import last_goals as last_goals
    from vmnet.runs.undo import plan_teardown as plan_teardown
    from vmnet.runs.undo import plan_undo as plan_undo
    from vmnet.runs.worker_files import confirm as confirm
    from vmnet.spec import AttachSpec as AttachSpec
    from vmnet.spec import BridgeSpec as BridgeSpec
    from vmnet.spec import HostSpec as HostSpec
    from vmnet.spec import MigrationSpec as MigrationSpec
    from vmnet.spec import TeardownSpec as TeardownSpec
    from vmnet.spec.words import HostWords as HostWords

    status, verify, differences = describe_host, check_host, differences_of

__version__ = "0.1.0"

_PLACES = {
    "apply": "vmnet.runs.follow",
    "ask_again": "vmnet.runs.undo",
    "ask_lan": "vmnet.runs.asking",
    "confirm": "vmnet.runs.worker_files",
    "deduce_goal": "vmnet.checks.goal",
    "diagnose": "vmnet.checks.diagnostics",
    "differences": "vmnet.checks.findings:differences_of",
    "draw": "vmnet.drawing",
    "export": "vmnet.checks.goal",
    "find_duplicates": "vmnet.runs.asking",
    "find_mentions": "vmnet.runs.asking",
    "follow": "vmnet.runs.follow",
    "last_goals": "vmnet.runs.undo",
    "plan_attach_domain": "vmnet.plan.domains.attach",
    "plan_fix": "vmnet.checks.fix",
    "plan_host_setup": "vmnet.plan.host.setup",
    "plan_migration": "vmnet.plan.domains.migrate",
    "plan_teardown": "vmnet.runs.undo",
    "plan_undo": "vmnet.runs.undo",
    "probe_lan": "vmnet.runs.asking",
    "read_facts": "vmnet.host.gather",
    "read_host_words": "vmnet.host.files.spec_file",
    "read_spec": "vmnet.host.files.spec_file",
    "read_rules": "vmnet.checks.rule_texts",
    "read_runs": "vmnet.runs.records.history",
    "status": "vmnet.checks.status:describe_host",
    "undo": "vmnet.runs.follow",
    "verify": "vmnet.checks.diagnostics:check_host",
    "walk_path": "vmnet.checks.path",
    "wanted_goals": "vmnet.checks.goal",
}
"""The module of each function, and its name there if that is another one. A module is loaded when it is needed, so that
vmnet starts fast."""

__all__ = [*_PLACES, "support_bundle"]  # noqa: PLE0604 - the keys are strings


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, function = _PLACES[name].partition(":")
    return getattr(import_module(module), function or name)


def __dir__() -> list[str]:
    return [*globals(), *_PLACES]


def support_bundle(file: str, *, uri: str = "qemu:///system") -> Bundle:
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
