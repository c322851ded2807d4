"""Parse what `iptables-save` and its sisters print: the chains that a bridged packet may come through."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.facts import FilterChain, FilterRule, LinkNames, Narrow, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

HOOKS = {"PREROUTING": "prerouting", "FORWARD": "forward", "POSTROUTING": "postrouting"}
_LEFT_OUT = ("INPUT", "OUTPUT")
_TABLES = ("filter", "mangle", "raw", "security")
_VERDICTS = {"ACCEPT": Verdict.ACCEPT, "DROP": Verdict.DROP, "REJECT": Verdict.REJECT, "RETURN": Verdict.RETURN}


def parse_saved(text: str, *, tool: str, family: str) -> tuple[FilterChain, ...]:
    """Return the chains of a listing; those for the host itself and the table nat are left out.

    Args:
        text: what iptables-save printed.
        tool: as in `FilterChain`.
        family: "ip" or "ip6".
    """
    chains: dict[tuple[str, str], FilterChain] = {}
    table = ""
    for line in text.splitlines():
        if line.startswith("*"):
            table = line[1:].strip()
        elif line.startswith(":") and table in _TABLES:
            name, policy = line[1:].split()[:2]
            chains[table, name] = FilterChain(
                tool=tool, family=family, table=table, name=name, hook=HOOKS.get(name, ""),
                policy="accept" if policy == "-" else policy.lower(),
            )  # fmt: skip
        elif line.startswith("-A ") and (table, line.split()[1]) in chains:
            key = table, line.split()[1]
            names = {name for place, name in chains if place == table}
            chains[key] = replace(chains[key], rules=(*chains[key].rules, _rule(line, names)))
    return tuple(chain for (_, name), chain in chains.items() if name not in _LEFT_OUT)


def _rule(line: str, chains: set[str]) -> FilterRule:
    incoming = outgoing = LinkNames()
    narrow = Narrow.NO
    verdict, target = Verdict.NONE, ""
    for name, value, negated in _options(shlex.split(line)[2:]):
        if name in ("-i", "-o"):
            names = LinkNames(patterns=(_pattern(value),), but=negated)
            incoming, outgoing = (names, outgoing) if name == "-i" else (incoming, names)
        elif name in ("-j", "-g"):
            verdict, target = _verdict(name, value, chains)
            break
        else:
            narrow = max(narrow, _narrow(name, value, negated=negated), key=list(Narrow).index)
    return FilterRule(
        verdict=verdict, text=line, target=target, incoming=incoming, outgoing=outgoing, narrow=narrow
    )  # fmt: skip


def _options(words: list[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield each option with its value, and whether a `!` stands before it."""
    position = 0
    while position < len(words):
        negated = words[position] == "!"
        position += negated
        name = words[position] if position < len(words) else ""
        position += 1
        values = []
        while position < len(words) and not (words[position].startswith("-") or words[position] == "!"):
            values.append(words[position])
            position += 1
        yield name, " ".join(values), negated


def _pattern(name: str) -> str:
    return f"{name[:-1]}*" if name.endswith("+") else name


def _verdict(option: str, value: str, chains: set[str]) -> tuple[Verdict, str]:
    if value in chains:
        return (Verdict.JUMP if option == "-j" else Verdict.GOTO), value
    return _VERDICTS.get(value, Verdict.NONE), ""


def _narrow(name: str, value: str, *, negated: bool) -> Narrow:
    """Return how far an option takes the rule away from "each first packet between ports of a bridge"."""
    if name in ("-m", "--comment") or (name == "--physdev-is-bridged" and not negated):
        return Narrow.NO
    if name in ("--ctstate", "--state"):
        return Narrow.NO if ("NEW" in value.split(",")) != negated else Narrow.OTHERWISE
    return Narrow.ADDRESSES if name in ("-s", "-d") else Narrow.OTHERWISE
