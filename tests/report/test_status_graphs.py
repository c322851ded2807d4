"""status as DOT, Mermaid and HTML: whatever things are called, it is text and nothing else."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lxml import etree, html

from tests import facts_samples, status_samples
from tests.report.test_text import text_of
from vmnet.checks.status import describe_host
from vmnet.checks.topology import State, Topology
from vmnet.documents.svg import SVG
from vmnet.errors import ToolError
from vmnet.facts import Facts
from vmnet.names import printable
from vmnet.report.pictures import status_cards
from vmnet.report.pictures.status_dot import Drawing, render_dot
from vmnet.report.pictures.status_mermaid import quoted, render_mermaid
from vmnet.report.pictures.status_picture import render_page, render_svg
from vmnet.report.pictures.status_text import render_status

GOAL = replace(facts_samples.goal(), vlans=())
NASTY = st.text(st.characters() | st.sampled_from("\"'<>&\\\n#;%{}`|[]()\x1b\x00\u2028"), min_size=1, max_size=20)
SHOWN = 20
"""So much of a name is shown at least; a long one is cut."""
LABEL = re.compile(r"label=<(.*)>\]$")


def topology(facts: Facts) -> Topology:
    return describe_host(GOAL, facts)


def labels(drawing: Drawing) -> list[str]:
    return [found[1] for line in drawing.dot.splitlines() if (found := LABEL.search(line))]


def words(label: str) -> str:
    """What a label says, its markup read as Graphviz's expat reads it."""
    return "".join(etree.fromstring(f"<label>{label}</label>").itertext())


def pretended(drawing: Drawing) -> bytes:
    """An SVG as Graphviz writes it, of the drawing's ids and labels alone."""
    root = etree.Element(f"{SVG}svg", {"width": "100pt"}, {None: SVG[1:-1]})
    for name in drawing.things:
        group = etree.SubElement(root, f"{SVG}g", {"id": name})
        etree.SubElement(group, f"{SVG}title").text = name
    for label in labels(drawing):
        etree.SubElement(root, f"{SVG}text").text = words(label)
    return etree.tostring(root)


@given(name=NASTY, size=st.sampled_from([2, 9]))
def test_dot_keeps_every_name_within_a_label(name: str, size: int) -> None:
    plain = render_dot(topology(status_samples.rename(status_samples.host(size), "name")))
    drawing = render_dot(topology(status_samples.rename(status_samples.host(size), name)))
    said = "".join(words(label) for label in labels(drawing)).replace("\u00a0", " ")
    assert printable(name)[:SHOWN] in said
    # What is left without the labels is the same whatever things are called; no escape of Graphviz's own is left.
    assert skeleton(drawing) == skeleton(plain)
    assert "\\" not in drawing.dot


def skeleton(drawing: Drawing) -> list[str]:
    lines = drawing.dot.splitlines()
    return [LABEL.sub("", line) for line in lines]


@given(name=NASTY)
@example("²")
def test_mermaid_keeps_every_name_within_quotes(name: str) -> None:
    chart = render_mermaid(topology(status_samples.rename(status_samples.host(2), name)))
    coded = re.sub(r"#(\d+);", lambda match: chr(int(match[1])), chart)
    assert printable(name)[:SHOWN] in coded
    for line in chart.splitlines():
        assert line.count('"') in (0, 2)
        outside = re.sub(r'"[^"]*"', "", line)
        assert re.fullmatch(r"[\w\s:#,\[\]|.-]*", outside)
        (inside,) = re.findall(r'"([^"]*)"', line) or [""]
        assert set(re.findall(r"<[^>]*>", inside)) <= {"<b>", "</b>", "<br/>"}
        assert not set("&%`\\{}") & set(inside)


@given(name=NASTY)
def test_the_page_keeps_every_name_as_text(name: str) -> None:
    found = topology(status_samples.rename(status_samples.host(2), name))
    drawing = render_dot(found)
    page = html.document_fromstring(render_page(pretended(drawing), drawing, found).decode())
    plain = topology(status_samples.rename(status_samples.host(2), "name"))
    other = html.document_fromstring(
        render_page(pretended(render_dot(plain)), render_dot(plain), plain).decode(),
    )
    tags = [element.tag for element in page.iter()]
    assert tags == [element.tag for element in other.iter()]
    (data,) = page.findall(".//script[@id='things']")
    assert printable(name) in {thing["name"] for thing in json.loads(data.text or "")}


