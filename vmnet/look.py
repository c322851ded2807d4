"""The functions of the public API that change nothing: they read the host, its runs, and what is wrong."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmnet.checks.diagnostics import Trouble
    from vmnet.checks.findings import Finding
    from vmnet.checks.path_below import Path
    from vmnet.checks.rule_texts import Rule
    from vmnet.checks.topology import Topology
    from vmnet.facts import Facts
    from vmnet.plan.steps import Goals, Plan
    from vmnet.runs.records.history import RunRecord
    from vmnet.spec import BridgeSpec, HostSpec
    from vmnet.spec.words import HostWords

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
        uri: URI of the hypervisor.
        hypervisor: False: do not read libvirt.
        host: False: do not read NetworkManager and other facts that only host-setup needs. This is enough for domains.
        probes: for host-setup: ask gateways, name servers and the SSH peer whether they answer, and run these
            commands. None: ask nothing.
        closely: also read what only `diagnose` needs: filters, the next boot, and more.

    Returns:
        The facts. If a daemon does not answer, `nm_problem` or `libvirt_problem` says why.

    Raises:
        SpecError: a command in `probes` cannot be parsed.
    """
    read = import_module("vmnet.host.gather").read_facts
    facts: Facts = read(uri=uri, hypervisor=hypervisor, host=host, probes=probes, closely=closely)
    return facts


def find_duplicates(plan: Plan, facts: Facts) -> Facts:
    """Ask the LAN by ARP who has the static addresses that are new to this host. Takes a second and needs root.

    Args:
        plan: from `plan_host_setup`.
        facts: the facts that the plan was made from.

    Returns:
        The facts with `duplicates`: if there are any, plan again with these facts. Unchanged without root, or if no
        address is new.
    """
    found: Facts = import_module("vmnet.runs.asking").find_duplicates(plan, facts)
    return found


def ask_lan(plan: Plan, facts: Facts) -> Facts:
    """Ask the LAN that running domains move to: does it answer DHCP, and other MACs than the host's?

    Takes some seconds and needs root.

    Args:
        plan: from `plan_migration` or `plan_attach_domain`.
        facts: the facts that the plan was made from.

    Returns:
        The facts with `lan`: if it is set, plan again with these facts. Unchanged if no running domain moves, without
        root, or if the hypervisor runs on another machine.
    """
    asked: Facts = import_module("vmnet.runs.asking").ask_lan(plan, facts)
    return asked


def find_mentions(network: str, facts: Facts) -> Facts:
    """Find what else on this host names a network that domains leave: libvirt's hooks and firewall rules.

    Returns:
        The facts with `mentions`, which `plan_migration` warns of. Reading firewall rules needs root.
    """
    found: Facts = import_module("vmnet.runs.asking").find_mentions(network, facts)
    return found


def read_runs(run: str | None = None) -> tuple[RunRecord, ...]:
    """Return the runs on this host and their states, oldest first.

    Args:
        run: id of the only run to return. None: all.

    Raises:
        SpecError: there is no such run.
        PermissionError: only root may read the journals.
    """
    history = import_module("vmnet.runs.records.history")
    records: tuple[RunRecord, ...] = history.read_runs() if run is None else (history.read_run(run),)
    return records


def last_goals() -> tuple[BridgeSpec, ...]:
    """Return the goals of the completed host-setup runs, one for each bridge, the oldest first. Empty without root."""
    goals: tuple[BridgeSpec, ...] = import_module("vmnet.runs.undo").last_goals()
    return goals


def deduce_goal(facts: Facts, *, bridge: str | None = None, network: str | None = None) -> BridgeSpec:
    """Derive what is wanted of a host from its profiles, for a host without a recorded run.

    Args:
        facts: the host as it is now.
        bridge: name of the bridge. None: br0.
        network: name of the libvirt network. None: host-bridge.
    """
    goal: BridgeSpec = import_module("vmnet.checks.goal").deduce_goal(facts, bridge=bridge, network=network)
    return goal


def read_host_words(file: str) -> HostWords:
    """Return what a TOML file wants of a host. `vmnet.spec.words.parse_host` makes a HostSpec of it.

    Raises:
        SpecError: the file cannot be read, or a key or value is wrong; the message names the key.
    """
    words: HostWords = import_module("vmnet.host.files.spec_file").read_host_words(file)
    return words


