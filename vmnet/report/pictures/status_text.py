"""The topology as a tree of lines, on one screen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from vmnet.checks.topology import Node, Remark, Role, State, Topology
from vmnet.names import printable
from vmnet.report.pictures.status_groups import Leaf, View, counted
from vmnet.report.screen import Block, Line, Style

_STYLES = {State.ERROR: Style.BAD, State.WARNING: Style.WARNING, State.OK: Style.PLAIN, State.IDLE: Style.QUIET}
_MARKS = {State.ERROR: "!! ", State.WARNING: "! ", State.OK: "", State.IDLE: ""}
_REMARKS = 4
"""So many remarks of one link are shown; doctor has them all."""
_LONGEST = 110
_NAME = 24

_ASCII = str.maketrans({"│": "|", "├": "|", "└": "`", "─": "-"})


def render_status(topology: Topology, *, every: bool = False, ascii_only: bool = False) -> tuple[Block, ...]:
    """Return the host as a tree: bridges with their uplinks and ports, then all else.

    Args:
        every: show every domain; else many healthy ones become a count.
        ascii_only: draw the branches in ASCII, for a terminal that knows nothing else.
    """
    tree = _Tree(View(topology), every=every)
    lines = (*tree.lines(), *_unread(topology), Line(), _sum(topology))
    if not ascii_only:
        return lines
    return tuple(Line(line.text.translate(_ASCII), line.style) for line in lines)


class _Tree:
    def __init__(self, view: View, *, every: bool) -> None:
        self._view = view
        self._every = every
        self._told: set[str] = set()

    def lines(self) -> Iterator[Line]:
        """Yield the host, and each root with all that belongs to it."""
        (host,) = self._view.of(Role.HOST)
        yield Line(f"{host.name}: {counted(self._view.topology)}", Style.HEADING)
        yield from _remark_lines(host.remarks, "")
        for root in self._roots():
            if root.key not in self._told:
                yield Line()
                yield from self._node(root, "", "", root)

    def _roots(self) -> list[Node]:
        """The bridges that lead out of the host, the other bridges, then what is left of links and networks."""
        bridges = [node for node in self._view.of(Role.BRIDGE) if node.key.startswith("link:")]
        out = [node for node in bridges if self._uplinks(node)]
        bonds = [node for node in self._view.of(Role.BOND, Role.VLAN) if not self._into_bridge(node)]
        nics = list(self._view.of(Role.NIC))
        rest = self._view.of(Role.NETWORK, Role.ELSEWHERE)
        return [*out, *(node for node in bridges if node not in out), *bonds, *nics, *rest]

    def _uplinks(self, node: Node) -> list[Node]:
        return [self._view.nodes[edge.above] for edge in self._view.above(node)]

    def _into_bridge(self, node: Node) -> bool:
        return any(self._view.nodes[edge.below].role is Role.BRIDGE for edge in self._view.below(node))

    def _node(self, node: Node, first: str, rest: str, parent: Node) -> Iterator[Line]:
        """Yield a node's line, its remarks, and what belongs to it but its `parent` in the tree; `first` stands before
        its own line, `rest` before all others."""
        again = node.key in self._told
        self._told.add(node.key)
        yield Line(first + _head(node, self._cable(node)), _STYLES[node.state])
        if again:
            return
        children = [child for child in self._children(node) if child != parent]
        leaves = list(self._leaves(node))
        bar = f"{rest}{'│   ' if children or leaves else '    '}"
        yield from _remark_lines(node.remarks, bar)
        count = len(children) + len(leaves)
        for number, child in enumerate(children, start=1):
            last = number == count
            branch, trunk = ("└── ", "    ") if last else ("├── ", "│   ")
            yield from self._node(child, rest + branch, rest + trunk, node)
        for number, line in enumerate(leaves, start=len(children) + 1):
            yield Line(f"{rest}{'└── ' if number == count else '├── '}{line.text}", line.style)

    def _children(self, node: Node) -> list[Node]:
        """The links above a link, without switches, then those below it."""
        above = [x for x in self._uplinks(node) if x.role is not Role.SWITCH]
        below = [self._view.nodes[edge.below] for edge in self._view.below(node)]
        hanging = (Role.VLAN, Role.NETWORK, Role.PORT)
        hangs = [x for x in below if x.role in hanging and not self._view.is_leaf(x) and x.key not in self._told]
        return [*(above if node.role in (Role.BRIDGE, Role.BOND, Role.VLAN, Role.PORT) else ()), *hangs]

    def _cable(self, node: Node) -> str:
        """Where a NIC's cable leads."""
        ends = [edge for edge in self._view.above(node) if self._view.nodes[edge.above].role is Role.SWITCH]
        return ", ".join(" ".join(filter(None, (_switch(self._view.nodes[end.above]), end.name))) for end in ends)

    def _leaves(self, place: Node) -> Iterator[Line]:
        group = self._view.group(place, every=self._every)
        width = max((len(_mark(leaf.state) + leaf.node.name) for leaf in group.shown), default=0)
        yield from (_leaf(leaf, min(width, _NAME)) for leaf in group.shown)
        if group.folded:
            bad = any(leaf.trouble for leaf in group.folded)
            yield Line(group.summary, Style.BAD if bad else Style.QUIET)


