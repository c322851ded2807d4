"""The host as a graph, from the switch down to the domains, with the state of each node and edge.

All forms of `vmnet status` are made from these frozen records.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


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
