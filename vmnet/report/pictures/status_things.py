"""What a reader of a picture sees when pointing at a thing: text to hover over, and the page's records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from vmnet.checks.topology import Edge, Node, Role, Topology
from vmnet.names import printable
from vmnet.report.pictures.status_dot import Drawing
from vmnet.report.pictures.status_groups import Leaf

Details = list[tuple[str, str]]


def hovers(drawing: Drawing, topology: Topology) -> dict[str, str]:
    """Return the text to hover over, by the id of what it belongs to."""
    names = {node.key: node.name for node in topology.nodes}
    return {name: "\n".join(map(printable, _hover(thing, names))) for name, thing in drawing.things.items()}


def _hover(thing: Node | Leaf | Edge, names: dict[str, str]) -> Iterator[str]:
    if isinstance(thing, Edge):
        yield f"{names[thing.above]} - {names[thing.below]}"
        yield from filter(None, (thing.name, *thing.words))
    else:
        node = thing.node if isinstance(thing, Leaf) else thing
        yield f"{node.name}: {', '.join((node.role.value, *node.words))}"
    yield from (remark.text + (f": {remark.hint}" if remark.hint else "") for remark in thing.remarks)
    if isinstance(thing, Leaf):
        yield from (", ".join(filter(None, (edge.name, *edge.words))) for edge in thing.edges)
        yield from (f"{what}: {how}" for edge in thing.edges for what, how in edge.details)
    else:
        yield from (f"{what}: {how}" for what, how in thing.details)


def things(drawing: Drawing, topology: Topology) -> list[dict[str, Any]]:
    """Return a record for each node and each wire of its own, also for domains that are folded away in the picture.

    Each has `ids` (in the picture), `name`, `what`, `state`, `details`, `remarks`, `wire`, and `text`, which is what
    a search looks in.
    """
    ids: dict[str, list[str]] = defaultdict(list)
    for name, thing in drawing.things.items():
        if not isinstance(thing, Edge):
            ids[(thing.node if isinstance(thing, Leaf) else thing).key].append(name)
    edges: dict[str, list[Edge]] = defaultdict(list)
    for edge in topology.edges:
        edges[edge.below].append(edge)
    names = {node.key: node.name for node in topology.nodes}
    nodes = [_of_node(node, ids[node.key], edges[node.key], names) for node in topology.nodes]
    wires = [(name, thing) for name, thing in drawing.things.items() if isinstance(thing, Edge)]
    return [*nodes, *(_of_wire(name, edge, names) for name, edge in wires)]


def _of_node(node: Node, ids: list[str], edges: Iterable[Edge], names: dict[str, str]) -> dict[str, Any]:
    details: Details = []
    remarks = list(node.remarks)
    for edge in edges:
        own = edge.details if node.role is Role.DOMAIN else ()
        details.append(("on", " ".join(filter(None, (names[edge.above], edge.name)))))
        details += [("address", word) for word in edge.words]
        details += own
        remarks += edge.remarks
    return _thing(ids, node.name, (node.role.value, *node.words), node.state.value, [*details, *node.details], remarks)


def _of_wire(name: str, edge: Edge, names: dict[str, str]) -> dict[str, Any]:
    ends = f"{names[edge.above]} - {names[edge.below]}"
    record = _thing([name], ends, (edge.name, *edge.words), edge.state.value, list(edge.details), list(edge.remarks))
    return {**record, "wire": True}


def _thing(
    ids: list[str], name: str, what: Iterable[str], state: str, details: Details, remarks: Iterable[Any]
) -> dict[str, Any]:
    said = [
        {"state": r.state.value, "text": printable(r.text), "hint": printable(r.hint), "rule": r.rule} for r in remarks
    ]
    words = printable(", ".join(filter(None, what)))
    shown = [(what, printable(how)) for what, how in details]
    text = " ".join((printable(name), words, *(how for _, how in shown), *(str(r["text"]) for r in said)))
    return {
        "ids": ids, "name": printable(name), "what": words, "state": state, "details": shown, "remarks": said,
        "wire": False, "text": text.lower(),
    }  # fmt: skip
