"""Pictures as Graphviz really draws them, and those of docs/pictures, which are made here: `--regenerate`."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lxml import etree

from tests import facts_samples, status_samples
from vmnet.checks.status import describe_host
from vmnet.documents.svg import SVG
from vmnet.drawing import draw
from vmnet.errors import ToolError
from vmnet.host import process
from vmnet.host.graphviz import lay_out
from vmnet.report.pictures.status_cards import style_sheet
from vmnet.report.pictures.status_dot import render_dot

if TYPE_CHECKING:
    from vmnet.checks.topology import Topology
    from vmnet.facts import Facts

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
GOAL = replace(facts_samples.goal(), vlans=())
HARD = ('a"b', "a<b>&amp;c", "a\\Nb\\", "a\nb", "]]>-->", "{|}", "ünï", "%d")
SHOWN = {
    "three": status_samples.three(),
    "thirty": status_samples.thirty(),
    "three_hundred": status_samples.three_hundred(),
}


def topology(facts: Facts) -> Topology:
    return describe_host(GOAL, facts)


def texts(svg: bytes) -> list[str]:
    """All text of a picture, as a search finds it."""
    return [" ".join((text.text or "").split()) for text in etree.fromstring(svg).iter(f"{SVG}text")]


def made_of(facts: Facts) -> str:
    """What a picture is made of, as a short hash: machines with other fonts lay out the same differently."""
    return hashlib.sha256((render_dot(topology(facts)).dot + style_sheet()).encode()).hexdigest()[:16]


@pytest.mark.parametrize("name", SHOWN)
def test_the_pictures_of_the_docs_are_of_this_vmnet(name: str) -> None:
    path = PICTURES / f"{name}.svg"
    assert f"<!-- {made_of(SHOWN[name])} -->" in path.read_text("utf-8"), (
        "draw them again: pytest tests/runs/test_draw.py --regenerate -m process"
    )
    assert path.stat().st_size < 200_000


@pytest.mark.process
@pytest.mark.parametrize("name", SHOWN)
def test_the_pictures_of_the_docs_say_what_is_drawn_now(name: str, regenerate: bool) -> None:
    path, drawn = PICTURES / f"{name}.svg", draw(topology(SHOWN[name]), "svg")
    if regenerate:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(drawn + f"<!-- {made_of(SHOWN[name])} -->\n".encode())
    assert Counter(texts(path.read_bytes())) == Counter(texts(drawn))


@pytest.mark.process
@pytest.mark.parametrize("name", HARD)
@pytest.mark.parametrize("size", [2, 9])
def test_graphviz_takes_every_name(name: str, size: int) -> None:
    svg = draw(topology(status_samples.rename(status_samples.host(size), name)), "svg")
    shown = name.replace("\n", "\\n")
    assert any(shown in text for text in texts(svg))
    assert any(shown in (title.text or "") for title in etree.fromstring(svg).iter(f"{SVG}title"))


@pytest.mark.process
@pytest.mark.parametrize("size", [0, 1, 6, 7, 60, 61, 1000])
def test_an_svg_names_every_domain(size: int) -> None:
    facts = status_samples.host(size)
    svg = draw(topology(facts), "svg", every=True)
    assert {domain.name for domain in facts.domains} <= set(texts(svg))
    assert b"xlink:href" not in svg
    ids = [element.get("id") for element in etree.fromstring(svg).iter() if element.get("id")]
    assert len(ids) == len(set(ids))


@pytest.mark.process
@pytest.mark.parametrize("name", SHOWN)
def test_every_colour_of_a_picture_has_a_dark_one(name: str) -> None:
    svg = draw(topology(SHOWN[name]), "svg").decode()
    used = set(re.findall(r'(?:fill|stroke)="([^"]+)"', svg)) - {"none", "transparent"}
    assert len(used) > 8
    assert {colour for colour in used if f'="{colour}"]{{' not in style_sheet()} == set()


@pytest.mark.process
def test_png() -> None:
    assert draw(topology(status_samples.thirty()), "png").startswith(b"\x89PNG\r\n")


@pytest.mark.process
def test_a_graph_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(ToolError, match="syntax error"):
        lay_out("digraph {", "svg")


def test_without_graphviz_its_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(process, "PATH", str(tmp_path))
    with pytest.raises(ToolError) as raised:
        draw(topology(status_samples.three()), "svg")
    assert "apt install --no-install-recommends graphviz" in raised.value.hint
