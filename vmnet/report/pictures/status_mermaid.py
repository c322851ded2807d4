"""The topology as a Mermaid flowchart, which GitHub, GitLab and many wikis draw where they find it in a page."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks.topology import Node, Role, State, Topology
from vmnet.names import printable
from vmnet.report.pictures.status_cards import FILLS, INK, MARKS, STROKES
from vmnet.report.pictures.status_groups import View, counted

_PLAIN = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,:/_-()")
_LONGEST = 60


def render_mermaid(topology: Topology, *, every: bool = False) -> str:
    """Return the flowchart; where domains are many, the healthy ones of a place are one box.

    Args:
        every: a box for every domain.
    """
    return "\n".join((*_Chart(View(topology), every=every).lines(), ""))


def quoted(text: str) -> str:
    """Return text for a quoted label: all that could mean something to Mermaid, or to HTML, as a character's number."""
    text = printable(text)
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return "".join(c if c in _PLAIN else f"#{ord(c)};" for c in text)


class _Chart:
    def __init__(self, view: View, *, every: bool) -> None:
        self._view = view
        self._every = every
        self._ids = {node.key: f"n{number}" for number, node in enumerate(view.topology.nodes)}
        self._drawn: set[str] = set()

    def lines(self) -> Iterator[str]:
        """Yield the chart line by line; a name from outside is in quotes only."""
        yield "flowchart TB"
        for state in State:
            colours = f"fill:{FILLS[state].light},stroke:{STROKES[state].light},color:{INK.light}"
            yield f"  classDef {state.value} {colours}"
        places = [node for node in self._view.topology.nodes if not self._view.is_leaf(node)]
        for node in places:
            counts = (counted(self._view.topology),) if node.role is Role.HOST else ()
            yield self._box(self._ids[node.key], node, counts)
        for edge in self._view.topology.edges:
            if not self._view.is_leaf(self._view.nodes[edge.below]):
                yield self._wire(self._ids[edge.above], self._ids[edge.below], edge.name, edge.state)
        for number, place in enumerate(places):
            yield from self._leaves(place, number)

    def _leaves(self, place: Node, number: int) -> Iterator[str]:
        group = self._view.group(place, every=self._every)
        above = self._ids[place.key]
        for leaf in group.shown:
            below = self._ids[leaf.node.key]
            if below not in self._drawn:
                self._drawn.add(below)
                yield self._box(below, leaf.node, (), leaf.state)
            for edge in leaf.edges:
                yield self._wire(above, below, " ".join((edge.name, *edge.words[:1])).strip(), edge.state)
        if group.folded:
            state = State.ERROR if any(leaf.trouble for leaf in group.folded) else State.OK
            yield f'  m{number}["{quoted(group.summary)}"]:::{state.value}'
            yield f"  {above} --- m{number}"

    def _box(self, name: str, node: Node, more: tuple[str, ...], state: State | None = None) -> str:
        said = tuple(r.text for r in node.remarks[:2] if r.state in (State.ERROR, State.WARNING))
        role = () if node.role is Role.DOMAIN else (node.role.value,)
        shown = state or node.state
        head = f"<b>{quoted(MARKS[shown] + node.name)}</b>"
        label = "<br/>".join((head, *(quoted(text) for text in (*role, *node.words, *more, *said))))
        return f'  {name}["{label}"]:::{shown.value}'

    @staticmethod
    def _wire(above: str, below: str, name: str, state: State) -> str:
        line = "---" if state is State.OK else "-.-"
        return f'  {above} {line}|"{quoted(name)}"| {below}' if name else f"  {above} {line} {below}"
