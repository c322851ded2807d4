"""What doctor found, and rules in words."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from vmnet.checks.rules import Severity
from vmnet.report.blocks import Block, Grid, Line, Style

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.checks.doctor import Trouble
    from vmnet.checks.rules import Rule
    from vmnet.facts import Unread

_STYLES = {Severity.ERROR: Style.BAD, Severity.WARNING: Style.WARNING, Severity.INFO: Style.HEADING}
_WIDTH = 100
_QUOTED = re.compile(r"""\s(?:'|"\$\()""")


def render_troubles(troubles: tuple[Trouble, ...], unread: tuple[Unread, ...]) -> tuple[Block, ...]:
    """Return each trouble, what could not be read, and the sum."""
    lines = [line for trouble in troubles for line in render_trouble(trouble)]
    return (*lines, *render_unread(unread), _sum(troubles))


def render_trouble(trouble: Trouble) -> Iterator[Line]:
    """Yield one trouble: what was wanted and seen, why it matters, what to type."""
    rule, finding = trouble.rule, trouble.finding
    yield Line(f"{trouble.severity.value}: {finding.subject} ({rule.id})", _STYLES[trouble.severity])
    yield from _text("wanted", finding.wanted)
    yield from _text("seen", f"{finding.seen} [{finding.source}]")
    if finding.shown_by:
        yield Line(f"  shown by  {finding.shown_by}", Style.COMMAND)
    yield from _text("why", rule.why)
    yield from _text("helps", finding.hint or rule.fix)
    yield from (Line(f"            {command}", Style.COMMAND) for command in finding.fix)
    yield Line()


def _text(name: str, text: str) -> Iterator[Line]:
    """Yield a text in lines. What helps stays one line if a word in it is quoted: half a command is another command."""
    wrapped = textwrap.wrap(text, _WIDTH - 12, break_long_words=False, break_on_hyphens=False)
    for number, line in enumerate([text] if name == "helps" and _QUOTED.search(text) else wrapped):
        yield Line(f"  {name if number == 0 else '':<10}{line}")


def render_unread(unread: tuple[Unread, ...]) -> Iterator[Line]:
    """Yield what could not be read, and why."""
    yield from (Line(f"not read: {thing.what}: {thing.why}", Style.QUIET) for thing in unread)
    if unread:
        yield Line()


def _sum(troubles: tuple[Trouble, ...]) -> Line:
    count = Counter(trouble.severity for trouble in troubles)
    words = ", ".join(f"{count[severity]} {severity.value}" for severity in Severity if count[severity])
    if count[Severity.ERROR] or count[Severity.WARNING]:
        return Line(words, Style.BAD)
    return Line(f"nothing is wrong{f' ({words})' if words else ''}", Style.GOOD)


def render_rule(rule: Rule) -> tuple[Block, ...]:
    """Return one rule, with all that is to be said of it."""
    pains = ", ".join(map(str, rule.pains))
    return (
        Line(f"{rule.id} ({rule.severity.value})", Style.HEADING),
        *_text("expects", rule.title),
        *_text("why", rule.why),
        *_text("helps", rule.fix),
        *(_text("pains", f"{pains} of docs/pains.md") if pains else ()),
    )


def render_rules(rules: tuple[Rule, ...]) -> tuple[Block, ...]:
    """Return all rules, a row each."""
    rows = tuple((rule.id, rule.severity.value, rule.title) for rule in rules)
    columns = ("rule", "severity", "expects")
    return (Grid(columns=columns, rows=rows, styles=(Style.PLAIN,) * len(rows)),)
