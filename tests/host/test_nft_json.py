"""nftables' rules as JSON, in the words of nft 1.0.6."""

from __future__ import annotations

import json
from typing import Any

import pytest

from vmnet.errors import ToolError
from vmnet.facts import FilterRule, LinkNames, Narrow, Verdict
from vmnet.host.firewall.nft_json import has_xtables, parse_ruleset


def ruleset(*expressions: list[Any], family: str = "inet", **chain: object) -> str:
    place = {"family": family, "table": "t", "handle": 1}
    base = {"type": "filter", "hook": "forward", "prio": 0, "policy": "drop"} | chain
    items: list[dict[str, Any]] = [{"metainfo": {"version": "1.0.6"}}, {"table": {"family": family, "name": "t"}}]
    items.append({"chain": {**place, "name": "forward", **base}})
    items += [{"rule": {**place, "chain": "forward", "expr": expression}} for expression in expressions]
    return json.dumps({"nftables": items})


def meta(key: str, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"meta": {"key": key}}, "right": right}}


def payload(protocol: str, field: str, right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": protocol, "field": field}}, "right": right}}


def state(right: Any) -> dict[str, Any]:
    return {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": right}}


def rule(*expression: Any, family: str = "inet") -> FilterRule:
    ((found,),) = (chain.rules for chain in parse_ruleset(ruleset(list(expression), family=family)))
    return found


ACCEPT: dict[str, Any] = {"accept": None}
BR0 = LinkNames(patterns=("br0",))


def test_a_chain_with_its_policy() -> None:
    (chain,) = parse_ruleset(ruleset())
    assert (chain.tool, chain.family, chain.table, chain.name) == ("nft", "inet", "t", "forward")
    assert (chain.hook, chain.policy, chain.rules) == ("forward", "drop", ())


@pytest.mark.parametrize("chain", [{"type": "nat"}, {"hook": "ingress"}])
def test_what_filters_no_packets_of_ip_is_left_out(chain: dict[str, str]) -> None:
    assert parse_ruleset(ruleset([ACCEPT], **chain)) == ()
    assert parse_ruleset(ruleset([ACCEPT], family="arp")) == ()


def test_links_by_name() -> None:
    found = rule(meta("iifname", "br0"), meta("oifname", "br*", "!="), {"counter": {"packets": 0}}, ACCEPT)
    assert (found.verdict, found.narrow) == (Verdict.ACCEPT, Narrow.NO)
    assert (found.incoming, found.outgoing) == (BR0, LinkNames(patterns=("br*",), but=True))
    assert found.text == "iifname br0 oifname != br* accept"


@pytest.mark.parametrize(
    ("right", "shown"),
    [
        (22, "22"),
        ({"set": [22, 9090]}, "{ 22, 9090 }"),
        ({"range": [80, 90]}, "80-90"),
        ({"prefix": {"addr": "192.0.2.0", "len": 24}}, "192.0.2.0/24"),
        (["syn", "ack"], "syn,ack"),
        ({"concat": [1]}, '{"concat": [1]}'),
    ],
)
def test_a_value_is_written_as_nft_does(right: Any, shown: str) -> None:
    assert rule(payload("tcp", "dport", right), ACCEPT).text == f"tcp dport {shown} accept"


def test_links_in_a_set_and_in_a_named_one() -> None:
    assert rule(meta("iifname", {"set": ["br0", "br1"]}), ACCEPT).incoming == LinkNames(patterns=("br0", "br1"))
    assert rule(meta("iifname", "@inside"), ACCEPT).narrow is Narrow.OTHERWISE


@pytest.mark.parametrize(
    ("match", "narrow"),
    [
        (state(["established", "related"]), Narrow.OTHERWISE),
        (state(["established", "new"]), Narrow.NO),
        (state("new"), Narrow.NO),
        (payload("ip", "saddr", "192.0.2.0"), Narrow.ADDRESSES),
        (payload("tcp", "dport", 22), Narrow.OTHERWISE),
        ({"limit": {"rate": 10, "per": "second"}}, Narrow.OTHERWISE),
        ({"xt": None}, Narrow.OTHERWISE),
        ({"log": {"prefix": "x"}}, Narrow.NO),
    ],
)
def test_rules_for_some_packets(match: dict[str, Any], narrow: Narrow) -> None:
    assert rule(match, {"drop": None}).narrow is narrow


def test_the_narrowest_counts() -> None:
    both = (payload("ip", "saddr", "192.0.2.0"), payload("tcp", "dport", 22))
    assert {rule(*order, ACCEPT).narrow for order in (both, both[::-1])} == {Narrow.OTHERWISE}


def test_jumps_and_maps_of_verdicts() -> None:
    assert rule({"jump": {"target": "more"}}).target == "more"
    mapped = {"vmap": {"key": {"meta": {"key": "iifname"}}, "data": {"set": [["br0", ACCEPT], ["x", {"drop": None}]]}}}
    (chain,) = parse_ruleset(ruleset([mapped]))
    assert [(r.verdict, r.incoming.patterns) for r in chain.rules] == [
        (Verdict.ACCEPT, ("br0",)),
        (Verdict.DROP, ("x",)),
    ]


def test_in_the_bridge_family_a_name_is_a_ports() -> None:
    assert rule(meta("iifname", "vnet0"), {"drop": None}, family="bridge").narrow is Narrow.OTHERWISE
    assert rule(meta("ibrname", "br0"), ACCEPT, family="bridge").incoming == BR0


def test_what_only_iptables_can_print_is_known() -> None:
    assert has_xtables(ruleset([{"xt": None}, ACCEPT]))
    assert not has_xtables(ruleset([ACCEPT]))


def test_an_empty_listing() -> None:
    assert parse_ruleset("{}") == ()
    for text in ("no JSON", "[]", '{"nftables": 7}', '{"nftables": [{"chain": {"family": "ip"}}]}', "[" * 5000):
        with pytest.raises(ToolError, match="answer of nft"):
            parse_ruleset(text)
