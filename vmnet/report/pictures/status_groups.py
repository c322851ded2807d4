"""The topology as its renderers walk it: what is above and below, and domains in groups that can be folded."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vmnet.checks.topology import Edge, Node, Remark, Role, State, Topology, worst
from vmnet.lines import number_of

SHOWN = 10
"""So many domains of a group are shown one by one; of more, only those in trouble."""
FEW = 30
"""With more domains than this on the host, a group that is shown one by one has no more than `SMALL`."""
SMALL = 3
NAMED = 20
"""Up to so many folded names are shown in one line."""

_ORDER = tuple(State)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A domain, or another port, at the end of the tree, with its edges to one place."""

    node: Node
    edges: tuple[Edge, ...]

    @property
    def state(self) -> State:
        """How it is, at this place: a domain may be in trouble on another network."""
        return worst([*(edge.state for edge in self.edges), *(r.state for r in self.node.remarks if _bad(r.state))])

    @property
    def trouble(self) -> bool:
        """Whether something is wrong."""
        return _bad(self.state)

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What there is to say, the worst first."""
        found = (*(remark for edge in self.edges for remark in edge.remarks), *self.node.remarks)
        return tuple(sorted(found, key=lambda remark: _ORDER.index(remark.state)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The leaves of one place: `shown` one by one, and how many are folded away by what can be said of them."""

    place: Node
    shown: tuple[Leaf, ...]
    folded: tuple[Leaf, ...] = ()

    @property
    def size(self) -> int:
        """How many there are."""
        return len(self.shown) + len(self.folded)

    @property
    def summary(self) -> str:
        """The folded ones in words: "262 more domains: 240 running, 22 shut off"."""
        sick = sum(leaf.trouble for leaf in self.folded)
        well = [leaf for leaf in self.folded if not leaf.trouble]
        parts = [f"{sick} more in trouble"] if sick else []
        parts += [f"{len(well)} {'more ' if self.shown else ''}{noun(well)}: {_kinds(well)}"] if well else []
        names = ", ".join(leaf.node.name for leaf in self.folded)
        return "; ".join([*parts, *([names] if len(self.folded) <= NAMED else [])])


class View:
    """A topology with its edges sorted by their ends."""

    def __init__(self, topology: Topology) -> None:
        self.topology = topology
        self.nodes = {node.key: node for node in topology.nodes}
        self._above: dict[str, list[Edge]] = defaultdict(list)
        self._below: dict[str, list[Edge]] = defaultdict(list)
        for edge in topology.edges:
            self._above[edge.below].append(edge)
            self._below[edge.above].append(edge)
        self.size = sum(map(self.is_leaf, topology.nodes))

    def is_leaf(self, node: Node) -> bool:
        """Whether a node ends the tree: a domain, or a port that nothing stands on. A tunnel into a bridge is none."""
        return node.role in (Role.DOMAIN, Role.PORT) and node.key not in self._below

    def of(self, *roles: Role) -> Iterator[Node]:
        """Yield the nodes with one of these roles."""
        return (node for node in self.topology.nodes if node.role in roles)

    def above(self, node: Node) -> tuple[Edge, ...]:
        """Return the edges that lead from a node towards the switch."""
        return tuple(self._above.get(node.key, ()))

    def below(self, node: Node) -> tuple[Edge, ...]:
        """Return the edges that lead from a node away from the switch."""
        return tuple(self._below.get(node.key, ()))

    def leaves(self, place: Node) -> tuple[Leaf, ...]:
        """Return the domains and other ports that hang on a place, the worst first, then by name."""
        edges: dict[str, list[Edge]] = defaultdict(list)
        for edge in self.below(place):
            if self.is_leaf(self.nodes[edge.below]):
                edges[edge.below].append(edge)
        leaves = [Leaf(node=self.nodes[key], edges=tuple(found)) for key, found in edges.items()]
        return tuple(sorted(leaves, key=lambda leaf: (_ORDER.index(leaf.state), natural(leaf.node.name))))

    def group(self, place: Node, *, every: bool = False) -> Group:
        """Return the leaves of a place, folded where they are many: then only those in trouble are shown, `SHOWN` of
        them.

        Args:
            every: fold none away.
        """
        leaves = self.leaves(place)
        if every or len(leaves) <= (SHOWN if self.size <= FEW else SMALL):
            return Group(place=place, shown=leaves)
        shown = tuple(leaf for leaf in leaves if leaf.trouble)[:SHOWN]
        return Group(place=place, shown=shown, folded=leaves[len(shown) :])


def natural(name: str) -> list[tuple[bool, int, str]]:
    """Return a key that sorts web9 before web10."""
    parts = re.findall(r"[0-9]+|[^0-9]+", name)
    return [((number := number_of(part)) is None, number or 0, part) for part in parts]


def counted(topology: Topology) -> str:
    """Return how many domains there are and how they are: "275 domains run, 25 are shut off"."""
    states = [node.words[0] if node.words else "" for node in topology.nodes if node.role is Role.DOMAIN]
    if not states:
        return "no domain"
    running = states.count("running")
    others = [state for state in dict.fromkeys(states) if state != "running"]
    first = f"{running} domain{'' if running == 1 else 's'} running"
    return ", ".join([first, *(f"{states.count(state)} {state}" for state in others)])


def _bad(state: State) -> bool:
    return state in (State.ERROR, State.WARNING)


def noun(leaves: Sequence[Leaf]) -> str:
    """Return what leaves are: domains, ports, or both."""
    one = len(leaves) == 1
    roles = {leaf.node.role for leaf in leaves}
    word = "domain" if roles == {Role.DOMAIN} else "port" if roles == {Role.PORT} else "domain and port"
    return word if one else f"{word}s"


def _kinds(leaves: Sequence[Leaf]) -> str:
    words = [_what(leaf) for leaf in leaves]
    return ", ".join(f"{words.count(kind)} {kind}" for kind in dict.fromkeys(words))


def _what(leaf: Leaf) -> str:
    return leaf.node.words[0] if leaf.node.words else "there"
