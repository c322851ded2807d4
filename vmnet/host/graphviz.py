"""Graphviz's dot: lays a graph out and draws it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from vmnet.errors import ToolError
from vmnet.host.process import has_tool, run

DOT = "dot"
PNG_DPI = 144
_TIMEOUT_S = 120.0


def lay_out(graph: str, form: str) -> bytes:
    """Return the graph as a picture.

    Args:
        graph: in Graphviz's language.
        form: "svg" or "png", as dot's -T takes it.

    Raises:
        ToolError: dot is not there, or cannot draw the graph.
    """
    if not has_tool(DOT):
        raise ToolError(
            "dot, which draws the picture, is not installed",
            "sudo apt install --no-install-recommends graphviz\n"
            "or draw the graph on another machine: vmnet status --output dot",
            argv=(DOT, f"-T{form}"),
        )
    with TemporaryDirectory(prefix="vmnet-") as folder:
        source, picture = Path(folder) / "host.dot", Path(folder) / f"host.{form}"
        source.write_text(graph, encoding="utf-8")
        options = (f"-Gdpi={PNG_DPI}",) if form == "png" else ()
        run((DOT, f"-T{form}", *options, "-o", str(picture), str(source)), timeout_s=_TIMEOUT_S)
        return picture.read_bytes()