def _switch(node: Node) -> str:
    return node.name if node.words and node.words[0].startswith("LLDP") else ", ".join((node.name, *node.words))


def _mark(state: State) -> str:
    return _MARKS[state]


def _head(node: Node, cable: str) -> str:
    plain = (Role.NIC, Role.BOND, Role.BRIDGE, Role.ELSEWHERE)
    role = "" if node.role in plain else f"{node.role.value} "
    words = [*node.words, *([f"on {cable}"] if cable else [])]
    return f"{_mark(node.state)}{role}{_short(node.name)}" + (f"  {', '.join(words)}" if words else "")


def _leaf(leaf: Leaf, width: int) -> Line:
    node = leaf.node
    taps = [" ".join(filter(None, (edge.name, ", ".join(edge.words)))) for edge in leaf.edges]
    words = "; ".join(filter(None, taps)) if node.role is Role.DOMAIN else ", ".join(node.words)
    still = node.words[0] if node.role is Role.DOMAIN and node.words and node.words[0] != "running" else ""
    said = "; ".join(remark.text for remark in leaf.remarks)
    tail = "  ".join(filter(None, (still, words, _short(said, _LONGEST))))
    return Line(f"{_mark(leaf.state) + _short(node.name):<{width}}  {tail}".rstrip(), _STYLES[leaf.state])


def _remark_lines(remarks: Iterable[Remark], indent: str) -> Iterator[Line]:
    found = tuple(remarks)
    for remark in found[:_REMARKS]:
        rule = f" ({remark.rule})" if remark.rule else ""
        style = Style.QUIET if remark.state is State.OK else _STYLES[remark.state]
        hint = f"; {remark.hint}" if remark.state is State.OK and remark.hint else ""
        yield Line(f"{indent}{_short(remark.text + hint, _LONGEST)}{rule}", style)
    if len(found) > _REMARKS:
        yield Line(f"{indent}and {len(found) - _REMARKS} more", Style.QUIET)


def _short(text: str, longest: int = 60) -> str:
    text = printable(text)
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def _unread(topology: Topology) -> Iterator[Line]:
    if topology.unread:
        yield Line()
    yield from (Line(f"not read: {text}", Style.QUIET) for text in topology.unread)


def _sum(topology: Topology) -> Line:
    worst = topology.state
    if worst in (State.ERROR, State.WARNING):
        return Line("vmnet doctor says what is wrong, and what to type", _STYLES[worst])
    return Line("all is as it should be", Style.GOOD)
