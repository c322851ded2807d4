"""status as a tree: golden screens for 3, 30 and 300 domains, and that it stays one screen."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests import facts_samples, status_samples
from tests.report.test_text import text_of
from vmnet.checks.status import describe_host
from vmnet.report.pictures.status_text import render_status
from vmnet.report.screen import Line, Style

if TYPE_CHECKING:
    from vmnet.checks.topology import Topology
    from vmnet.facts import Facts

GOLDEN = Path(__file__).parent / "golden"
ONE_SCREEN = 40
GOAL = replace(facts_samples.goal(), vlans=())


def topology(facts: Facts) -> Topology:
    return describe_host(GOAL, facts)


SCREENS = {
    "status-3": topology(status_samples.three()),
    "status-30": topology(status_samples.thirty()),
    "status-300": topology(status_samples.three_hundred()),
    "status-missing": describe_host(
        facts_samples.goal(), facts_samples.without_link(facts_samples.end_state(), "bond0")
    ),
}


@pytest.mark.parametrize("name", SCREENS)
def test_golden(name: str, regenerate: bool) -> None:
    text = text_of(render_status(SCREENS[name]))
    path = GOLDEN / f"{name}.txt"
    if regenerate:
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")


@pytest.mark.parametrize("domains", [3, 30, 300, 3000])
@pytest.mark.parametrize("broken", [0, 1, 1000])
def test_it_stays_one_screen(domains: int, broken: int) -> None:
    facts = status_samples.host(domains, shut_off=domains // 3, behind_nat=domains // 10)
    dead = {f"vnet{number}" for number in range(broken)}
    facts = replace(facts, links=tuple(link for link in facts.links if link.ifname not in dead))
    lines = text_of(render_status(topology(facts))).splitlines()
    assert len(lines) <= ONE_SCREEN
    assert (lines[-1] == "all is as it should be") is (broken == 0)


def test_what_is_folded_away_is_counted() -> None:
    text = text_of(render_status(topology(status_samples.host(300, shut_off=20))))
    assert "300 domains: 280 running, 20 shut off" in text
    facts = status_samples.host(300)
    none = replace(facts, links=tuple(link for link in facts.links if link.kind != "tun"))
    text = text_of(render_status(topology(none)))
    assert text.count("no tap") == 10
    assert "290 more in trouble" in text


def test_all_shows_every_domain() -> None:
    facts = status_samples.three_hundred()
    text = text_of(render_status(topology(facts), every=True))
    assert {domain.name for domain in facts.domains} <= set(re.findall(r"\w+", text))


def test_lines_are_coloured_by_state() -> None:
    lines = [block for block in render_status(SCREENS["status-300"]) if isinstance(block, Line)]
    style = {line.text.strip("│├└─ !").split("  ")[0]: line.style for line in lines}
    assert style["build13"] is Style.BAD
    assert style["db03"] is Style.WARNING
    assert style["br0"] is Style.PLAIN


def test_branches_in_ascii() -> None:
    text = text_of(render_status(SCREENS["status-30"], ascii_only=True))
    assert text.isascii()
    assert "|-- em1" in text


def test_names_cannot_steer_the_terminal() -> None:
    text = text_of(render_status(topology(status_samples.rename(status_samples.three(), "a\x1b[31m\nb"))))
    assert "\x1b" not in text
    assert "a\\x1b[31m\\nb" in text
