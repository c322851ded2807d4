"""Documents in and out of text: parse, print, compare, templates."""

from __future__ import annotations

from copy import deepcopy
from importlib.resources import files
from typing import TYPE_CHECKING

from vmnet.errors import HypervisorError

if TYPE_CHECKING:
    from lxml.etree import _Element


def parse_document(xml: str, *, blanks: bool = True) -> _Element:
    """Return the root element of `xml`.

    Entities are not resolved, nothing is fetched, and lxml's limits against huge trees stay on: a document may hold
    text that a guest's owner wrote.

    Args:
        xml: the document, as libvirt gives it.
        blanks: whether to keep white space between elements, so that the text comes out as it went in.

    Raises:
        HypervisorError: it is not well-formed.
    """
    from lxml import etree

    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, huge_tree=False, load_dtd=False, remove_blank_text=not blanks
    )
    try:
        return etree.fromstring(xml.encode(), parser)
    except etree.XMLSyntaxError as error:
        raise HypervisorError(f"libvirt's document cannot be read: {error}", "look at it with virsh dumpxml") from error


def print_document(element: _Element) -> str:
    """Return the element as text, without namespaces that only its surroundings need and without what follows it."""
    from lxml import etree

    alone = deepcopy(element)
    etree.cleanup_namespaces(alone)
    return etree.tostring(alone, encoding="unicode", with_tail=False)


def canonical(xml: str) -> str:
    """Return `xml` in canonical form (W3C C14N) without white space between elements and without comments.

    Two documents that mean the same to libvirt and keep their order give the same text.
    """
    from lxml import etree

    root = parse_document(xml, blanks=False)
    return etree.tostring(root, method="c14n", with_comments=False).decode()


def read_template(name: str) -> str:
    """Return the text of the document `name` in xml/."""
    return files("vmnet").joinpath("xml", name).read_text("utf-8")


def attribute(parent: _Element, child: str, name: str) -> str | None:
    """Return the attribute `name` of the element's child; None when either is missing."""
    element = parent.find(child)
    return None if element is None else element.get(name)
