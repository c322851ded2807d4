"""Every command that a rule prints does, pasted into a shell, what was meant, whatever the names in it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests import facts_samples as samples
from tests.hostile.pasted import Line, check, in_text, one_of_a_kind, plain_calls
from tests.hostile.recorded import facts_of_rules
from tests.hostile.shells import Sandbox
from tests.hostile.tokens import HOSTILE, PLAIN, TOKEN, Names, names_of
from vmnet.checks.diagnostics import diagnose
from vmnet.checks.rule_texts import read_rules
from vmnet.spec import BondSpec, NoAddress

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hostile.pasted import Called
    from vmnet.checks.findings import Finding
    from vmnet.facts import Facts
    from vmnet.spec import BridgeSpec

pytestmark = pytest.mark.process

STP = (("stp", "yes"),)
GOALS = (
    samples.goal(),
    replace(samples.goal_with(dhcp=True), options=STP, mtu=9000),
    replace(samples.goal(), address=NoAddress()),
    replace(samples.goal(), bond=BondSpec(options=(("min_links", "2"),)), options=(("priority", "4096"),)),
)
# Where nothing that could be typed would do what is meant: no bridge has such a name, nft cannot say it.
NO_COMMAND = (
    "bond.mac", "bond.mode", "bond.mtu", "bond.ports", "bridge.loop", "bridge.mac", "bridge.mtu", "bridge.vlan",
    "domain.added", "domain.direct", "domain.left", "domain.moved", "domain.rewritten", "management.profile",
    "management.unchanged", "network.bridge", "nic.mac", "nic.mtu", "nm.running", "profile.left-over",
)  # fmt: skip
MAY_HAVE_NONE = ("domain.session-bridge", "filter.br-netfilter-drops", "filter.bridge-table-drops", "lacp.same-speed")


def findings(goal: BridgeSpec, facts: Facts, form: str) -> tuple[Finding, ...]:
    names, known = Names(), names_of(facts)
    renamed = diagnose(names.rename(goal, known, form), names.rename(facts, known, form))
    return tuple(trouble.finding for trouble in renamed)


@cache
def hosts() -> tuple[tuple[BridgeSpec, Facts, tuple[Finding, ...]], ...]:
    """Return the facts each of which has a rule print what it prints for none before, and what is found on them."""
    kinds: set[tuple[str, str]] = set()
    chosen = []
    for goal, facts in itertools.product(GOALS, facts_of_rules()):
        found = findings(goal, facts, PLAIN)
        texts = ((f.rule, text) for f in found for text in (f.shown_by, *f.fix, f.hint))
        new = {(rule, TOKEN.sub("", text)) for rule, text in texts} - kinds
        if new:
            chosen.append((goal, facts, found))
            kinds |= new
    return tuple(chosen)


def pairs(form: str) -> Iterator[tuple[Finding, Finding]]:
    """Yield what is found with plain names and with names of the form, where the names make no difference to it."""
    for goal, facts, plain in hosts():
        odd = findings(goal, facts, form)
        if [finding.rule for finding in plain] == [finding.rule for finding in odd]:
            yield from zip(plain, odd, strict=True)


def lines(form: str) -> Iterator[Line]:
    for plain, odd in pairs(form):
        assert len(plain.fix) == len(odd.fix) or plain.rule in MAY_HAVE_NONE, plain.rule
        commands = zip((plain.shown_by, *plain.fix), (odd.shown_by, *odd.fix), strict=False)
        yield from (Line(plain.rule, before, after) for before, after in commands)
        for before, after in in_text(plain.hint, odd.hint):
            yield Line(plain.rule, f"word {before}", f"word {after}")


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Called:
    return plain_calls(lines(PLAIN), Sandbox(tmp_path_factory.mktemp("plain")))


def test_the_rules_are_there() -> None:
    rules = {line.of for line in lines(PLAIN) if line.plain}
    assert set(read_rules()) - rules == set(NO_COMMAND)


@pytest.mark.parametrize("form", HOSTILE)
def test_commands_of_rules(form: str, tmp_path: Path, wanted: Called) -> None:
    found = one_of_a_kind(lines(form))
    assert len(found) > 100
    check(found, form, Sandbox(tmp_path), wanted, MAY_HAVE_NONE)
