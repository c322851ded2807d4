"""What verify found, as a table: wanted, seen, and who said so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.report.blocks import Block, Grid, Line, Style, packed
from vmnet.shell_words import in_turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.checks.findings import Finding

_WIDTH = 96
_VERDICTS = {Style.PLAIN: "ok", Style.WARNING: "note", Style.BAD: "DIFFERS"}


def render_findings(findings: tuple[Finding, ...]) -> tuple[Block, ...]:
    """Return the table of all findings, the hints for those that need one, and the sum."""
    return (_table(findings), Line(), *_hints(findings), _sum(findings))


def render_differences(findings: tuple[Finding, ...]) -> tuple[Block, ...]:
    """Return only what differs and the notes; a single line when all is as wanted."""
    chosen = tuple(finding for finding in findings if not finding.ok)
    table = (_table(chosen), Line()) if chosen else ()
    return (*table, *_hints(findings), _sum(findings))


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
        yield from packed(subjects, _WIDTH) if others else ()
    if hints:
        yield Line()


def _sum(findings: tuple[Finding, ...]) -> Line:
    bad = sum(not finding.ok for finding in findings)
    if bad:
        return Line(f"{bad} of {len(findings)} checks differ from what is wanted", Style.BAD)
    return Line(f"all {len(findings)} checks are as wanted", Style.GOOD)
