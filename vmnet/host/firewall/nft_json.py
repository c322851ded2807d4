"""Parse `nft -j list ruleset`: the chains that filter packets."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from vmnet.facts import FilterChain, FilterRule, LinkNames, Narrow, Verdict
from vmnet.host.outside import parse_json, understood

HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
FAMILIES = ("ip", "ip6", "inet", "bridge")

_PASSES = ("counter", "log", "mangle", "comment", "notrack", "ct helper", "ct timeout", "set", "flow")
"""Statements that look on."""
_TRANSLATES = ("nat", "route")
ANY = LinkNames()


def parse_ruleset(text: str) -> tuple[FilterChain, ...]:
    """Return the chains of all tables with their rules (libnftables-json(5)); base chains of other hooks, and those
    that only translate addresses, are left out.

    Raises:
        ToolError: it is no such document.
    """
    with understood(what := "the answer of nft"):
        return _parse(parse_json(text, what))


def _parse(document: dict[str, Any]) -> tuple[FilterChain, ...]:
    chains: dict[tuple[str, str, str], FilterChain] = {}
    rules: dict[tuple[str, str, str], list[FilterRule]] = {}
    named = _named(document)
    for item in document.get("nftables", ()):
        body = item.get("chain") or item.get("rule")
        if body is None or body["family"] not in FAMILIES:
            continue
        if "chain" in item:
            hook = body.get("hook", "")
            if (not hook or hook in HOOKS) and body.get("type", "") not in _TRANSLATES:
                chains[_key(body, body["name"])] = _chain(body, hook)
        elif (key := _key(body, body["chain"])) in chains:
            rules.setdefault(key, []).extend(_rules(body, named.get((body["family"], body["table"]), {})))
    return tuple(replace(chain, rules=tuple(rules.get(key, ()))) for key, chain in chains.items())


def _named(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, list[Any]]]:
    """Return the elements of named sets and maps, by table and then by their name in rules."""
    found: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for body in (item.get("set") or item.get("map") for item in document.get("nftables", ())):
        if body:
            found.setdefault((body["family"], body["table"]), {})[f"@{body['name']}"] = body.get("elem", [])
    return found


def has_xtables(text: str) -> bool:
    """Return whether rules in it hold what only iptables can print."""
    return '"xt"' in text


def _key(body: dict[str, Any], chain: str) -> tuple[str, str, str]:
    return body["family"], body["table"], chain


def _chain(body: dict[str, Any], hook: str) -> FilterChain:
    return FilterChain(
        tool="nft", family=body["family"], table=body["table"], name=body["name"], hook=hook,
        policy=body.get("policy", "accept"),
    )  # fmt: skip


@dataclass(slots=True)
class _Reading:
    """What the expressions of a rule have said so far."""

    incoming: LinkNames = ANY
    outgoing: LinkNames = ANY
    narrow: Narrow = Narrow.NO
    named: Mapping[str, list[Any]] = field(default_factory=dict)


def _rules(body: dict[str, Any], named: Mapping[str, list[Any]]) -> Iterator[FilterRule]:
    """Yield the rule; a map of verdicts is a rule for each of its entries."""
    read = _Reading(named=named)
    bridge = body["family"] == "bridge"
    words: list[str] = []
    for expression in body.get("expr", ()):
        ((kind, value),) = expression.items()
        if kind == "match":
            _match(read, value, bridge=bridge)
            words.append(_match_text(value))
        elif kind == "vmap":
            yield from _mapped(read, value, bridge=bridge, handle=body.get("handle", 0))
        elif kind in list(Verdict):
            target = value["target"] if kind in ("jump", "goto") else ""
            text = " ".join([*words, kind, *([target] if target else [])])
            yield FilterRule(
                verdict=Verdict(kind), text=text, target=target, incoming=read.incoming, outgoing=read.outgoing,
                narrow=read.narrow, handle=body.get("handle", 0),
            )  # fmt: skip
        elif kind not in _PASSES:
            read.narrow = Narrow.OTHERWISE


def _match(read: _Reading, match: dict[str, Any], *, bridge: bool) -> None:
    left, right, op = match["left"], match["right"], match.get("op", "==")
    key = left.get("meta", {}).get("key", "") if isinstance(left, dict) else ""
    names = _names(read.named.get(right, right) if isinstance(right, str) else right)
    if _is_port_name(key, bridge=bridge) and names and op in ("==", "!=", "in"):
        found = LinkNames(patterns=names, but=op == "!=")
        # In the family bridge a link's name is a port's, and which port a guest is on is not known: any is not all.
        if key in ("iif", "iifname", "ibrname"):
            read.incoming = found
        else:
            read.outgoing = found
    elif _is_state(left):
        # The first packet of a connection is what has to pass; a rule for the others says nothing of it.
        if ("new" in _texts(right)) == (op == "!="):
            read.narrow = Narrow.OTHERWISE
    elif _is_address(left) and read.narrow is Narrow.NO:
        read.narrow = Narrow.ADDRESSES
    else:
        read.narrow = Narrow.OTHERWISE


def _is_port_name(key: str, *, bridge: bool) -> bool:
    return key in (("ibrname", "obrname") if bridge else ("iif", "oif", "iifname", "oifname"))


def _is_state(left: Any) -> bool:
    return isinstance(left, dict) and left.get("ct", {}).get("key") == "state"


def _is_address(left: Any) -> bool:
    return isinstance(left, dict) and left.get("payload", {}).get("field") in ("saddr", "daddr")


def _texts(right: Any) -> tuple[str, ...]:
    if isinstance(right, dict):
        right = right.get("set", ())
    found = right if isinstance(right, list) else [right]
    # An element with a counter or a comment is a record.
    plain = (word["elem"].get("val") if isinstance(word, dict) and "elem" in word else word for word in found)
    return tuple(word for word in plain if isinstance(word, str))


def _names(right: Any) -> tuple[str, ...]:
    """Return the links' names; a named set ("@lan") that was not found is none."""
    names = _texts(right)
    return () if any(name.startswith("@") for name in names) else names


