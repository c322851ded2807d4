"""What verify found as JUnit XML, for CI servers: a layer is a suite, a finding a test case.

There is no standard; this keeps to what Jenkins and GitLab read: suites with their counts, cases with a class and a
name, and a failure with a message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from vmnet.checks.findings import Finding
from vmnet.names import printable, printable_lines

if TYPE_CHECKING:
    from lxml.etree import _Element

    Sample = tuple[Mapping[str, str], float]


def junit_text(findings: tuple[Finding, ...], *, hostname: str, time: str) -> str:
    """Return the findings, in the order of their layers.

    Args:
        hostname: whose findings they are.
        time: of the check: UTC, as "2026-01-02T03:04:05".
    """
    from lxml import etree

    root = etree.Element("testsuites", name="vmnet verify")
    _count(root, findings)
    for layer, found in groupby(findings, key=lambda finding: finding.layer):
        group = tuple(found)
        host = printable_lines(hostname)
        suite = etree.SubElement(root, "testsuite", name=layer, timestamp=time, hostname=host)
        _count(suite, group)
        for finding, name in zip(group, _names(group), strict=True):
            suite.append(_case(finding, name))
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True).decode()


def _count(element: _Element, findings: tuple[Finding, ...]) -> None:
    element.set("tests", str(len(findings)))
    element.set("failures", str(sum(not finding.ok for finding in findings)))
    element.set("errors", "0")
    element.set("time", "0")


def _names(findings: tuple[Finding, ...]) -> list[str]:
    """The names of the cases: the same at each look, whatever is seen, and no two of them alike."""
    names: list[str] = []
    count: dict[tuple[str, str], int] = {}
    for finding in findings:
        name = printable_lines(f"{finding.subject}: {finding.wanted} ({finding.source})")
        number = count[finding.rule, name] = count.get((finding.rule, name), 0) + 1
        names.append(name if number == 1 else f"{name} {number}")
    return names


def _case(finding: Finding, name: str) -> _Element:
    from lxml import etree

    case = etree.Element("testcase", classname=printable_lines(f"vmnet.{finding.rule}"), name=name, time="0")
    if not finding.ok:
        message = printable_lines(f"wanted {finding.wanted}, seen {finding.seen}")
        failure = etree.SubElement(case, "failure", type=printable_lines(finding.rule), message=message)
        said = (message, f"source: {finding.source}", finding.shown_by, finding.hint, *finding.fix)
        failure.text = printable_lines("\n".join(filter(None, said)))
    elif finding.hint:
        etree.SubElement(case, "system-out").text = printable_lines(finding.hint)
    return case


# What verify found, for the text file collector of Prometheus' node_exporter.
#
# The format is that of prometheus.io/docs/instrumenting/exposition_formats, without times of samples, which the
# collector refuses.


def prometheus_text(findings: tuple[Finding, ...], *, time_s: float) -> str:
    """Return the findings as metrics: one for each rule and subject, which is 1 where all that the rule found of it is
    as wanted, and what they come to.

    Args:
        time_s: time of the check, in seconds since 1970 (UTC).
    """
    bad = sum(not finding.ok for finding in findings)
    blocks = (
        _gauge("vmnet_verify_rule_ok", "Whether what a rule checks is as wanted (1) or differs (0).", _rules(findings)),
        _gauge("vmnet_verify_ok", "Whether all is as wanted (1) or something differs (0).", [({}, int(not bad))]),
        _gauge("vmnet_verify_checks", "Number of checks.", [({}, len(findings))]),
        _gauge("vmnet_verify_differences", "Number of checks that differ from what is wanted.", [({}, bad)]),
        _gauge(
            "vmnet_verify_time_seconds", "Time of the check, in seconds since 1970 (UTC).", [({}, round(time_s, 3))]
        ),
    )
    return "".join(f"{line}\n" for block in blocks for line in block)


def _rules(findings: tuple[Finding, ...]) -> Iterator[Sample]:
    """One sample for a rule and subject: the same labels twice would make the whole file void."""
    rules: dict[tuple[str, str, str], bool] = {}
    for finding in findings:
        key = (finding.layer, printable(finding.rule), printable(finding.subject))
        rules[key] = rules.get(key, True) and finding.ok
    for (layer, rule, subject), ok in rules.items():
        yield {"layer": layer, "rule": rule, "subject": subject}, int(ok)


def _gauge(name: str, help_text: str, samples: Iterable[Sample]) -> Iterator[str]:
    yield f"# HELP {name} {help_text}"
    yield f"# TYPE {name} gauge"
    for labels, value in samples:
        told = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{told}}} {value}" if told else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')
