"""Documents in and out of text: parse, print, compare, templates."""

from __future__ import annotations

import re
from copy import deepcopy
from importlib.resources import files
from typing import TYPE_CHECKING

from vmnet.errors import HypervisorError

if TYPE_CHECKING:
    from lxml.etree import _Element

    Element = _Element
else:
    # lxml is loaded when the first document is read.
    Element = object

MANY = 1000
"""Attributes of one element, or namespaces: libxml2 compares each with all others (80,000 attributes took 39 s)."""
_ATTRIBUTE = re.compile(r"=[ \t\r\n]*[\"']")
_LOOK = "read the document with virsh dumpxml or virsh net-dumpxml"


def parse_document(xml: str) -> Element:
    """Return the root element of `xml`.

    Entities are not resolved, nothing is fetched, and lxml's limits against huge trees stay on: a document may hold
    text that a guest's owner wrote. What libvirt never writes and lxml takes long for is refused beforehand: a DTD, and
    more than `MANY` attributes of one element or namespaces.

    Args:
        xml: the document, as libvirt gives it.

    Raises:
        HypervisorError: it is not well-formed, or is refused.
    """
    from lxml import etree

    strange = _strange(xml)
    if strange:
        raise HypervisorError(
            f"vmnet refuses to read a document of libvirt: {strange}, which libvirt never writes", _LOOK
        )
    parser = etree.XMLParser(
        # The encoding that a document declares does not count, or a DTD could be hidden in another one.
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        huge_tree=False,
        # Each xml:id would be looked for in all of the document.
        collect_ids=False,
        load_dtd=False,
    )
    try:
        return etree.fromstring(xml.encode(), parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise HypervisorError(f"vmnet cannot read a document of libvirt: {error}", _LOOK) from error


def _strange(xml: str) -> str:
    if "<!DOCTYPE" in xml:
        return "it has a DTD"
    if xml.count("xmlns") > MANY:
        return f"it has more than {MANY} namespaces"
    # No "<" can be in an attribute's value, so a tag ends where the next one begins, or earlier.
    if any(len(_ATTRIBUTE.findall(tag)) > MANY for tag in xml.split("<") if len(tag) > MANY):
        return f"an element has more than {MANY} attributes"
    comments = (text.partition("-->") for text in xml.split("<!--")[1:])
    # libxml2 copies the rest of the document for each "--" in a comment.
    return "it has an invalid comment" if any("--" in f"{text}-" or not end for text, end, _ in comments) else ""


def print_document(element: Element) -> str:
    """Return the element as text, without namespaces that only its surroundings need and without what follows it."""
    from lxml import etree

    alone = deepcopy(element)
    etree.cleanup_namespaces(alone)
    return etree.tostring(alone, encoding="unicode", with_tail=False)


def read_template(name: str) -> str:
    """Return the text of the document `name` in xml/."""
    return files("vmnet").joinpath("xml", name).read_text("utf-8")


def attribute(parent: Element, child: str, name: str) -> str | None:
    """Return the attribute `name` of the element's child; None when either is missing."""
    element = parent.find(child)
    return None if element is None else element.get(name)
