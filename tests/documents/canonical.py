"""Compare documents of libvirt."""

from __future__ import annotations

from lxml import etree


def canonical(xml: str) -> str:
    """Return `xml` in canonical form (W3C C14N) without white space between elements and without comments.

    Two documents that mean the same to libvirt and keep their order give the same text.
    """
    root = etree.fromstring(xml.encode(), etree.XMLParser(remove_blank_text=True))
    return etree.tostring(root, method="c14n", with_comments=False).decode()
