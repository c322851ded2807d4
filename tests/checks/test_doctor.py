"""doctor: worst first, notes last, nothing on a host that is well."""

from __future__ import annotations

from dataclasses import replace

from tests import facts_samples as samples
from vmnet.checks.diagnostics import diagnose
from vmnet.checks.registry import DIAGNOSED
from vmnet.checks.rule_texts import Severity
from vmnet.facts import Boot, Facts

GOOD = samples.end_state()
BARE = replace(GOOD, links=GOOD.links[:1], devices=(), profiles=(), networks=(), domains=(), addresses=())


def fired(facts: Facts) -> set[tuple[str, str]]:
    return {(t.rule.id, t.finding.subject) for t in diagnose(samples.goal(), facts) if not t.finding.ok}


def test_a_host_that_is_well_has_nothing_above_a_note() -> None:
    assert {trouble.severity for trouble in diagnose(samples.goal(), GOOD)} <= {Severity.INFO}


def test_the_worst_comes_first_and_the_notes_last() -> None:
    facts = samples.with_setting(samples.with_link(GOOD, "br0", carrier=False), "br0", bridge__stp="yes")
    facts = samples.with_domain(facts, "db01", persistent=(samples.interface(samples.DB_MAC, "default"),))
    severities = [trouble.severity for trouble in diagnose(samples.goal(), facts)]
    assert severities == sorted(severities, key=list(Severity).index)
    assert set(severities) == set(Severity)


def test_where_no_bridge_is_wanted_none_is_missed() -> None:
    assert [t for t in diagnose(None, BARE) if t.rule.layer in ("bridge", "bond", "NIC")] == []
    assert [t for t in diagnose(samples.goal(), BARE) if t.rule.id == "bridge.link"] != []


def test_an_address_from_the_kernels_command_line() -> None:
    facts = replace(GOOD, boot=Boot(kernel_arguments=("quiet", "ip=192.0.2.3::192.0.2.1:255.255.255.0::em1:none")))
    assert fired(facts) == {("boot.kernel-address", "host")}
    assert fired(replace(facts, boot=Boot(kernel_arguments=("quiet", "zip=1")))) == set()


def test_each_check_copes_with_a_bare_host() -> None:
    assert [list(check(samples.goal(), BARE)) for check in DIAGNOSED] == [[]] * len(DIAGNOSED)
