"""The topology in Graphviz's language, laid out from the switch down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from vmnet.checks.topology import Edge, Node, Role, State, Topology
from vmnet.report.pictures.status_cards import GROUND, MUTED, SMALL, STROKES, WIRE, card, font, panel, safe, title
from vmnet.report.pictures.status_groups import Leaf, View

CARDS = 6
"""Up to so many domains each is a card of its own, with a wire to each of its networks."""

_STYLES = {State.ERROR: "dashed", State.WARNING: "solid", State.OK: "solid", State.IDLE: "dotted"}
_LABEL = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing:
    """DOT text, and by id the node, panel leaf or edge that it draws."""

    dot: str
    things: dict[str, Node | Leaf | Edge]


def render_dot(topology: Topology, *, every: bool = False) -> Drawing:
    """Return the host as a graph for `dot`.

    Args:
        every: draw every domain; else a panel has only so many that it can be read.
    """
    drawer = _Drawer(View(topology), every=every)
    lines = tuple(drawer.lines())
    return Drawing(dot="\n".join(lines) + "\n", things=drawer.things)


class _Drawer:
    def __init__(self, view: View, *, every: bool) -> None:
        self._view = view
        self._every = every
        self._ids = {node.key: f"n{number}" for number, node in enumerate(view.topology.nodes)}
        self.things: dict[str, Node | Leaf | Edge] = {}
        self._cards = view.size <= CARDS

    def lines(self) -> Iterator[str]:
        """Yield the graph line by line. Text from outside is in HTML-like labels only."""
        topology = self._view.topology
        yield "digraph host {"
        yield f'  graph [bgcolor="{GROUND.light}", rankdir=TB, nodesep=0.35, ranksep=0.38, pad=0.25,'
        yield f'    fontname="Helvetica", labelloc=t, labeljust=l, label=<{title(topology)}>]'
        yield '  node [shape=plain, fontname="Helvetica", fontsize=13]'
        yield f'  edge [fontname="Helvetica", fontsize={SMALL}, arrowhead=none, fontcolor="{MUTED.light}"]'
        drawn = [x for x in self._in_order() if x.role is not Role.HOST and not self._folded(x)]
        for node in drawn:
            yield self._node(node)
        bridges = " ".join(self._ids[node.key] for node in drawn if node.role is Role.BRIDGE)
        yield f"  {{ rank=same; {bridges} }}"
        for number, edge in enumerate(topology.edges):
            if not self._folded(self._view.nodes[edge.below]):
                yield self._edge(edge, number)
        if not self._cards:
            for number, place in enumerate(drawn):
                yield from self._panel(place, number)
        yield "}"

    def _folded(self, node: Node) -> bool:
        return not self._cards and self._view.is_leaf(node)

    def _in_order(self) -> list[Node]:
        """The bridges that lead out of the host with all that belongs to them first: dot begins at the left."""
        nodes = self._view.nodes
        found: dict[str, None] = {}
        todo = [x.key for x in self._view.of(Role.BRIDGE) if not self._view.above(x)]
        todo += [x.key for x in self._view.of(Role.BRIDGE) if self._view.above(x)]
        while todo:
            key = todo.pop()
            if key not in found:
                found[key] = None
                todo += [edge.above for edge in reversed(self._view.above(nodes[key]))]
                todo += [edge.below for edge in reversed(self._view.below(nodes[key]))]
        return [*(nodes[key] for key in found), *(node for key, node in nodes.items() if key not in found)]

    def _node(self, node: Node) -> str:
        name = self._ids[node.key]
        self.things[name] = node
        return f'  {name} [id="{name}", label=<{card(node)}>]'

    def _edge(self, edge: Edge, number: int) -> str:
        name = f"e{number}"
        self.things[name] = edge
        below = self._view.nodes[edge.below]
        words = [edge.name, *edge.words[:1]] if below.role is Role.DOMAIN else [edge.name]
        # Room between the wire and its words.
        label = "<BR/>".join(font(f"&#160;{safe(word, _LABEL)}", MUTED, SMALL) for word in words if word)
        # An empty HTML-like label is a syntax error.
        text = f", label=<{label}>" if label else ""
        ends = f"{self._ids[edge.above]} -> {self._ids[edge.below]}"
        return f'  {ends} [id="{name}", {_wire(edge.state)}{text}]'

    def _panel(self, place: Node, number: int) -> Iterator[str]:
        leaves = self._view.leaves(place)
        if not leaves:
            return
        ids = [f"{self._ids[leaf.node.key]}p{number}" for leaf in leaves]
        self.things.update(zip(ids, leaves, strict=True))
        name = f"p{number}"
        yield f"  {name} [label=<{panel(leaves, ids, every=self._every)}>]"
        yield f"  {self._ids[place.key]} -> {name} [{_wire(place.state if place.state is State.IDLE else State.OK)}]"


def _wire(state: State) -> str:
    colour = STROKES[state] if state in (State.ERROR, State.WARNING) else WIRE
    width = 1.2 if state is State.IDLE else 1.8
    return f'color="{colour.light}", style={_STYLES[state]}, penwidth={width}'
