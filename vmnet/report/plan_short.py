"""The plan of a migration in brief: a line for each domain, and each remark once with the domains that it is about."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from vmnet.host.files.run_mark import RUNS
from vmnet.names import printable
from vmnet.plan import steps
from vmnet.plan.steps import MovedInterface, Plan
from vmnet.report.screen import Block, Line, Style
from vmnet.runs.records.journal import UNDO_SCRIPT
from vmnet.shell_words import Command, root

Rows = dict[str, list[MovedInterface]]

UNDO = root("sh", str(RUNS.parent / UNDO_SCRIPT))
_WIDTH = 110
_NAMED = 5
"""Up to so many domains are named in the line itself."""
_SUBJECT_WORDS = 8
"""What a warning is about has no more words."""


def brief(plan: Plan, details: Command) -> tuple[Block, ...]:
    """Return what happens to each domain, and besides.

    Args:
        details: the command that shows each step with its libvirt calls and document changes.
    """
    rows = _rows(plan)
    ways = Counter((row.was, row.wanted) for of_domain in rows.values() for row in of_domain)
    usual = max(ways, key=lambda way: ways[way], default=("", ""))
    way = f", from {usual[0]} to {usual[1]}" if ways else ""
    return (
        Line(
            f"{plan.command}: {counted(len(plan.planned), 'step')}, {counted(len(rows), 'domain')}{way}", Style.HEADING
        ),
        Line("  domain, state, and for each interface: what changes, and the guest's address now", Style.QUIET),
        *_domains(plan, rows, usual),
        Line(),
        *section("What the guests notice, and what is left to do by hand", _remarks(rows)),
        *section("Other steps", _others(plan)),
        *(Line(f"  {text}", Style.QUIET) for text in _rollback(plan)),
        Line(f"  each step with its libvirt calls and document changes: {details}", Style.QUIET),
        Line(),
    )


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: "1 step", "2 steps"."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def grouped(texts: Iterable[str]) -> Iterator[str]:
    """Yield texts, those that end alike together: what they have in common, and below it how each begins."""
    texts = tuple(texts)
    count = Counter(rest for text in texts for _, rest in _parted(text))
    kinds: dict[str, list[str]] = {}
    for text in texts:
        subject, rest = next((parts for parts in _parted(text) if count[parts[1]] > 1), ("", text))
        kinds.setdefault(rest, []).append(subject)
    for rest, subjects in kinds.items():
        yield from _with_names(rest, subjects) if any(subjects) else (rest,) * len(subjects)


def _parted(text: str) -> Iterator[tuple[str, str]]:
    """Yield a text's first words with its other words, the fewest first words first."""
    words = text.split(" ")
    for end in range(1, min(len(words) - 2, _SUBJECT_WORDS + 1)):
        yield " ".join(words[:end]), " ".join(words[end:])


def _with_names(text: str, names: list[str]) -> Iterator[str]:
    yield f"{text} ({len(names)}):"
    listed = ", ".join(map(printable, names))
    yield from (f"    {line}" for line in textwrap.wrap(listed, _WIDTH, break_long_words=False, break_on_hyphens=False))


def section(title: str, texts: Iterable[str], style: Style = Style.PLAIN) -> Iterator[Line]:
    """Yield a list under its title; a text that begins with spaces belongs to the one before. No text, no title."""
    lines = tuple(texts)
    if lines:
        yield Line(title, Style.HEADING)
        yield from (Line(text if text.startswith("    ") else f"  - {text}", style) for text in lines)
        yield Line()


def _rows(plan: Plan) -> Rows:
    """Return the interfaces by domain: the plan's rows, or what its steps say where it has none."""
    rows: Rows = {}
    for row in plan.rows:
        rows.setdefault(row.domain, []).append(row)
    scopes: dict[tuple[str, str], list[steps.MoveInterface]] = {}
    for planned in plan.planned:
        step = planned.step
        if isinstance(step, steps.MoveInterface) and not plan.rows:
            scopes.setdefault((step.domain, step.mac), []).append(step)
        elif isinstance(step, steps.IndependentStep):
            rows.setdefault(step.domain, [])
    for (domain, mac), moves in scopes.items():
        was, wanted = str(moves[0].was), str(moves[0].wanted)
        changes = tuple(dict.fromkeys(move.scope for move in moves))
        row = MovedInterface(domain=domain, state="", mac=moves[0].mac, was=was, wanted=wanted, scopes=changes)
        assert row.mac == mac
        rows.setdefault(domain, []).append(row)
    return rows


