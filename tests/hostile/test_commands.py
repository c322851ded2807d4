"""Every command that is printed does, pasted into a shell, what was meant, whatever the names in it."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING

import pytest

from tests import facts_samples as samples
from tests.hostile.recorded import facts_of_rules
from tests.hostile.shells import SHELLS, Sandbox
from tests.hostile.tokens import HOSTILE, PLAIN, TOKEN, Names, names_of, with_form
from tests.test_shell_words import SPELT_COMMAND
from vmnet.checks.doctor import diagnose
from vmnet.checks.rules import read_rules

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.hostile.shells import Argv
    from vmnet.checks.findings import Finding
    from vmnet.facts import Facts
    from vmnet.plan.steps import HostGoal

GOALS = (samples.goal(), replace(samples.goal(), stp=True, dhcp=True, mtu=9000))
REFUSED = "# cannot be typed: "
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# Where nothing that could be typed would do what is meant: no bridge has such a name, nft cannot say it.
NO_COMMAND = (
    "bond.mac", "bond.mode", "bond.mtu", "bond.ports", "bridge.loop", "bridge.mac", "bridge.mtu", "bridge.vlan",
    "domain.added", "domain.direct", "domain.left", "domain.moved", "domain.rewritten", "management.profile",
    "management.unchanged", "network.bridge", "nic.mac", "nic.mtu", "nm.running", "profile.left-over",
)  # fmt: skip
MAY_HAVE_NONE = ("domain.session-bridge", "filter.br-netfilter-drops", "filter.bridge-table-drops", "lacp.same-speed")


@dataclass(frozen=True)
class Line:
    """A command with a hostile name, and the same with a plain one."""

    rule: str
    plain: str
    text: str


def findings(goal: HostGoal, facts: Facts, form: str) -> tuple[Finding, ...]:
    names, known = Names(), names_of(facts)
    renamed = diagnose(names.rename(goal, known, form), names.rename(facts, known, form))
    return tuple(trouble.finding for trouble in renamed)


@cache
def hosts() -> tuple[tuple[HostGoal, Facts], ...]:
    """Return the facts each of which has a rule print what it prints for none before."""
    kinds: set[tuple[str, ...]] = set()
    chosen = []
    for goal, facts in itertools.product(GOALS, facts_of_rules()):
        found = findings(goal, facts, PLAIN)
        new = {(f.rule, *(TOKEN.sub("", text) for text in (f.shown_by, *f.fix, f.hint))) for f in found} - kinds
        if new:
            chosen.append((goal, facts))
            kinds |= new
    return tuple(chosen)


def pairs(form: str) -> Iterator[tuple[Finding, Finding]]:
    """Yield what is found with plain names and with names of the form, where the names make no difference to it."""
    for goal, facts in hosts():
        plain, odd = findings(goal, facts, PLAIN), findings(goal, facts, form)
        if [finding.rule for finding in plain] == [finding.rule for finding in odd]:
            yield from zip(plain, odd, strict=True)


def lines(form: str) -> Iterator[Line]:
    for plain, odd in pairs(form):
        assert len(plain.fix) == len(odd.fix) or plain.rule in MAY_HAVE_NONE, plain.rule
        commands = zip((plain.shown_by, *plain.fix), (odd.shown_by, *odd.fix), strict=False)
        yield from (Line(plain.rule, before, after) for before, after in commands)
        for before, after in in_text(plain.hint, odd.hint):
            yield Line(plain.rule, f"word {before}", f"word {after}")


def in_text(plain: str, odd: str) -> Iterator[tuple[str, str]]:
    """Yield the words with names in them that stand in commands of a text."""
    if REFUSED in odd:
        return
    words = list(re.finditer(rf"[^\s(]*{TOKEN.pattern}[^\s;:,)]*", plain))
    ends = [0, *(word.end() for word in words)]
    between = [plain[end : word.start()] for end, word in zip(ends, words, strict=False)]
    same = re.fullmatch("(.*?)".join(map(re.escape, (*between, plain[ends[-1] :]))), odd, re.DOTALL)
    assert same, (plain, odd)
    for word, other in zip(words, same.groups(), strict=True):
        if SPELT_COMMAND.search(plain[: word.start()]):
            yield word[0], other


def one_of_a_kind(found: Iterator[Line]) -> list[Line]:
    """Leave out what differs by its names alone."""
    return list({(line.rule, TOKEN.sub("zq", line.plain)): line for line in found}.values())


def meant(argv: Argv, form: str) -> Argv:
    return tuple(with_form(word, form) for word in argv)


def same(called: Argv, wanted: Argv) -> bool:
    """Whether a call is the one that was meant, said as that tool needs it."""
    if wanted[:4] == ("sudo", "nft", "list", "chain") and called == ("sudo", "nft", "list", "ruleset"):
        return True
    # No option comes after it.
    called, wanted = (tuple(word for word in argv if word != "--") for argv in (called, wanted))
    return len(called) == len(wanted) and all(
        word == name
        or (word == f'"{name}"' and "nft" in wanted)
        or (UUID.fullmatch(word) and name.startswith("-") and "virsh" in wanted)
        for word, name in zip(called, wanted, strict=True)
    )


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Argv]]:
    """What each line calls when its names are plain."""
    texts = list({line.plain: None for line in lines(PLAIN)})
    return dict(zip(texts, Sandbox(tmp_path_factory.mktemp("plain")).run("dash", texts), strict=True))


def test_the_rules_are_there() -> None:
    rules = {line.rule for line in lines(PLAIN) if line.plain}
    assert set(read_rules()) - rules == set(NO_COMMAND)


@pytest.mark.process
@pytest.mark.parametrize("form", HOSTILE)
def test_commands_of_rules(form: str, sandbox: Sandbox, wanted: dict[str, list[Argv]]) -> None:
    found = one_of_a_kind(lines(form))
    assert len(found) > 250
    for shell in SHELLS:
        done = sandbox.run(shell, (line.text for line in found))
        assert len(done) == len(found), "a line went on in the next one"
        for line, called in zip(found, done, strict=True):
            refused = line.text.startswith(REFUSED) and form.endswith("\n")
            none = not line.text and line.rule in MAY_HAVE_NONE
            expected = [] if refused or none else sorted(meant(argv, form) for argv in wanted[line.plain])
            assert len(called) == len(expected), (shell, line, called)
            assert all(map(same, called, expected)), (shell, line, called)
