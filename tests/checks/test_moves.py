"""After a domain plan: what it moved is where it was to go, in each of its documents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import facts_samples as samples
from tests.report.samples import HOST_BRIDGE, move
from vmnet.checks.diagnostics import check_host
from vmnet.facts import Facts, Snapshot, Source
from vmnet.names import Mac
from vmnet.plan import steps
from vmnet.plan.steps import Plan, Planned

GOOD = samples.end_state()
WEB = "00000000-0000-4000-8000-000000000201"
DB = "00000000-0000-4000-8000-000000000202"
DEFAULT = Source(type="network", network="default")
ON_DEFAULT = (samples.interface(samples.WEB_MAC, "default"),)
ON_BRIDGE = (samples.interface(samples.WEB_MAC, "host-bridge"),)
SUBJECT = f"web01 {samples.WEB_MAC}"


def plan(*done: steps.Step) -> Plan:
    return Plan(command="attach-domain", planned=tuple(Planned(step=step, why="") for step in done))


def rewrite(snapshot: str | None) -> steps.RewriteSavedState:
    return steps.RewriteSavedState(
        domain="web01", domain_uuid=WEB, snapshot=snapshot, macs=(samples.WEB_MAC,), was=DEFAULT, wanted=HOST_BRIDGE
    )


def add(mac: str, scopes: tuple[str, ...]) -> steps.AddInterface:
    return steps.AddInterface(domain="web01", domain_uuid=WEB, mac=Mac(mac), document="<interface/>", scopes=scopes)


def found(done: Plan, facts: Facts) -> list[tuple[str, str, bool, str]]:
    wanted = ("domain.moved", "domain.added", "domain.rewritten")
    findings = check_host(samples.goal(), facts, done)
    return [(f.rule, f.subject, f.ok, f.seen) for f in findings if f.rule in wanted]


@pytest.mark.parametrize("scope", ["running", "persistent"])
def test_moved(scope: str) -> None:
    done = plan(move(scope))
    assert found(done, GOOD) == [("domain.moved", SUBJECT, True, f"{scope}: network host-bridge")]
    spoilt = samples.with_domain(GOOD, "web01", running=ON_DEFAULT, persistent=ON_DEFAULT)
    assert found(done, spoilt) == [("domain.moved", SUBJECT, False, f"{scope}: network default")]
    gone = replace(GOOD, domains=())
    assert found(done, gone) == [("domain.moved", SUBJECT, False, f"{scope}: no such interface")]


def test_added() -> None:
    done = plan(add(samples.WEB_MAC, ("persistent", "running")))
    assert [ok for _, _, ok, _ in found(done, GOOD)] == [True, True]
    assert [ok for _, _, ok, _ in found(plan(add(samples.DB_MAC, ("running",))), GOOD)] == [False]


def test_managed_save() -> None:
    done = plan(rewrite(None))
    good = samples.with_domain(GOOD, "web01", saved=ON_BRIDGE)
    assert found(done, good) == [("domain.rewritten", SUBJECT, True, "managed save: network host-bridge")]
    spoilt = samples.with_domain(GOOD, "web01", saved=ON_DEFAULT)
    assert found(done, spoilt) == [("domain.rewritten", SUBJECT, False, "managed save: network default")]


def test_snapshot() -> None:
    done = plan(rewrite("before"))
    shots = (Snapshot(name="before", current=True, interfaces=(*ON_BRIDGE, *ON_DEFAULT)),)
    spoilt = samples.with_domain(GOOD, "web01", snapshots=shots)
    assert [ok for _, _, ok, _ in found(done, spoilt)] == [True, False]
