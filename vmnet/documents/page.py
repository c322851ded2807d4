"""The page around a picture: one HTML file that fetches nothing."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING, Any

from vmnet.names import json_text

if TYPE_CHECKING:
    from lxml.etree import _Element


def make_page(svg: _Element, *, heading: str, summary: str, things: list[dict[str, Any]]) -> bytes:
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


def _part(page: _Element, name: str) -> _Element:
    found = page.find(f".//*[@id='{name}']")
    assert found is not None, name
    return found
