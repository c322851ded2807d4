"""doctor and explain, as from a shell."""

from __future__ import annotations

import json
from dataclasses import replace

from tests import facts_samples
from tests.cli.calls import DEGRADED, MadeUpHost, call
from vmnet.checks.rule_texts import read_rules
from vmnet.facts import LanAnswer, Unread


def test_a_host_that_is_well() -> None:
    ended = call("doctor")
    assert ended.code == 0
    assert "nothing is wrong" in ended.out


def test_what_is_wrong_is_said_with_what_shows_it_and_what_helps() -> None:
    ended = call("doctor", host=MadeUpHost(facts=DEGRADED))
    assert ended.code == 6
    assert ended.out.startswith("error: br0 (bridge.link)\n")
    assert read_rules()["bridge.link"].why[:60] in ended.out
    assert "1 error" in ended.out.splitlines()[-1]


def test_as_json() -> None:
    document = json.loads(call("doctor", "--output", "json", host=MadeUpHost(facts=DEGRADED)).out)
    assert (document["command"], document["ok"]) == ("doctor", False)
    assert {"bridge.link"} == {t["rule"]["id"] for t in document["troubles"] if t["severity"] == "error"}


def test_what_could_not_be_read_changes_no_exit_code() -> None:
    facts = replace(facts_samples.end_state(), unread=(Unread(what="firewall rules", why="needs root"),))
    ended = call("doctor", host=MadeUpHost(facts=facts))
    assert ended.code == 0
    assert "not read: firewall rules: needs root" in ended.out


def test_another_bridge_is_looked_at() -> None:
    ended = call("doctor", "--bridge", "br7")
    assert "br7 (bridge.link)" in ended.out


def test_explain_one_rule() -> None:
    ended = call("explain", "lacp.partner")
    assert ended.code == 0
    assert all(text in ended.out for text in ("lacp.partner (error)", "a switch answers LACP", "pains", "29, 30"))


def test_explain_lists_all() -> None:
    assert all(rule in call("explain").out for rule in read_rules())
    assert len(json.loads(call("explain", "--output", "json").out)["rules"]) == len(read_rules())


def test_explain_names_the_rule_that_was_meant() -> None:
    ended = call("explain", "lacp.parner")
    assert ended.code == 2
    assert "did you mean lacp.partner" in ended.err


ORPHAN = facts_samples.with_link(facts_samples.end_state(), "vnet0", controller=None)


def test_a_fix_is_a_plan_like_any_other() -> None:
    ended = call("doctor", "--fix", "domain.tap", "--plan", host=MadeUpHost(facts=ORPHAN))
    assert ended.code == 0
    assert "ip link set dev vnet0 master br0" in ended.out
    assert ended.host.applied == []


def test_a_fix_is_applied_and_looked_at_again() -> None:
    ended = call("doctor", "--fix", "domain.tap", "--yes", host=MadeUpHost(facts=ORPHAN))
    assert len(ended.host.applied) == 1
    assert ended.code == 6, "the made-up host stays as it is, and the second look says so"
    assert "to undo it: sudo vmnet undo run1" in ended.out


def test_plan_and_yes_go_with_fix() -> None:
    assert call("doctor", "--yes").code == 2
    assert call("doctor", "--plan").code == 2


def test_the_way_of_a_domain() -> None:
    ended = call("doctor", "--domain", "web01")
    assert ended.code == 0
    assert "no hop is in trouble; not known: gateway" in ended.out
    ended = call("doctor", "--domain", "web01", host=MadeUpHost(facts=ORPHAN))
    assert ended.code == 6
    assert "the first hop in trouble: controller vnet0: in no bridge" in ended.out
    assert "sudo ip link set dev vnet0 master br0" in ended.out


def test_the_way_as_json() -> None:
    document = json.loads(call("doctor", "--domain", "web01", "--output", "json", host=MadeUpHost(facts=ORPHAN)).out)
    (path,) = document["paths"]
    broken = path["hops"][path["broken"]]
    assert (broken["place"], broken["state"], broken["troubles"]) == ("controller", "trouble", ["domain.tap"])
    assert (document["ok"], [t["rule"]["id"] for t in document["troubles"]]) == (False, ["domain.tap"])


def test_a_domain_that_is_not_there() -> None:
    ended = call("doctor", "--domain", "web1")
    assert ended.code == 2
    assert "did you mean web01" in ended.err


def test_probing_is_done_only_where_asked_for() -> None:
    lan = LanAnswer(bridge="br0", gateway_answered=False, host_answered=True)
    host = MadeUpHost(lan=lan)
    assert call("doctor", host=host).code == 0
    assert host.probed == []
    ended = call("doctor", "--probe", host=host)
    assert (ended.code, len(host.probed)) == (6, 1)
    assert "br0 (lan.gateway)" in ended.out


def test_fix_goes_alone() -> None:
    assert call("doctor", "--fix", "domain.tap", "--domain", "web01").code == 2
    assert call("doctor", "--fix", "domain.tap", "--probe").code == 2
