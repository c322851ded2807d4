"""What verify found, for the text file collector of Prometheus' node_exporter.

The format is that of prometheus.io/docs/instrumenting/exposition_formats, without times of samples, which the collector
refuses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from vmnet.checks.findings import Finding

    Sample = tuple[Mapping[str, str], float]


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
