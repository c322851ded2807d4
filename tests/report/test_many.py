"""Reports about very many domains: each text once, no name dropped."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests import facts_samples, status_samples
from tests.report.test_text import text_of
from vmnet.checks.diagnostics import check_host, diagnose
from vmnet.checks.rule_texts import read_rules
from vmnet.report.findings import render_differences, render_troubles
from vmnet.report.json_forms import troubles_form

if TYPE_CHECKING:
    from vmnet.checks.diagnostics import Trouble
    from vmnet.facts import Facts

TAPS = 273
WHY = read_rules()["domain.tap"].why[:60]


def host(out: int) -> Facts:
    """A host with 300 domains; so many taps are out of their bridge."""
    facts = status_samples.host(300, shut_off=25)
    gone = {f"vnet{number}" for number in range(out)}
    links = (replace(link, controller=None) if link.ifname in gone else link for link in facts.links)
    return replace(facts, links=tuple(links))


def taps(out: int) -> tuple[Trouble, ...]:
    return tuple(t for t in diagnose(facts_samples.goal(), host(out)) if t.rule.id == "domain.tap")


def test_of_273_taps_out_of_their_bridge_each_is_named() -> None:
    troubles = diagnose(facts_samples.goal(), host(TAPS))
    text = text_of(render_troubles(troubles, ()))
    assert len(text.splitlines()) < 400
    assert text.count(WHY) == 1
    assert len(taps(TAPS)) == TAPS
    for trouble in taps(TAPS):
        assert f"{trouble.finding.subject}: {trouble.finding.seen}" in text
    assert "sudo vmnet doctor --fix domain.tap" in text
    commands = [t["finding"]["fix"] for t in troubles_form(troubles, ())["troubles"] if t["rule"]["id"] == "domain.tap"]
    assert len(commands) == TAPS
    assert all(commands)


@pytest.mark.parametrize("hint", ["", "{}: look at it"])
def test_what_differs_is_said_of_each(hint: str) -> None:
    odd = [
        replace(t, finding=replace(t.finding, wanted=f"tap in br{n}", hint=hint.format(n)))
        for n, t in enumerate(taps(20))
    ]
    text = text_of(render_troubles(tuple(odd), ()))
    assert text.count(WHY) == 1
    assert all(trouble.finding.wanted in text and trouble.finding.hint in text for trouble in odd)


def test_a_few_of_one_rule_keep_their_commands() -> None:
    troubles = taps(3)
    text = text_of(render_troubles(troubles, ()))
    assert text.count(WHY) == 1
    assert all(str(command) in text for t in troubles for command in (t.finding.shown_by, *t.finding.fix))
    other = replace(troubles[0], finding=replace(troubles[0].finding, hint="another hint"))
    assert "another hint" in text_of(render_troubles((other, *troubles[1:]), ()))


def test_verify_says_what_helps_once() -> None:
    findings = check_host(facts_samples.goal(), host(TAPS))
    text = text_of(render_differences(findings))
    (trouble, *_) = taps(TAPS)
    assert text.count(trouble.finding.hint) == 1
    hints = text.partition(trouble.finding.hint)[2]
    assert all(t.finding.subject in hints for t in taps(TAPS))
