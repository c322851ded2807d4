"""What doctor makes of facts, for the tests of its rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests import facts_samples as samples
from vmnet.checks.diagnostics import diagnose

if TYPE_CHECKING:
    from vmnet.checks.findings import Finding
    from vmnet.facts import Facts


def fired(facts: Facts) -> set[tuple[str, str]]:
    """Rules and subjects of all that is more than a note."""
    return {(t.rule.id, t.finding.subject) for t in diagnose(samples.goal(), facts) if not t.finding.ok}


def notes(facts: Facts) -> set[tuple[str, str]]:
    """Rules and subjects of the notes."""
    return {(t.rule.id, t.finding.subject) for t in diagnose(samples.goal(), facts) if t.finding.ok}


def trouble(facts: Facts, rule: str, subject: str) -> Finding:
    """The one finding of a rule about a subject, note or more."""
    (found,) = (t.finding for t in diagnose(samples.goal(), facts) if (t.rule.id, t.finding.subject) == (rule, subject))
    assert found.shown_by, "it shows how to see it"
    assert found.fix or found.hint
    return found
