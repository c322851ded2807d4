"""Graphviz's picture -> what is written to a file: SVG or a page, for the eye in light and dark."""

from __future__ import annotations

from vmnet.checks.topology import State, Topology
from vmnet.documents.svg import dress_svg, make_page, print_svg
from vmnet.names import printable
from vmnet.report.pictures.status_cards import style_sheet
from vmnet.report.pictures.status_dot import Drawing
from vmnet.report.pictures.status_groups import counted
from vmnet.report.pictures.status_things import hovers, things


def render_svg(svg: bytes, drawing: Drawing, topology: Topology) -> bytes:
    """Return the SVG file: names to hover over, dark where the reader's screen is, all text as text."""
    hover = hovers(drawing, topology)
    return print_svg(dress_svg(svg, title=_title(topology), hovers=hover, style=style_sheet()))


def render_page(svg: bytes, drawing: Drawing, topology: Topology) -> bytes:
    """Return the HTML file, with the picture, a search box and details of what one points at."""
    # The page shows details of its own; two at a time would be one too many.
    picture = dress_svg(svg, title=_title(topology), hovers={}, style=style_sheet())
    words = [counted(topology)]
    words += ["something is wrong"] if topology.state in (State.ERROR, State.WARNING) else ["all is as it should be"]
    words += [f"not read: {text}" for text in topology.unread]
    return make_page(
        picture, heading=printable(topology.hostname), summary=printable("; ".join(words)),
        things=things(drawing, topology),
    )  # fmt: skip


def _title(topology: Topology) -> str:
    return printable(f"{topology.hostname}: {counted(topology)}")