@given(name=NASTY)
def test_svg_keeps_every_name_as_text(name: str) -> None:
    found = topology(status_samples.rename(status_samples.host(2), name))
    drawing = render_dot(found)
    root = etree.fromstring(render_svg(pretended(drawing), drawing, found))
    titles = [title.text or "" for title in root.iter(f"{SVG}title")]
    assert any(printable(name) in title for title in titles)
    assert {etree.QName(element).localname for element in root.iter()} == {"svg", "title", "style", "g", "text"}


def test_quoted_leaves_usual_names_readable() -> None:
    assert quoted("web-01.example (a)") == "web-01.example (a)"
    assert quoted('a"b<c>#d') == "a#34;b#60;c#62;#35;d"


def test_many_domains_are_cells_and_every_one_of_them_can_be_found() -> None:
    facts = status_samples.host(1000)
    drawing = render_dot(topology(facts))
    assert "and 600 more" in "".join(map(words, labels(drawing))).replace("\u00a0", " ")
    assert "more" not in "".join(map(words, labels(render_dot(topology(facts), every=True))))
    page = html.document_fromstring(render_page(pretended(drawing), drawing, topology(facts)).decode())
    (data,) = page.findall(".//script[@id='things']")
    names = {thing["name"] for thing in json.loads(data.text or "")}
    assert {domain.name for domain in facts.domains} <= names


def test_mermaid_folds() -> None:
    few, many = (render_mermaid(topology(status_samples.host(size))) for size in (3, 300))
    assert few.count(":::ok") > 8
    assert "300 domains: 300 running" in many
    assert len(many.splitlines()) < 40
    assert len(render_mermaid(topology(status_samples.host(300)), every=True).splitlines()) > 600


@pytest.mark.parametrize("ground", ["light", "dark"])
def test_colours_can_be_read(ground: str) -> None:
    """WCAG 2.1 asks for a contrast of 4.5 of text on its ground."""

    def lightness(colour: status_cards.Colour) -> float:
        code = getattr(colour, ground)
        parts = [int(code[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(one: status_cards.Colour, other: status_cards.Colour) -> float:
        low, high = sorted((lightness(one), lightness(other)))
        return (high + 0.05) / (low + 0.05)

    for fill in (status_cards.GROUND, status_cards.CELL, *status_cards.FILLS.values()):
        assert contrast(status_cards.INK, fill) > 7
        assert contrast(status_cards.MUTED, fill) > 4.5
    for state in (State.ERROR, State.WARNING):
        assert contrast(status_cards.STROKES[state], status_cards.FILLS[state]) > 4.5


def test_each_colour_is_one_of_its_kind() -> None:
    assert len({colour.light for colour in status_cards.ALL}) == len(status_cards.ALL)


def test_what_is_no_svg_is_said() -> None:
    drawing = render_dot(topology(status_samples.three()))
    with pytest.raises(ToolError, match="SVG"):
        render_svg(b"<svg", drawing, topology(status_samples.three()))


@pytest.mark.parametrize("size", [2, 9])
def test_a_tunnel_into_the_bridge_is_no_leaf(size: int) -> None:
    """What stands between has a box of its own in every form, and every wire ends in boxes that are there."""
    tunnel = facts_samples.link("vxlan5", 70, kind="vxlan", controller="br0", bridge_port_state="forwarding")
    veth = facts_samples.link("veth6", 71, kind="veth", controller="br0", bridge_port_state="forwarding")
    vlan = facts_samples.link("veth6.7", 72, kind="vlan", parent="veth6")
    facts = status_samples.host(size)
    found = topology(replace(facts, links=(*facts.links, tunnel, veth, vlan)))
    drawing, chart = render_dot(found), render_mermaid(found)
    boxes = set(re.findall(r"^  ([np][0-9]+) \[", drawing.dot, re.MULTILINE))
    ends = {end for pair in re.findall(r"^  (\w+) -> (\w+)", drawing.dot, re.MULTILINE) for end in pair}
    assert ends <= boxes
    drawn = set(re.findall(r"^  (\w+)\[", chart, re.MULTILINE))
    wires = re.findall(r'^  (\w+) -[-.]-(?:\|"[^"]*"\|)? (\w+)$', chart, re.MULTILINE)
    assert {end for pair in wires for end in pair} <= drawn
    assert len(wires) > 8
    text = text_of(render_status(found))
    assert "├── port vxlan5" in text
    assert re.search(r"port veth6 .*\n│   └── VLAN veth6.7", text)
