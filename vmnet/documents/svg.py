"""Graphviz's SVG made fit for people: names to hover over, a style sheet, no links that lead nowhere. And the page
around it: one HTML file that fetches nothing."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from typing import Any

from vmnet.documents.text import Element
from vmnet.errors import ToolError
from vmnet.names import json_text

SVG = "{http://www.w3.org/2000/svg}"
HREF = "{http://www.w3.org/1999/xlink}href"


def dress_svg(svg: bytes, *, title: str, hovers: Mapping[str, str], style: str) -> Element:
    """Return Graphviz's picture with what a reader hovers over, and a style sheet.

    Args:
        svg: as `dot -Tsvg` wrote it.
        title: what the picture is.
        hovers: by the id of a node or edge, or the `#id` that a cell of a table refers to: the text to show. What has
            none loses Graphviz's own, which is an id.
        style: the style sheet.

    Raises:
        ToolError: it is no SVG.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(svg, parser)
    except etree.XMLSyntaxError as error:
        raise ToolError(f"vmnet cannot read the SVG that dot wrote: {error}") from error
    for anchor in root.findall(f".//{SVG}a"):
        _unlink(anchor)
    for group in root.iter(f"{SVG}g"):
        _name(group, hovers.get(group.get("id") or "", ""))
    sheet = etree.Element(f"{SVG}style")
    sheet.text = style
    name = etree.Element(f"{SVG}title")
    name.text = title
    root.insert(0, name)
    root.insert(1, sheet)
    root.set("role", "img")
    root.set("aria-label", title)
    return root


def _unlink(anchor: Element) -> None:
    """Put what is in a cell's link into the group around it, which gets the id that the link refers to."""
    group = anchor.getparent()
    assert group is not None
    group.set("id", (anchor.get(HREF) or "").removeprefix("#"))
    group.set("class", "leaf")
    group.remove(anchor)
    group.extend(anchor)


def _name(group: Element, text: str) -> None:
    from lxml import etree

    old = group.find(f"{SVG}title")
    if old is not None:
        group.remove(old)
    if text:
        title = etree.Element(f"{SVG}title")
        title.text = text
        group.insert(0, title)


def print_svg(root: Element) -> bytes:
    """Return the picture as a file."""
    from lxml import etree

    return etree.tostring(root, xml_declaration=True, encoding="UTF-8") + b"\n"


def make_page(svg: Element, *, heading: str, summary: str, things: list[dict[str, Any]]) -> bytes:
    """Return the page.

    Args:
        svg: the picture, as `dress_svg` returns it.
        heading: the host.
        summary: how it is, in one line.
        things: what the page's script shows and searches; `ids` of each are those of the picture.
    """
    from lxml import etree, html

    page = html.document_fromstring(files("vmnet").joinpath("documents", "status.html").read_text("utf-8"))
    _part(page, "host").text = heading
    _part(page, "sum").text = summary
    # In a script element text ends at the next "</script"; in JSON a "<" may be written otherwise.
    _part(page, "things").text = json_text(things).replace("<", "\\u003c")
    svg.set("style", f"--w:{svg.get('width') or '100%'}")
    _part(page, "picture").append(svg)
    (title,) = page.iter("title")
    title.text = f"{heading} - vmnet status"
    text: str = etree.tostring(page, method="html", encoding="unicode", doctype="<!DOCTYPE html>")
    return text.encode("utf-8", "replace")


def _part(page: Element, name: str) -> Element:
    found = page.find(f".//*[@id='{name}']")
    assert found is not None, name
    return found