def wanted_goals(spec: HostSpec, facts: Facts) -> tuple[BridgeSpec, ...]:
    """Return what `spec` wants of this host, for `verify`. What it leaves open is derived by `deduce_goal`.

    Raises:
        SpecError, Refused: the request contradicts itself, or does not fit this host.
    """
    goals: tuple[BridgeSpec, ...] = import_module("vmnet.checks.goal").wanted_goals(spec, facts)
    return goals


def verify(goals: Goals, facts: Facts, plan: Plan | None = None) -> tuple[Finding, ...]:
    """Compare what is wanted with what nmcli, the kernel and libvirt show.

    Args:
        goals: from `last_goals`, `wanted_goals` or a plan. None or empty: derived by `deduce_goal`.
        facts: the facts, read after the change.
        plan: a domain plan that was carried out. verify checks what it moved, too.

    Returns:
        The findings. `ok` is False if something differs.
    """
    findings: tuple[Finding, ...] = import_module("vmnet.checks.diagnostics").check_host(goals, facts, plan)
    return findings


def status(goals: Goals, facts: Facts) -> Topology:
    """Return the host as a graph of switches, links, networks and domains, each with its connections and state.

    Args:
        goals: from `last_goals`. None or empty: derived by `deduce_goal`.
        facts: the host as it is now.
    """
    topology: Topology = import_module("vmnet.checks.status").describe_host(goals, facts)
    return topology


def draw(topology: Topology, form: str, *, every: bool = False) -> bytes:
    """Return a picture of the host as the content of a file. Graphviz computes the layout.

    Args:
        topology: from `status`.
        form: "svg", "png" or "html".
        every: draw every domain, even if there are too many to read.

    Raises:
        ToolError: Graphviz's dot is missing or fails.
    """
    picture: bytes = import_module("vmnet.drawing").draw(topology, form, every=every)
    return picture


def diagnose(goals: Goals, facts: Facts) -> tuple[Trouble, ...]:
    """Return what is wrong on this host, the worst first, each with the text of its rule.

    Args:
        goals: from `last_goals`. None or empty: derived by `deduce_goal`.
        facts: from `read_facts` with `closely`.
    """
    troubles: tuple[Trouble, ...] = import_module("vmnet.checks.diagnostics").diagnose(goals, facts)
    return troubles


def walk_path(domain: str, troubles: tuple[Trouble, ...], facts: Facts) -> tuple[Path, ...]:
    """Return the path of each interface of a domain, hop by hop, from the guest to the gateway.

    Args:
        domain: name or UUID of the domain.
        troubles: from `diagnose` with the same facts.
        facts: from `read_facts` with `closely`.

    Raises:
        HypervisorError: libvirt is out of reach.
        SpecError: there is no such domain.
    """
    found = import_module("vmnet.plan.domains.destination").find_domain(domain, facts)
    paths: tuple[Path, ...] = import_module("vmnet.checks.path").walk(found, facts, troubles)
    return paths


def probe_lan(goals: Goals, facts: Facts, *, domain: str | None = None) -> Facts:
    """Send probes to the LAN behind a bridge. Takes some seconds and needs root.

    With a new MAC, it asks for the gateway by ARP and for an address by DHCP. It pings the gateway with large packets,
    and asks by ARP for the addresses that guests had behind NAT.

    Args:
        goals: from `last_goals`. None or empty: derived by `deduce_goal`. The first bridge on which the host has an
            address is used.
        facts: the host as it is now.
        domain: name or UUID of a domain, whose bridge is used instead.

    Returns:
        The facts with `lan`, for `diagnose`. What could not be asked is in `unread`.

    Raises:
        HypervisorError: libvirt is out of reach, and a domain is named.
        SpecError: there is no such domain.
    """
    wanted = import_module("vmnet.checks.goal").goals_of(goals, facts)
    bridge = min(wanted, key=lambda goal: goal.no_address).bridge
    if domain is not None:
        found = import_module("vmnet.plan.domains.destination").find_domain(domain, facts)
        bridge = import_module("vmnet.checks.path").lan_bridge(found, facts) or bridge
    asked: Facts = import_module("vmnet.runs.asking").probe_lan(bridge, facts)
    return asked


def read_rules() -> dict[str, Rule]:
    """Return all rules by id: what each expects, why that matters, and what helps."""
    rules: dict[str, Rule] = import_module("vmnet.checks.rule_texts").read_rules()
    return rules
