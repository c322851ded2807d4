"""Parse what `iptables-save` and its sisters print: the chains that filter packets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from vmnet.facts import FilterChain, FilterRule, LinkNames, Narrow, Verdict

HOOKS = {name: name.lower() for name in ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")}
_NAMED = ("-i", "-o", "-j", "-g", "--physdev-in", "--physdev-out")
# After these the name of a link or chain follows, which is never quoted.
_NAME = r"(?:(?<=-[Aiojg] )|(?<=--physdev-in )|(?<=--physdev-out ))[^ \n]+"
_WORD = re.compile(rf'{_NAME}|"(?P<quoted>[^"\\]*(?:\\.[^"\\]*)*)"(?=[ \n]|\Z)|[^ \n]+|\n', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TABLES = ("filter", "mangle", "raw", "security")
_VERDICTS = {"ACCEPT": Verdict.ACCEPT, "DROP": Verdict.DROP, "REJECT": Verdict.REJECT, "RETURN": Verdict.RETURN}


def parse_saved(text: str, *, tool: str, family: str) -> tuple[FilterChain, ...]:
    """Return the chains of a listing; those of the table nat are left out.

    Args:
        text: what iptables-save printed.
        tool: as in `FilterChain`.
        family: "ip" or "ip6".
    """
    chains: dict[tuple[str, str], FilterChain] = {}
    rules: dict[tuple[str, str], list[tuple[str, list[str]]]] = {}
    table = ""
    for raw, words in _entries(text):
        first, second = words[0], words[1] if len(words) > 1 else ""
        if first.startswith("*"):
            table = first[1:]
        elif first.startswith(":") and second and table in _TABLES:
            name = first[1:]
            chains[table, name] = FilterChain(
                tool=tool, family=family, table=table, name=name, hook=HOOKS.get(name, ""),
                policy="accept" if second == "-" else second.lower(),
            )  # fmt: skip
        elif first == "-A":
            rules.setdefault((table, second), []).append((raw, words))
    tables: dict[str, set[str]] = {}
    for place, name in chains:
        tables.setdefault(place, set()).add(name)
    return tuple(
        replace(chain, rules=tuple(_rule(*rule, tables[place]) for rule in rules.get((place, name), ())))
        for (place, name), chain in chains.items()
    )


def _entries(text: str) -> Iterator[tuple[str, list[str]]]:
    """Yield each table, chain and rule, as one line and as its words.

    Only a value that the tool quotes may hold a newline or a blank: a comment, mostly (xtables_save_string in
    libxtables/xtables.c). A link's name is written as it is, and a quote in it opens nothing.
    """
    words: list[str] = []
    begin = 0
    for found in _WORD.finditer(text if text.endswith("\n") else f"{text}\n"):
        if found[0] != "\n":
            words.append(found[0] if found["quoted"] is None else _ESCAPED.sub(r"\1", found["quoted"]))
            continue
        if words:
            yield text[begin : found.start()].replace("\n", " "), words
        words, begin = [], found.end()


def _rule(raw: str, words: list[str], chains: set[str]) -> FilterRule:
    incoming = outgoing = LinkNames()
    narrow = Narrow.NO
    verdict, target = Verdict.NONE, ""
    for name, value, negated in _options(words[2:]):
        if name in ("-i", "-o"):
            names = LinkNames(patterns=(_pattern(value),), but=negated)
            incoming, outgoing = (names, outgoing) if name == "-i" else (incoming, names)
        elif name in ("-j", "-g"):
            verdict, target = _verdict(name, value, chains)
            break
        else:
            narrow = max(narrow, _narrow(name, value, negated=negated), key=list(Narrow).index)
    return FilterRule(
        verdict=verdict, text=raw, target=target, incoming=incoming, outgoing=outgoing, narrow=narrow,
        words=tuple(words[2:]),
    )  # fmt: skip


def _options(words: list[str]) -> Iterator[tuple[str, str, bool]]:
    """Yield each option with its value, and whether a `!` comes before it."""
    position = 0
    while position < len(words):
        negated = words[position] == "!"
        position += negated
        name = words[position] if position < len(words) else ""
        position += 1
        # A link or a chain may be called "-j".
        values = words[position : position + 1] if name in _NAMED else []
        position += len(values)
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
