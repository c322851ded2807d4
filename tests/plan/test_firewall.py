"""Firewall rules that name the NIC, from what nft and iptables-save print to the plan's refusals and warnings."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.plan.hosts import addressed_by_a_bond, routed_host
from tests.plan.standing import as_set_up
from tests.specs import host_spec
from vmnet.errors import Refused
from vmnet.facts import Facts
from vmnet.host.firewall.iptables_save import parse_saved
from vmnet.host.firewall.nft_json import parse_ruleset
from vmnet.plan.host.setup import plan_host_setup
from vmnet.spec import BondSpec

ADOPT = host_spec(network=None)


def meta(key: str, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"meta": {"key": key}}, "right": right}}


def dport(right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": right}}


ACCEPT, DROP = {"accept": None}, {"drop": None}
SSH = [meta("iifname", "em1"), dport({"set": [22, 9090]}), ACCEPT]


def nft(*rules: list[Any], policy: str = "drop", hook: str = "input", more: dict[str, list[Any]] | None = None) -> str:
    place = {"family": "inet", "table": "host"}
    chain = {**place, "name": hook, "type": "filter", "hook": hook, "policy": policy, "handle": 1}
    items: list[Any] = [{"chain": chain}, *({"chain": {**place, "name": name, "handle": 2}} for name in more or ())]
    every = [(hook, rule) for rule in rules] + [(name, rule) for name, rule in (more or {}).items()]
    for handle, (name, expression) in enumerate(every, start=4):
        items.append({"rule": {**place, "chain": name, "handle": handle, "expr": expression}})
    return json.dumps({"nftables": items})


BY_MAP = {"vmap": {"key": {"meta": {"key": "iifname"}}, "data": "@lan"}}


def with_named(kind: str, elements: list[Any], *rule: dict[str, Any]) -> str:
    document = json.loads(nft(list(rule)))
    document["nftables"].append({kind: {"family": "inet", "table": "host", "name": "lan", "elem": elements}})
    return json.dumps(document)


def behind(listing: str, facts: Facts | None = None) -> Facts:
    return replace(facts or routed_host(), chains=parse_ruleset(listing))


def saved(rules: str, facts: Facts | None = None) -> Facts:
    text = f"*filter\n:INPUT DROP [0:0]\n:ufw-user-input - [0:0]\n{rules}\nCOMMIT\n"
    return replace(facts or routed_host(), chains=parse_saved(text, tool="nft", family="ip"))


@pytest.mark.parametrize(
    ("facts", "command"),
    [
        (
            behind(nft(SSH)),
            """sudo nft 'insert rule inet host input handle 4 iifname "br0" tcp dport { 22, 9090 } accept'""",
        ),
        (behind(nft([meta("iif", "em1"), dport(22), ACCEPT])), 'iifname "br0" tcp dport 22 accept'),
        (behind(nft([meta("iifname", "e*"), ACCEPT])), 'handle 4 iifname "br0" accept'),
        (behind(nft([meta("iifname", "em1"), ACCEPT], [DROP], policy="accept")), 'handle 4 iifname "br0" accept'),
        (behind(nft([meta("oifname", "em1"), ACCEPT], hook="output")), 'oifname "br0" accept'),
        (behind(nft([meta("iifname", "em1"), ACCEPT], hook="prerouting")), "host prerouting"),
        (
            behind(nft([meta("iifname", "em1"), {"jump": {"target": "lan"}}], more={"lan": [dport(22), ACCEPT]})),
            'handle 4 iifname "br0" jump lan',
        ),
        (behind(nft([{"jump": {"target": "lan"}}], more={"lan": SSH})), "insert rule inet host lan"),
        (behind(nft([meta("iifname", ["em1", "lo"], "!="), DROP], policy="accept")), "list chain inet host input"),
        (behind(nft([meta("iifname", "bond0"), ACCEPT]), addressed_by_a_bond()), 'iifname "br9"'),
        (
            behind(with_named("set", ["x", {"elem": {"val": "em1", "comment": "a"}}], meta("iifname", "@lan"), ACCEPT)),
            """sudo nft 'add element inet host lan { "br0" }'""",
        ),
        (behind(with_named("map", [["em1", ACCEPT]], BY_MAP)), 'iifname "br0" accept'),
        (behind(with_named("map", [["em1", {"jump": {"target": "lan"}}]], BY_MAP)), 'iifname "br0" jump lan'),
        (
            saved("-A INPUT -i em1 -p tcp -m tcp --dport 22 -j ACCEPT"),
            "sudo iptables -t filter -I INPUT 1 -i br0 -p tcp -m tcp --dport 22 -j ACCEPT",
        ),
        (
            saved("-A INPUT -j ufw-user-input\n-A ufw-user-input -i em1 -p tcp -m tcp --dport 22 -j ACCEPT"),
            "-I ufw-user-input 1 -i br0",
        ),
    ],
)  # fmt: skip
def test_a_rule_that_lets_connections_in_on_the_nic_only_is_refused(facts: Facts, command: str) -> None:
    spec = ADOPT
    if facts.link("bond0"):
        spec = host_spec(ADOPT, bridge="br9", bond=BondSpec(ifname="bond9"))
    with pytest.raises(Refused) as caught:
        plan_host_setup(spec, facts)
    assert "--allow-firewall" in caught.value.hint
    assert command in caught.value.hint
    plan = plan_host_setup(host_spec(spec, allow_firewall=True), facts)
    assert [warning for warning in plan.warnings if "--allow-firewall" in warning] != []


@pytest.mark.parametrize(
    "facts",
    [
        behind(nft(SSH, [meta("iifname", "br0"), dport({"set": [22, 9090]}), ACCEPT])),
        behind(nft(SSH, [dport({"set": [22, 9090]}), ACCEPT])),
        behind(nft([meta("iifname", {"set": ["em1", "br0"]}), ACCEPT])),
        behind(nft(SSH, policy="accept")),
        behind(nft([meta("iifname", "mgmt"), ACCEPT], [meta("iifname", "em2"), ACCEPT])),
        behind(nft([meta("iifname", "lo", "!="), DROP])),
        behind(nft(SSH).replace('"host"', '"firewalld"')),
        behind(nft(SSH), as_set_up(ADOPT)),
        saved("-A INPUT -i em1 -p tcp --dport 22 -j ACCEPT\n-A INPUT -i br0 -p tcp --dport 22 -j ACCEPT"),
        saved("-A INPUT -i em1 -p tcp --dport 22 -j ACCEPT\n-A INPUT -p tcp --dport 22 -j ACCEPT"),
    ],
)
def test_rules_that_treat_the_bridge_alike_are_no_matter(facts: Facts) -> None:
    assert not [warning for warning in plan_host_setup(ADOPT, facts).warnings if "firewall" in warning]


@pytest.mark.parametrize("rule", [
    [meta("iifname", "em1"), dport(3306), DROP],
    [meta("iifname", "em1"), dport(3306), {"reject": None}],
])  # fmt: skip
def test_what_protects_the_nic_only_is_named(rule: list[Any]) -> None:
    (warning,) = (w for w in plan_host_setup(ADOPT, behind(nft(rule, policy="accept"))).warnings if "firewall" in w)
    assert "3306" in warning
    assert "br0" in warning


def test_the_command_added_as_printed_satisfies_it() -> None:
    """The rule that the hint inserts, as nft lists it then, is found to be the same one."""
    facts = behind(nft([meta("iifname", "br0"), dport({"set": [22, 9090]}), ACCEPT], SSH))
    assert not plan_host_setup(ADOPT, facts).empty
