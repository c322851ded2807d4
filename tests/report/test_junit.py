"""JUnit XML, read by a parser that is not ours, and against the form that CI servers expect."""

from __future__ import annotations

from pathlib import Path

import junitparser
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from tests import facts_samples as samples
from vmnet.checks.diagnostics import check_host
from vmnet.checks.findings import Finding
from vmnet.report.monitoring import junit_text

FORM = Path(__file__).parent / "junit.xsd"
GOOD = check_host(samples.goal(), samples.end_state())
BAD = check_host(samples.goal(), samples.without_link(samples.end_state(), "bond0"))
TEXT = st.text(max_size=12)
FINDING = st.builds(
    Finding, rule=TEXT, layer=st.sampled_from(("bond", "bridge", "domain")), subject=TEXT, wanted=TEXT, seen=TEXT,
    source=TEXT, ok=st.booleans(), hint=TEXT,
)  # fmt: skip


def written(findings: tuple[Finding, ...]) -> bytes:
    return junit_text(findings, hostname="host1", time="2026-01-02T03:04:05").encode()


def suites(findings: tuple[Finding, ...]) -> junitparser.JUnitXml:
    return junitparser.JUnitXml.fromstring(written(findings))


@pytest.mark.parametrize("findings", [GOOD, BAD, ()])
def test_another_parser_reads_the_same(findings: tuple[Finding, ...]) -> None:
    read = suites(findings)
    cases = [case for suite in read for case in suite]
    assert (read.tests, len(cases)) == (len(findings), len(findings))
    assert read.failures == sum(not finding.ok for finding in findings)
    assert [suite.name for suite in read] == list(dict.fromkeys(finding.layer for finding in findings))
    for case, finding in zip(cases, findings, strict=True):
        assert case.classname == f"vmnet.{finding.rule}"
        assert case.is_passed is finding.ok
        assert finding.ok or finding.seen in case.result[0].message


def test_no_two_cases_have_the_same_name() -> None:
    for findings in (GOOD, BAD, GOOD[:1] * 3):
        names = [(case.classname, case.name) for suite in suites(findings) for case in suite]
        assert len(set(names)) == len(names)


def test_a_note_is_no_failure_and_is_said() -> None:
    note = Finding(
        rule="r", layer="bond", subject="s", wanted="w", seen="w", source="nmcli", ok=True, hint="look at <this> & that"
    )
    (case,) = (case for suite in suites((note,)) for case in suite)
    assert case.is_passed
    assert case.system_out == "look at <this> & that"


@given(st.lists(FINDING, max_size=6))
def test_whatever_is_found_keeps_to_the_form(findings: list[Finding]) -> None:
    etree.XMLSchema(etree.parse(FORM)).assertValid(etree.fromstring(written(tuple(findings))))