def _domains(plan: Plan, rows: Rows, usual: tuple[str, str]) -> Iterator[Line]:
    more: dict[str, list[str]] = {}
    for planned in plan.planned:
        step = planned.step
        if isinstance(step, steps.IndependentStep) and not _is_told(step, rows[step.domain]):
            more.setdefault(step.domain, []).append(str(step))
    names = {domain: printable(domain) for domain in rows}
    width = min(max(map(len, names.values()), default=0), 40)
    states = {domain: found[0].state if found else "" for domain, found in rows.items()}
    state_width = max(map(len, states.values()), default=0)
    for domain, found in rows.items():
        texts = [*(_interface(row, usual) for row in found), *more.get(domain, ())]
        yield Line(f"  {names[domain]:<{width}}  {states[domain]:<{state_width}}  {'; '.join(texts)}")


def _is_told(step: steps.IndependentStep, rows: Iterable[MovedInterface]) -> bool:
    """Return whether a domain's rows say what the step changes."""
    match step:
        case steps.MoveInterface(mac=mac, scope=scope, replug=False):
            return any(row.mac == mac and scope in row.scopes for row in rows)
        case steps.RewriteSavedState(macs=macs, snapshot=snapshot):
            place = "managed save" if snapshot is None else f"snapshot {snapshot}"
            return set(macs) <= {row.mac for row in rows if place in row.scopes}
        case _:
            return False


def _interface(row: MovedInterface, usual: tuple[str, str]) -> str:
    way = "" if (row.was, row.wanted) == usual else f" from {row.was} to {row.wanted}"
    return f"{row.mac}{way} ({', '.join(row.scopes) or 'does not move'}) {row.address_now}".rstrip()


def _remarks(rows: Rows) -> Iterator[str]:
    said: dict[str, list[MovedInterface]] = {}
    states = Counter(row.state for found in rows.values() for row in found)
    for row in (row for found in rows.values() for row in found):
        for text in filter(None, row.remark.split("; ")):
            said.setdefault(text, []).append(row)
    for text, found in said.items():
        of = dict.fromkeys(row.state for row in found)
        if len(found) == sum(states[state] for state in of) > 1:
            yield f"{text} (all {len(found)} {' and '.join(of)})"
        else:
            names = [row.domain if len(rows[row.domain]) == 1 else f"{row.domain} {row.mac}" for row in found]
            few = len(names) <= _NAMED
            yield from (f"{', '.join(names)}: {text}",) if few else _with_names(text, names)


def _others(plan: Plan) -> Iterator[str]:
    """Yield the steps that are not about one domain: of like ones, how many times."""
    bounces = [planned.step for planned in plan.planned if isinstance(planned.step, steps.BounceLinks)]
    texts: Counter[str] = Counter()
    for planned in plan.planned:
        step = planned.step
        if isinstance(step, steps.BounceLinks):
            texts[_bounces(bounces)] = 1
        elif not isinstance(step, steps.IndependentStep):
            texts[str(step)] += 1
    yield from (text if times == 1 else f"{text} ({times} times)" for text, times in texts.items())


def _bounces(bounces: list[steps.BounceLinks]) -> str:
    links = tuple(link for step in bounces for link in step.links)
    return steps.BounceLinks(links=links, seconds=bounces[0].seconds).text(most=_NAMED)


def _rollback(plan: Plan) -> Iterator[str]:
    if plan.command == "undo":
        yield "if a step fails, vmnet rolls back the undo"
        return
    what = "the domain that failed, and stops" if plan.keeps else "all steps"
    yield f"if a step fails, vmnet rolls back {what}; to undo the run later: sudo vmnet undo"
    yield f"without vmnet, from a console: {UNDO}"
