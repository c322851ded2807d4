"""The functions of the public API that only look: at the host, at what was done there, at what is wrong."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmnet.apply.history import RunRecord
    from vmnet.checks.doctor import Trouble
    from vmnet.checks.findings import Finding
    from vmnet.checks.hops import Path
    from vmnet.checks.rules import Rule
    from vmnet.checks.topology import Topology
    from vmnet.facts import Facts
    from vmnet.plan.steps import HostGoal, Plan
    from vmnet.spec import HostSpec
    from vmnet.spec_words import HostWords

SYSTEM_URI = "qemu:///system"


def read_facts(
    *,
    uri: str = SYSTEM_URI,
    hypervisor: bool = True,
    host: bool = True,
    probes: tuple[str, ...] | None = None,
    closely: bool = False,
) -> Facts:
    """Read the kernel's links, NetworkManager's profiles and libvirt's networks and domains.

    Args:
        uri: the hypervisor's URI.
        hypervisor: False leaves libvirt out.
        host: False leaves NetworkManager and all that host-setup alone asks for out; for domains that is enough.
        probes: for host-setup: ask gateways, name servers and the SSH peer whether they answer, and run these commands
            of your own; None: do not.
        closely: read what `diagnose` looks at besides: filters, the next boot, and more.

    Returns:
        The facts; a daemon that does not answer is noted in them (`nm_problem`, `libvirt_problem`).

    Raises:
        SpecError: a command cannot be read.
    """
    read = import_module("vmnet.host.gather").read_facts
    facts: Facts = read(uri=uri, hypervisor=hypervisor, host=host, probes=probes, closely=closely)
    return facts


def find_duplicates(plan: Plan, facts: Facts) -> Facts:
    """Ask the LAN by ARP who has the static addresses that are new to this host; takes a second, and root.

    Args:
        plan: of `plan_host_setup`; where the facts that come back have `duplicates`, plan again with them.

    Returns:
        The facts with `duplicates`; unchanged where there is nothing to ask for, or without root.
    """
    found: Facts = import_module("vmnet.apply.duplicates").find_duplicates(plan, facts)
    return found


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
    """Return what the last host-setup run that was not undone aimed at; None when there is none, or without root."""
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


def read_host_words(file: str) -> HostWords:
    """Return what a TOML file says a host is to be; `vmnet.spec_words.parse_host` makes a HostSpec of it.

    Raises:
        SpecError: the file cannot be read, or says something wrong; the message names the key.
    """
    words: HostWords = import_module("vmnet.host.spec_file").read_host_words(file)
    return words


def wanted_goal(spec: HostSpec, facts: Facts) -> HostGoal:
    """Return what is wanted of this host, for `verify`, where `spec` asks for it; what it leaves open is as
    `deduce_goal` works it out.

    Raises:
        SpecError, Refused: what is asked for does not go together.
    """
    goal: HostGoal = import_module("vmnet.checks.goal").wanted_goal(spec, facts)
    return goal


def verify(goal: HostGoal | None, facts: Facts, plan: Plan | None = None) -> tuple[Finding, ...]:
    """Compare what is wanted with what nmcli, the kernel and libvirt show.

    Args:
        goal: from `last_goal`, `wanted_goal` or a plan; None: as `deduce_goal` works it out.
        facts: read after the change.
        plan: a domain plan that was carried out: what it moved is looked at, too.

    Returns:
        One finding a line; `ok` is False where something differs.
    """
    findings: tuple[Finding, ...] = import_module("vmnet.checks.verify").check_host(goal, facts, plan)
    return findings


def status(goal: HostGoal | None, facts: Facts) -> Topology:
    """Return the host as a graph: switches, links, networks and domains, what hangs on what, and how each is.

    Args:
        goal: from `last_goal`; None: as `deduce_goal` works it out.
        facts: the host as it is.
    """
    topology: Topology = import_module("vmnet.checks.status").describe_host(goal, facts)
    return topology


def draw(topology: Topology, form: str, *, every: bool = False) -> bytes:
    """Return a picture of the host as the content of a file; Graphviz lays it out.

    Args:
        topology: of `status`.
        form: "svg", "png" or "html".
        every: draw every domain, also where they are more than can be read.

    Raises:
        ToolError: Graphviz's dot is not there, or cannot draw.
    """
    picture: bytes = import_module("vmnet.apply.draw").draw(topology, form, every=every)
    return picture


def diagnose(goal: HostGoal | None, facts: Facts) -> tuple[Trouble, ...]:
    """Return what is wrong on this host, worst first, each with its rule in words.

    Args:
        goal: from `last_goal`; None: as `deduce_goal` works it out.
        facts: of `read_facts` with `closely`.
    """
    troubles: tuple[Trouble, ...] = import_module("vmnet.checks.doctor").diagnose(goal, facts)
    return troubles


def walk_path(domain: str, troubles: tuple[Trouble, ...], facts: Facts) -> tuple[Path, ...]:
    """Return the way of each of a domain's interfaces, hop by hop, from the guest to the gateway.

    Args:
        domain: its name or UUID.
        troubles: of `diagnose`, on the same facts.

    Raises:
        HypervisorError: libvirt was out of reach.
        SpecError: there is no such domain.
    """
    found = import_module("vmnet.plan.destination").find_domain(domain, facts)
    paths: tuple[Path, ...] = import_module("vmnet.checks.path").walk(found, facts, troubles)
    return paths


def probe_lan(goal: HostGoal | None, facts: Facts, *, domain: str | None = None) -> Facts:
    """Ask the LAN behind a bridge: the gateway by ARP, with a MAC that nobody knows, and by large packets; DHCP; and
    guests for the addresses that they had behind NAT. Sends traffic, takes some seconds, and root.

    Args:
        goal: from `last_goal`; None: as `deduce_goal` works it out. Its bridge is asked.
        domain: ask the bridge that this domain is on instead; its name or UUID.

    Returns:
        The facts with `lan`, for `diagnose`; what could not be asked is in `unread`.

    Raises:
        HypervisorError: libvirt was out of reach, and a domain is named.
        SpecError: there is no such domain.
    """
    bridge = (goal or deduce_goal(facts)).bridge
    if domain is not None:
        found = import_module("vmnet.plan.destination").find_domain(domain, facts)
        bridge = import_module("vmnet.checks.path").lan_bridge(found, facts) or bridge
    asked: Facts = import_module("vmnet.apply.ask_lan").probe_lan(bridge, facts)
    return asked


def read_rules() -> dict[str, Rule]:
    """Return all rules in words, by their ids: what each looks at, why it matters, what helps."""
    rules: dict[str, Rule] = import_module("vmnet.checks.rules").read_rules()
    return rules
