"""Draw the host: the graph from the report, the layout from Graphviz."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.host.graphviz import lay_out
from vmnet.report.pictures.status_dot import render_dot
from vmnet.report.pictures.status_picture import render_page, render_svg

if TYPE_CHECKING:
    from vmnet.checks.topology import Topology

FORMS = ("svg", "png", "html")


def draw(topology: Topology, form: str, *, every: bool = False) -> bytes:
    """Return a picture of the host as the content of a file. Graphviz computes the layout.

    Args:
        topology: from `status`.
        form: one of `FORMS`.
        every: draw every domain, even if there are too many to read.

    Raises:
        ToolError: Graphviz's dot is missing or fails.
    """
    drawing = render_dot(topology, every=every)
    if form == "png":
        return lay_out(drawing.dot, "png")
    svg = lay_out(drawing.dot, "svg")
    return render_page(svg, drawing, topology) if form == "html" else render_svg(svg, drawing, topology)