def _mapped(read: _Reading, vmap: dict[str, Any], *, bridge: bool, handle: int) -> Iterator[FilterRule]:
    key = vmap["key"].get("meta", {}).get("key", "") if isinstance(vmap["key"], dict) else ""
    given = vmap["data"]
    data = given.get("set", ()) if isinstance(given, dict) else read.named.get(given, ())
    if not _is_port_name(key, bridge=bridge):
        return
    for name, verdict in (entry for entry in data if isinstance(entry, list)):
        ((kind, value),) = verdict.items()
        names = LinkNames(patterns=_names(name))
        comes = key.startswith("i")
        target = (value or {}).get("target", "")
        yield FilterRule(
            verdict=Verdict(kind), text=f"{key} {name} {kind} {target}".rstrip(), target=target,
            incoming=names if comes else read.incoming, outgoing=read.outgoing if comes else names,
            narrow=read.narrow if names.patterns else Narrow.OTHERWISE, handle=handle,
        )  # fmt: skip


def _match_text(match: dict[str, Any]) -> str:
    left, right, op = match["left"], match["right"], match.get("op", "==")
    name = " ".join(str(word) for part in left.values() for word in _flat(part)) if isinstance(left, dict) else ""
    return f"{name} {'!= ' if op == '!=' else ''}{_shown(right)}"


def _shown(right: Any) -> str:
    """Return a value as nft writes it, where it is one of the usual ones; else as JSON."""
    match right:
        case str() | int():
            return str(right)
        case {"set": [*elements]}:
            return f"{{ {', '.join(map(_shown, elements))} }}"
        case {"range": [first, last]}:
            return f"{_shown(first)}-{_shown(last)}"
        case {"prefix": {"addr": str(address), "len": int(length)}}:
            return f"{address}/{length}"
        case [*flags] if all(isinstance(flag, str) for flag in flags):
            return ",".join(flags)
        case _:
            return json.dumps(right)


def _flat(part: Any) -> tuple[Any, ...]:
    return tuple(part.values()) if isinstance(part, dict) else (part,)
