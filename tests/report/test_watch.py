"""What a log of verify's looks says."""

from __future__ import annotations

from dataclasses import replace

from tests import facts_samples as samples
from vmnet.checks.diagnostics import check_host
from vmnet.checks.findings import NETLINK, NMCLI, Finding
from vmnet.report.progress import render_changes, render_first

BRIDGE = Finding(rule="bridge.link", layer="bridge", subject="br0", wanted="up", seen="up", source=NETLINK, ok=True)
DNS = Finding(rule="dns.device", layer="DNS", subject="br0", wanted="192.0.2.2", seen="it", source=NMCLI, ok=True)
DOWN = replace(BRIDGE, seen="down", ok=False)
GOOD = (BRIDGE, DNS)


def said(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> list[str]:
    return [line.text for line in render_changes(before, after, "T")]


def test_nothing_where_nothing_changed() -> None:
    assert said(GOOD, GOOD) == said((DOWN,), (DOWN,)) == []


def test_what_differs_and_what_is_well_again() -> None:
    assert said(GOOD, (DOWN, DNS)) == [
        "T  DIFFERS  bridge.link br0 (kernel (netlink)): wanted up, seen down",
        "T  1 of 2 checks differ from what is wanted",
    ]
    assert said((DOWN, DNS), GOOD) == [
        "T  ok       bridge.link br0 (kernel (netlink)): up, was down",
        "T  all 2 checks are as wanted",
    ]


def test_another_difference_is_a_change() -> None:
    assert said((DOWN,), (replace(DOWN, seen="no link"),))[0].endswith("seen no link")


def test_what_is_no_longer_looked_at_is_gone() -> None:
    assert said(GOOD, (BRIDGE,))[0] == "T  gone     dns.device br0 (nmcli): was it"


def test_several_findings_about_the_same() -> None:
    assert said((DNS, DNS), (DNS, replace(DNS, ok=False, seen="-")))[0].startswith("T  DIFFERS  dns.device")


def test_how_a_log_begins() -> None:
    assert [line.text for line in render_first(GOOD, "T", quiet=False)] == ["T  all 2 checks are as wanted"]
    assert render_first(GOOD, "T", quiet=True) == ()
    assert len(render_first((DOWN, DNS), "T", quiet=True)) == 2


def test_no_two_findings_of_a_host_are_taken_for_one() -> None:
    good = check_host(samples.goal(), samples.end_state())
    assert len(said((), good)) == len(good) + 1
