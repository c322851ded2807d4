"""Move a host and its domains from libvirt's NAT network to a bonded bridge on the LAN, and back.

The flow, as the command line uses it:

    facts = vmnet.read_facts()
    plan = vmnet.plan_host_setup(HostSpec(nics=("em1", "p4p1")), facts)
    result = vmnet.apply(plan, facts)
    findings = vmnet.verify(vmnet.last_goal(), vmnet.read_facts())

Planning is pure and changes nothing; `apply` has a worker process carry the plan out, which journals each step and
takes all of it back when one fails, whatever becomes of its caller; `undo` takes a finished run back, days later too.
Every error is a `vmnet.errors.VmnetError` with a message and a hint.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmnet.apply.history import RunRecord as RunRecord
    from vmnet.apply.progress import Progress as Progress
    from vmnet.apply.result import RunResult as RunResult
    from vmnet.checks.findings import Finding as Finding
    from vmnet.facts import Facts as Facts
    from vmnet.plan.steps import HostGoal as HostGoal
    from vmnet.plan.steps import Plan as Plan
    from vmnet.spec import AttachSpec as AttachSpec
    from vmnet.spec import HostSpec as HostSpec
    from vmnet.spec import MigrationSpec as MigrationSpec

__version__ = "0.1.0"

# The first import of the subpackage binds its name here; now, so that it does not hide the function later.
import_module("vmnet.apply")

__all__ = [
    "apply",
    "ask_lan",
    "confirm",
    "deduce_goal",
    "find_duplicates",
    "find_mentions",
    "follow",
    "last_goal",
    "plan_attach_domain",
    "plan_host_setup",
    "plan_migration",
    "plan_undo",
    "read_facts",
    "read_runs",
    "undo",
    "verify",
]

SYSTEM_URI = "qemu:///system"


def read_facts(
    *, uri: str = SYSTEM_URI, hypervisor: bool = True, host: bool = True, probes: tuple[str, ...] | None = None
) -> Facts:
    """Read the kernel's links, NetworkManager's profiles and libvirt's networks and domains.

    Args:
        uri: the hypervisor's URI.
        hypervisor: False leaves libvirt out.
        host: False leaves NetworkManager and all that host-setup alone asks for out; for domains that is enough.
        probes: for host-setup: ask gateways, name servers and the SSH peer whether they answer, and run these commands
            of your own; None: do not.

    Returns:
        The facts; a daemon that does not answer is noted in them (`nm_problem`, `libvirt_problem`).

    Raises:
        SpecError: a command cannot be read.
    """
    read = import_module("vmnet.host.gather").read_facts
    facts: Facts = read(uri=uri, hypervisor=hypervisor, host=host, probes=probes)
    return facts


def plan_host_setup(spec: HostSpec, facts: Facts) -> Plan:
    """Plan bond, bridge and libvirt network. Changes nothing.

    Raises:
        SpecError: the request is wrong, or does not fit this host.
        Refused: the host is not in a state in which the change is safe.
        Conflict: another change of the network is in progress.
    """
    plan: Plan = import_module("vmnet.plan.host_setup").plan_host_setup(spec, facts)
    return plan


def find_duplicates(plan: Plan, facts: Facts) -> Facts:
    """Ask the LAN by ARP who has the static addresses that are new to this host; takes a second, and root.

    Args:
        plan: of `plan_host_setup`; where the facts that come back have `duplicates`, plan again with them.

    Returns:
        The facts with `duplicates`; unchanged where there is nothing to ask for, or without root.
    """
    found: Facts = import_module("vmnet.apply.duplicates").find_duplicates(plan, facts)
    return found


def plan_attach_domain(spec: AttachSpec, facts: Facts) -> Plan:
    """Plan the move of one domain's interface to the network. Changes nothing.

    Raises:
        SpecError: no such domain or interface, or several and none chosen.
        Refused: the network or the interface is not in a state in which the move is safe.
    """
    plan: Plan = import_module("vmnet.plan.attach_domain").plan_attach_domain(spec, facts)
    return plan


def plan_migration(spec: MigrationSpec, facts: Facts) -> Plan:
    """Plan the move of every interface off the NAT network. Changes nothing.

    Raises:
        SpecError: the request names a domain or network that is not there.
        Refused: the target network is not in a state in which the move is safe.
    """
    plan: Plan = import_module("vmnet.plan.migrate_from_virbr0").plan_migration(spec, facts)
    return plan


def ask_lan(plan: Plan, facts: Facts) -> Facts:
    """Ask the LAN that running domains are to go to whether it answers DHCP, and other MACs than the host's; takes some
    seconds, and root.

    Args:
        plan: of `plan_migration` or `plan_attach_domain`; where the facts that come back have `lan`, plan again with
            them.

    Returns:
        The facts with `lan`; unchanged where no running domain moves, or where it cannot be asked from here.
    """
    asked: Facts = import_module("vmnet.apply.ask_lan").ask_lan(plan, facts)
    return asked


def find_mentions(network: str, facts: Facts) -> Facts:
    """Find what else on this host names a network that domains are to leave: hooks of libvirt, rules of the firewall.

    Returns:
        The facts with `mentions`, which `plan_migration` warns of; rules of the firewall need root.
    """
    found: Facts = import_module("vmnet.apply.find_mentions").find_mentions(network, facts)
    return found


def plan_undo(facts: Facts, run: str | None = None) -> Plan:
    """Plan to take a run back; None: the last one that stands. Changes nothing; reading the journal needs root.

    Raises:
        SpecError: there is no such run.
        Refused: something that came later rests on it.
    """
    plan: Plan = import_module("vmnet.apply.undo").plan_undo(facts, run)
    return plan


def apply(
    plan: Plan,
    facts: Facts,
    *,
    progress: Callable[[Progress], None] | None = None,
    uri: str = SYSTEM_URI,
) -> RunResult:
    """Have a worker process carry out a plan, and wait for its end; when a step fails, everything before is taken back.

    Args:
        plan: what a `plan_` function returned.
        facts: what the plan was made from.
        progress: called as each step begins and ends.

    Raises:
        KeyboardInterrupt: by SIGINT, as usual; the run is taken back by then.
        Refused: not root.
        Conflict: another change is in progress.
        ToolError, LinkError, HypervisorError: a step failed; the state before is back.
        UndoIncomplete: a step failed, and `left` holds the commands to finish by hand.
    """
    result: RunResult = import_module("vmnet.apply.follow").apply(plan, facts, progress=progress, uri=uri)
    return result


def undo(
    run: str | None = None, *, progress: Callable[[Progress], None] | None = None, uri: str = SYSTEM_URI
) -> RunResult:
    """Take a run back: `plan_undo` and `apply` in one.

    Raises:
        As `plan_undo` and `apply`.
    """
    facts = read_facts(uri=uri)
    return apply(plan_undo(facts, run), facts, progress=progress, uri=uri)


def follow(run: str | None = None, *, progress: Callable[[Progress], None] | None = None) -> RunResult:
    """Follow a run from its first step to its end, as `apply` does with its own.

    Args:
        run: its id; None: the one that goes on now.

    Raises:
        SpecError: there is no such run, or none goes on.
        PermissionError: only root may read the journals.
        As `apply`.
    """
    result: RunResult = import_module("vmnet.apply.follow").follow(run, progress)
    return result


def confirm(run: str | None = None) -> str:
    """Confirm a run that waits for it (host-setup with `confirm_s`), from a connection made anew; return its id.

    Args:
        run: its id; None: the one that goes on now.

    Raises:
        SpecError: there is no such run, or none waits.
        Refused: this is the connection that the run was started from: that it lives proves nothing.
        PermissionError: only root may.
    """
    confirmed: str = import_module("vmnet.apply.confirm").confirm(run)
    return confirmed


def read_runs(run: str | None = None) -> tuple[RunRecord, ...]:
    """Return what became of the runs on this host, oldest first; of one of them, where `run` names it.

    Raises:
        SpecError: there is no such run.
        PermissionError: only root may read the journals.
    """
    history = import_module("vmnet.apply.history")
    records: tuple[RunRecord, ...] = history.read_runs() if run is None else (history.read_run(run),)
    return records


def last_goal() -> HostGoal | None:
    """Return what the last host-setup run that stands aimed at; None when there is none, or without root."""
    goal: HostGoal | None = import_module("vmnet.apply.undo").last_goal()
    return goal


def deduce_goal(facts: Facts, *, bridge: str | None = None, network: str | None = None) -> HostGoal:
    """Work out what a host is meant to be from its profiles, where no run tells it.

    Args:
        facts: the host as it is.
        bridge: the bridge's name; None: br0.
        network: the libvirt network's name; None: host-bridge.
    """
    goal: HostGoal = import_module("vmnet.checks.goal").deduce_goal(facts, bridge=bridge, network=network)
    return goal


def verify(goal: HostGoal | None, facts: Facts, plan: Plan | None = None) -> tuple[Finding, ...]:
    """Compare what is wanted with what nmcli, the kernel and libvirt show.

    Args:
        goal: from `last_goal` or a plan; None: as `deduce_goal` works it out.
        facts: read after the change.
        plan: a domain plan that was carried out: what it moved is looked at, too.

    Returns:
        One finding a line; `ok` is False where something differs.
    """
    findings: tuple[Finding, ...] = import_module("vmnet.checks.verify").check_host(goal, facts, plan)
    return findings
