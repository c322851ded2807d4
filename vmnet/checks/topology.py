"""The host as a graph, from the switch down to the domains, with the state of each node and edge.

All forms of `vmnet status` are made from these frozen records.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

from vmnet.checks.findings import Finding
from vmnet.checks.rule_texts import Severity, read_rules


class State(StrEnum):
    """State of a node or an edge, the worst first. IDLE: not in use now, such as a domain that is shut off."""

    ERROR = "error"
    WARNING = "warning"
    OK = "ok"
    IDLE = "idle"


_BADNESS = {State.ERROR: 3, State.WARNING: 2, State.OK: 1, State.IDLE: 0}


def worst(states: Iterable[State], default: State = State.IDLE) -> State:
    """Return the worst of the states; `default` where there are none."""
    return max(states, key=_BADNESS.__getitem__, default=default)


class Role(StrEnum):
    """Kind of a node. PORT: a tap or other port of a bridge that belongs to no domain. ELSEWHERE: the place of
    interfaces that use no bridge of the host, and of domains without an interface."""

    HOST = "host"
    SWITCH = "switch"
    NIC = "NIC"
    BOND = "bond"
    BRIDGE = "bridge"
    VLAN = "VLAN"
    PORT = "port"
    NETWORK = "network"
    ELSEWHERE = "elsewhere"
    DOMAIN = "domain"


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A remark on a node or an edge: what is wrong (ERROR, WARNING), or a note (OK).

    `rule` is the id of its rule, or "". `hint` says what helps.
    """

    state: State
    text: str
    rule: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node. `key` is its name in edges ("link:br0"). `words` are its most important properties, `details` the others,
    as (name, value)."""

    key: str
    role: Role
    name: str
    state: State
    words: tuple[str, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A connection. `above` is the end towards the switch. `name` is the switch port, or a domain's tap."""

    above: str
    below: str
    state: State
    name: str = ""
    words: tuple[str, ...] = ()
    details: tuple[tuple[str, str], ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Topology:
    """The whole host: nodes, edges, and what could not be read and why. Both ends of each edge are nodes."""

    hostname: str
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    unread: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """The worst state of all nodes; OK if nothing is wrong."""
        return worst((node.state for node in self.nodes), State.OK)


def link_key(ifname: str) -> str:
    """Return the key of a link."""
    return f"link:{ifname}"


def network_key(name: str) -> str:
    """Return the key of a libvirt network."""
    return f"network:{name}"


def remarked(state: State, remarks: Iterable[Remark]) -> State:
    """Return the state of something that the facts call `state`, once its remarks are heard; a note changes nothing."""
    bad = worst((remark.state for remark in remarks), State.IDLE)
    return bad if bad in (State.ERROR, State.WARNING) and _BADNESS[bad] > _BADNESS[state] else state


# Findings -> remarks of the nodes that they are about.

_STATES = {Severity.ERROR: State.ERROR, Severity.WARNING: State.WARNING, Severity.INFO: State.OK}
_ROLES = {"NIC": Role.NIC, "bond": Role.BOND, "bridge": Role.BRIDGE, "management": Role.NIC, "VLAN": Role.VLAN}
DOMAIN, NETWORK = "domain", "network"
LEFT = "domain.left"


class Remarks:
    """What findings say, by what they are about. Each may be taken once; what nobody takes is the host's.

    Args:
        findings: of verify, and of whatever else looks at the host. Those that are as wanted and have no hint are
            passed over.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._by_subject: dict[tuple[str, str], list[Remark]] = defaultdict(list)
        self._missing: dict[str, Role] = {}
        self.management: str | None = None
        self.left: Remark | None = None
        """That there are domains behind NAT; which ones, the edges show."""
        for finding in findings:
            if finding.rule == LEFT:
                self.left = replace(_remark(finding), text="these are still behind NAT")
                continue
            if finding.layer == "management":
                self.management = finding.subject
            if finding.hint or not finding.ok:
                self._by_subject[_kind(finding), finding.subject].append(_remark(finding))
                layer = "VLAN" if finding.rule == "bridge.vlan" else finding.layer
                if layer in _ROLES and not finding.ok:
                    self._missing.setdefault(finding.subject, _ROLES[layer])

    def take(self, subject: str, kind: str = "") -> tuple[Remark, ...]:
        """Take what is said about a link; about a network or domain, if `kind` says so, or about a domain's interface
        ("web01 52:54:00:..")."""
        return tuple(self._by_subject.pop((kind, subject), ()))

    def missing_links(self) -> tuple[tuple[str, Role], ...]:
        """Return the links that something is wrong with and that nobody has taken: they are not there."""
        return tuple((name, role) for name, role in self._missing.items() if ("", name) in self._by_subject)

    def rest(self) -> tuple[Remark, ...]:
        """Take all that is left, each with its subject in the text."""
        left = tuple(self._by_subject.items())
        self._by_subject.clear()
        return tuple(
            Remark(state=r.state, text=r.text if subject in ("all", "host") else f"{subject}: {r.text}", rule=r.rule,
                   hint=r.hint)
            for (_, subject), remarks in left for r in remarks
        )  # fmt: skip


def _kind(finding: Finding) -> str:
    return finding.layer if finding.layer in (DOMAIN, NETWORK) else ""


def _remark(finding: Finding) -> Remark:
    rule = read_rules().get(finding.rule)
    state = State.OK if finding.ok else _STATES[rule.severity] if rule else State.ERROR
    text = finding.seen if finding.ok else f"{finding.seen}; wanted {finding.wanted}"
    return Remark(state=state, text=text, rule=finding.rule, hint=finding.hint)
