"""Metrics, read by Prometheus' own parser."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from tests import facts_samples as samples
from tests.report.test_junit import BAD, FINDING, GOOD
from vmnet.checks.findings import Finding
from vmnet.names import printable
from vmnet.report.monitoring import prometheus_text

Metrics = dict[str, dict[tuple[str, ...], float]]


def metrics(findings: tuple[Finding, ...]) -> Metrics:
    """Each metric's values by their labels' values; no labels may come twice, and each metric is told of."""
    found: Metrics = {}
    for family in text_string_to_metric_families(prometheus_text(findings, time_s=1767323045.25)):
        assert family.type == "gauge"
        assert family.documentation
        values = {tuple(sample.labels.values()): sample.value for sample in family.samples}
        assert len(values) == len(family.samples)
        assert all(sample.timestamp is None for sample in family.samples)
        found[family.name] = values
    return found


def test_the_sum_and_the_time() -> None:
    good, bad = metrics(GOOD), metrics(BAD)
    assert good["vmnet_verify_ok"] == {(): 1}
    assert good["vmnet_verify_differences"] == {(): 0}
    assert good["vmnet_verify_time_seconds"] == {(): 1767323045.25}
    assert good["vmnet_verify_checks"] == {(): len(GOOD)}
    assert bad["vmnet_verify_ok"] == {(): 0}
    assert bad["vmnet_verify_differences"] == {(): sum(not finding.ok for finding in BAD)}


def test_a_value_for_each_rule_and_subject() -> None:
    rules = metrics(BAD)["vmnet_verify_rule_ok"]
    assert rules["bond", "bond.link", "bond0"] == 0
    assert rules["NIC", "nic.link", "em1"] == 1
    assert {labels[1:] for labels in rules} == {(finding.rule, finding.subject) for finding in BAD}


def test_one_that_differs_among_several_counts() -> None:
    two = [f for f in GOOD if f.rule == "dns.device"]
    spoilt = Finding(**{**{name: getattr(two[0], name) for name in Finding.__slots__}, "ok": False})
    assert metrics((*two, spoilt))["vmnet_verify_rule_ok"]["DNS", "dns.device", two[0].subject] == 0


def test_a_host_without_anything_is_told_of_too() -> None:
    assert metrics(())["vmnet_verify_ok"] == {(): 1}
    assert samples.end_state().hostname not in prometheus_text(GOOD, time_s=0)


@given(st.lists(FINDING, max_size=6))
def test_labels_come_back_as_they_went_in(findings: list[Finding]) -> None:
    rules = metrics(tuple(findings)).get("vmnet_verify_rule_ok", {})
    told = {(f.layer, f.rule, f.subject) for f in findings}
    assert set(rules) == {(layer, printable(rule), printable(subject)) for layer, rule, subject in told}
