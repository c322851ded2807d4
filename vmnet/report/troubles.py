"""What doctor found, and rules in words."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from typing import TYPE_CHECKING

from vmnet.checks.fix import fixable
from vmnet.checks.rules import Severity
from vmnet.report.blocks import Block, Grid, Line, Style, packed
from vmnet.shell_words import root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.checks.doctor import Trouble
    from vmnet.checks.findings import Finding
    from vmnet.checks.rules import Rule
    from vmnet.facts import Unread

_STYLES = {Severity.ERROR: Style.BAD, Severity.WARNING: Style.WARNING, Severity.INFO: Style.HEADING}
_WIDTH = 100
_MANY = 10
"""Findings of one rule that each have a paragraph of their own."""
_QUOTED = re.compile(r"""\s(?:'|"\$\()""")


def render_troubles(troubles: tuple[Trouble, ...], unread: tuple[Unread, ...]) -> tuple[Block, ...]:
    """Return the troubles, those of one rule together, then what could not be read, and the sum."""
    groups: dict[tuple[Severity, str], list[Trouble]] = {}
    for trouble in troubles:
        groups.setdefault((trouble.severity, trouble.rule.id), []).append(trouble)
    return (*(line for group in groups.values() for line in _group(group)), *render_unread(unread), _sum(troubles))


def _group(troubles: list[Trouble]) -> Iterator[Line]:
    """Yield the troubles of one rule: what they share once, then each subject."""
    if len(troubles) == 1:
        yield from render_trouble(troubles[0])
        return
    severity, rule = troubles[0].severity, troubles[0].rule
    findings = [trouble.finding for trouble in troubles]
    yield Line(f"{severity.value}: {rule.id}, {len(findings)} findings", _STYLES[severity])
    yield from _text("why", rule.why)
    hints = {_helps(rule, finding) for finding in findings}
    if len(hints) == 1:
        yield from _text("helps", *hints)
    if fixable(rule.id) and not findings[0].ok:
        yield Line(f"            {root('vmnet', 'doctor', '--fix', rule.id)}", Style.COMMAND)
    each = _one_by_one if len(findings) <= _MANY else _briefly
    yield from each(rule, findings, shared=len(hints) == 1)
    yield Line()


def _helps(rule: Rule, finding: Finding) -> str:
    return finding.hint or rule.fix


def _one_by_one(rule: Rule, findings: list[Finding], *, shared: bool) -> Iterator[Line]:
    for finding in findings:
        yield Line(f"  - {finding.subject}", Style.HEADING)
        yield from _seen(finding)
        yield from () if shared else _text("helps", _helps(rule, finding))
        yield from _commands(finding)


def _briefly(rule: Rule, findings: list[Finding], *, shared: bool) -> Iterator[Line]:
    """Yield all subjects with what was seen, several on a line, and the commands for the first of them."""
    first = findings[0]
    wanted = {(finding.wanted, finding.source) for finding in findings}
    items = [
        f"{finding.subject}: {finding.seen}"
        + (f", wanted {finding.wanted} [{finding.source}]" if len(wanted) > 1 else "")
        + ("" if shared else f" ({_helps(rule, finding)})")
        for finding in findings
    ]
    yield from _text("wanted", f"{first.wanted} [{first.source}]") if len(wanted) == 1 else ()
    yield from packed(items, _WIDTH - 4, "; ")
    if first.shown_by or first.fix:
        yield Line(f"  commands  for {first.subject}, the others likewise; all of them: vmnet doctor --output json")
        yield from (Line(f"            {first.shown_by}", Style.COMMAND),) if first.shown_by else ()
        yield from _commands(first)


def _commands(finding: Finding) -> Iterator[Line]:
    yield from (Line(f"            {command}", Style.COMMAND) for command in finding.fix)


def render_trouble(trouble: Trouble) -> Iterator[Line]:
    """Yield one trouble: what was wanted and seen, why it matters, what to type."""
    rule, finding = trouble.rule, trouble.finding
    yield Line(f"{trouble.severity.value}: {finding.subject} ({rule.id})", _STYLES[trouble.severity])
    yield from _seen(finding)
    yield from _text("why", rule.why)
    yield from _text("helps", _helps(rule, finding))
    yield from _commands(finding)
    yield Line()


def _seen(finding: Finding) -> Iterator[Line]:
    yield from _text("wanted", finding.wanted)
    yield from _text("seen", f"{finding.seen} [{finding.source}]")
    if finding.shown_by:
        yield Line(f"  shown by  {finding.shown_by}", Style.COMMAND)


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
    ends = {severity: "s" if number > 1 and severity is not Severity.INFO else "" for severity, number in count.items()}
    words = ", ".join(f"{count[one]} {one.value}{ends[one]}" for one in Severity if one in count)
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
