"""What verify found, as a table: wanted, seen, and who said so."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator

from vmnet.checks.diagnostics import Trouble
from vmnet.checks.findings import Difference, Finding
from vmnet.checks.fix import fixable
from vmnet.checks.path_below import Hop, HopState, Path
from vmnet.checks.rule_texts import Rule, Severity
from vmnet.facts import Unread
from vmnet.facts.evidence import Bundle
from vmnet.names import printable
from vmnet.report.screen import Block, Grid, Line, Style, packed
from vmnet.shell_words import command, in_turn, pipe, root

_SUBJECTS_WIDTH = 96
_VERDICTS = {Style.PLAIN: "ok", Style.WARNING: "note", Style.BAD: "DIFFERS"}


def render_findings(findings: tuple[Finding, ...]) -> tuple[Block, ...]:
    """Return the table of all findings, the hints for those that need one, and the sum."""
    return (_table(findings), Line(), *_hints(findings), _sum_of_findings(findings))


def render_differences(findings: tuple[Finding, ...]) -> tuple[Block, ...]:
    """Return only what differs and the notes; a single line when all is as wanted."""
    chosen = tuple(finding for finding in findings if not finding.ok)
    table = (_table(chosen), Line()) if chosen else ()
    return (*table, *_hints(findings), _sum_of_findings(findings))


def render_wishes(found: tuple[Difference, ...], file: str) -> tuple[Block, ...]:
    """Return a table of what differs from a file, and the sum."""
    if not found:
        return (Line(f"all is as {printable(file)} says", Style.GOOD),)
    rows = tuple((one.subject, one.wanted, one.kernel, one.profile, _other(one)) for one in found)
    columns = ("subject", "wanted", "kernel", "profile", "other")
    table = Grid(columns=columns, rows=rows, styles=(Style.BAD,) * len(rows))
    wishes = f"{len(found)} wish{'es' if len(found) > 1 else ''} of {printable(file)}"
    return (table, Line(), Line(f"{wishes} {'are' if len(found) > 1 else 'is'} not fulfilled", Style.BAD))


def _other(one: Difference) -> str:
    return f"{one.other} ({one.source})" if one.other else ""


def _style(finding: Finding) -> Style:
    if not finding.ok:
        return Style.BAD
    return Style.WARNING if finding.hint else Style.PLAIN


def _table(findings: Iterable[Finding]) -> Grid:
    rows, styles, last = [], [], ("", "")
    for finding in findings:
        style = _style(finding)
        layer = finding.layer if finding.layer != last[0] else ""
        subject = finding.subject if (finding.layer, finding.subject) != last else ""
        last = (finding.layer, finding.subject)
        rows.append((layer, subject, finding.wanted, finding.seen, finding.source, _VERDICTS[style]))
        styles.append(style)
    columns = ("layer", "subject", "wanted", "seen", "source", "")
    return Grid(columns=columns, rows=tuple(rows), styles=tuple(styles), spare=("layer",))


def _hints(findings: Iterable[Finding]) -> Iterator[Line]:
    """Yield what helps, the same text of one rule once, with all its subjects."""
    hints: dict[tuple[str, str], dict[str, Style]] = {}
    for finding in findings:
        if said := finding.hint or in_turn(*finding.fix):
            hints.setdefault((finding.rule, said), {})[finding.subject] = _style(finding)
    for (rule, said), subjects in hints.items():
        (first, style), *others = subjects.items()
        yield Line(f"  - {rule}: {said}" if others else f"  - {first} ({rule}): {said}", style)
        yield from packed(subjects, _SUBJECTS_WIDTH) if others else ()
    if hints:
        yield Line()


def _sum_of_findings(findings: tuple[Finding, ...]) -> Line:
    bad = sum(not finding.ok for finding in findings)
    if bad:
        return Line(f"{bad} of {len(findings)} checks differ from what is wanted", Style.BAD)
    return Line(f"all {len(findings)} checks are as wanted", Style.GOOD)


# What doctor found, and rules in words.

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


# A guest's way to the switch, hop by hop, and what helps at the first hop that is in trouble.

_HOP_STYLES = {HopState.OK: Style.GOOD, HopState.TROUBLE: Style.BAD, HopState.UNKNOWN: Style.QUIET}
_COLUMNS = ("hop", "name", "state", "seen")


def render_paths(paths: tuple[Path, ...], unread: tuple[Unread, ...]) -> tuple[Block, ...]:
    """Return the ways of a domain's interfaces, each with its first broken hop, and what could not be read."""
    return (*(block for path in paths for block in _path(path)), *render_unread(unread))


def _path(path: Path) -> Iterator[Block]:
    yield Line(f"{path.domain} {path.interface}".strip(), Style.HEADING)
    rows = tuple(
        (hop.place, hop.subject.removeprefix(f"{path.domain} "), hop.state.value, hop.seen) for hop in path.hops
    )
    yield Grid(columns=_COLUMNS, rows=rows, styles=tuple(_HOP_STYLES[hop.state] for hop in path.hops))
    yield Line()
    broken = path.broken
    if broken is not None:
        yield from _broken(broken)
        return
    unknown = [hop.place for hop in path.hops if hop.state is HopState.UNKNOWN]
    yield Line("no hop is in trouble" + (f"; not known: {', '.join(unknown)}" if unknown else ""), Style.GOOD)
    yield Line()


def _broken(hop: Hop) -> Iterator[Block]:
    yield Line(f"the first hop in trouble: {hop.place} {hop.subject}: {hop.seen}", Style.BAD)
    if hop.hint:
        yield Line(f"  helps     {hop.hint}", Style.COMMAND)
    yield Line()
    for trouble in hop.troubles:
        yield from render_trouble(trouble)


# What a support bundle holds, and what it lacks.


def render_bundle(bundle: Bundle) -> Iterator[Line]:
    """Yield where it is and how to look through it, before that what could not be read."""
    if bundle.unread:
        yield Line("missing, because it could not be read:", Style.WARNING)
        for item in bundle.unread:
            first, *rest = item.why.splitlines() or [""]
            yield Line(f"  - {item.what}: {first}", Style.WARNING)
            yield from (Line(f"    {line}", Style.WARNING) for line in rest)
        yield Line()
    size = f"{bundle.size_bytes / 1000:.0f} kB" if bundle.size_bytes >= 1000 else f"{bundle.size_bytes} bytes"
    yield Line(f"{bundle.file}: {len(bundle.files)} files, {size}, only you can read it (mode 0600)", Style.GOOD)
    yield Line(
        "passwords and keys were removed. Names, IP addresses and MACs are in it: read it before you hand it on:"
    )
    yield Line(f"  {pipe(command('tar', '-xzOf', _as_file(bundle.file)), command('less'))}", Style.COMMAND)


def _as_file(name: str) -> str:
    """A name with a dash or a colon in front would be something else to tar."""
    return name if name.startswith("/") else f"./{name}"
