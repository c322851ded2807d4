"""Compare documents of libvirt."""

from __future__ import annotations

from lxml import etree

from vmnet.documents.text import parse_document


def canonical(xml: str) -> str:
    """Return `xml` in canonical form (W3C C14N) without white space between elements and without comments.

    Two documents that mean the same to libvirt and keep their order give the same text.
    """
    root = parse_document(xml, blanks=False)
    return etree.tostring(root, method="c14n", with_comments=False).decode()
