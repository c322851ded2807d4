"""Firewall rules that name a NIC or bond whose address moves to the bridge. Afterwards they match nothing: what they
accept is dropped, or what they drop gets in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.facts import Verdict
from vmnet.lines import fits_pattern
from vmnet.plan.host.layer3 import controllers_of
from vmnet.plan.risks.accept import Risk
from vmnet.shell_words import is_plain, root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import FilterChain, FilterRule, LinkNames
    from vmnet.plan.host.build import Build
    from vmnet.shell_words import Command

FLAG = "--allow-firewall"
_HOOKS = ("prerouting", "input", "output")
_LETS = (Verdict.ACCEPT, Verdict.RETURN)
_STOPS = (Verdict.DROP, Verdict.REJECT)
_FIREWALLD = "firewalld"
"""Its own table. vmnet puts the bridge into the NIC's zone, and firewalld writes these rules again."""
_IPTABLES = {"ip": "iptables", "ip6": "ip6tables"}
_TYPED = re.compile(r'[\w {}.,:"*/@!=-]+')
"""What nft is given to read again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A rule that treats what comes by the bridge otherwise than what came by `old`. `closes`: what it let through is
    dropped, else what it dropped gets through. `number` is its place in the chain, from 1."""

    chain: FilterChain
    rule: FilterRule
    number: int
    old: str
    pattern: str
    closes: bool

    @property
    def words(self) -> str:
        """The rule, for people."""
        return f"{self.chain.family} {self.chain.table} {self.chain.name}: {self.rule.text}"


def firewall_risks(build: Build) -> Iterator[Risk]:
    """Yield the risk that rules let nobody in any more once the address is on the bridge."""
    closing = [changed for changed in _changes(build) if changed.closes]
    if not closing:
        return
    bridge = build.bridge.ifname
    old = ", ".join(sorted({changed.old for changed in closing}))
    rules = "; ".join(dict.fromkeys(changed.words for changed in closing))
    commands = "\n".join(dict.fromkeys(copy_for(changed, bridge) for changed in closing))
    yield Risk(
        message="after this run, the firewall would drop new connections that it accepts now, perhaps SSH: they "
        f"arrive on {bridge}, and these rules accept them on {old} only: {rules}",
        hint=f"add the same rules for {bridge}, also where the firewall stores its rules for the next boot:\n"
        f"{commands}\nthen run vmnet again",
        flag=FLAG,
        accepted=build.spec.allow_firewall,
    )


def firewall_warnings(build: Build) -> tuple[str, ...]:
    """Return a warning for each rule that protects nothing any more once the address is on the bridge."""
    bridge = build.bridge.ifname
    return tuple(
        dict.fromkeys(
            f"after this run the firewall lets in on {bridge} what it dropped on {changed.old}: {changed.words}"
            for changed in _changes(build)
            if not changed.closes
        )
    )


def _changes(build: Build) -> Iterator[Changed]:
    """Yield the rules that treat the bridge otherwise than the links that have the host's address now."""
    over = [name for nic in build.nics for name in controllers_of(nic, build.facts)]
    gone = [name for name in dict.fromkeys((*build.touched, *over)) if build.facts.addresses_of(name)]
    return changed_rules(build.facts.chains, gone, build.bridge.ifname)


def changed_rules(chains: tuple[FilterChain, ...], old: Iterable[str], bridge: str) -> Iterator[Changed]:
    """Yield the rules for packets of the host itself that treat the bridge otherwise than links below it.

    Args:
        chains: the firewall's.
        old: the links by which the packets came before.
        bridge: the link by which they come now.
    """
    gone = [name for name in old if name != bridge]
    for base in chains:
        if gone and base.hook in _HOOKS and base.family in ("ip", "ip6", "inet") and base.table != _FIREWALLD:
            yield from _changes_below(base, chains, gone, bridge)


def _changes_below(
    base: FilterChain, chains: tuple[FilterChain, ...], gone: list[str], bridge: str
) -> Iterator[Changed]:
    members = _reached(base, chains)
    closed = base.policy != "accept" or any(rule.verdict in _STOPS for chain in members for rule in chain.rules)
    for chain, number, rule in ((c, n, r) for c in members for n, r in enumerate(c.rules, start=1)):
        names = rule.outgoing if base.hook == "output" else rule.incoming
        old = next((name for name in gone if _matches(names, name) != _matches(names, bridge)), None)
        # What fits the bridge by its name was written for it.
        if old is None or _is_copied(rule, names, chain, bridge) or not (names.but or _matches(names, old)):
            continue
        verdicts = _verdicts(rule, chain, chains)
        lets, stops = closed and not verdicts.isdisjoint(_LETS), not verdicts.isdisjoint(_STOPS)
        closes, opens = (lets, stops) if _matches(names, old) else (stops, lets)
        pattern = next((p for p in names.patterns if fits_pattern(old, p)), names.patterns[0])
        for yes in [True] * closes + [False] * opens:
            yield Changed(chain=chain, rule=rule, number=number, old=old, pattern=pattern, closes=yes)


def _matches(names: LinkNames, ifname: str) -> bool:
    return not names.patterns or any(fits_pattern(ifname, pattern) for pattern in names.patterns) != names.but


def _reached(base: FilterChain, chains: tuple[FilterChain, ...]) -> list[FilterChain]:
    """Return the base chain and all that it leads to."""
    found = [base]
    for chain in found:
        targets = {rule.target for rule in chain.rules if rule.target}
        same = (c for c in chains if (c.tool, c.family, c.table) == (base.tool, base.family, base.table))
        # `found` grows while it is gone through; each chain is in it once.
        found += [c for c in same if c.name in targets and c not in found]
    return found


def _verdicts(rule: FilterRule, chain: FilterChain, chains: tuple[FilterChain, ...]) -> set[Verdict]:
    """Return what may come of a packet that the rule matches."""
    if rule.verdict not in (Verdict.JUMP, Verdict.GOTO):
        return {rule.verdict}
    place = (chain.tool, chain.family, chain.table, rule.target)
    target = next((c for c in chains if (c.tool, c.family, c.table, c.name) == place), None)
    return {r.verdict for c in _reached(target, chains) for r in c.rules} if target else {Verdict.ACCEPT}


def _is_copied(rule: FilterRule, names: LinkNames, chain: FilterChain, bridge: str) -> bool:
    """Return whether the chain has the same rule for the bridge, or for all links."""
    if names.but:
        return False
    texts = {rule.text.replace(pattern, bridge) for pattern in names.patterns}
    texts |= {re.sub(rf"(-[io]|[io]if(name)?) !?\s*{re.escape(pattern)} ", "", rule.text) for pattern in names.patterns}
    return any(other.text in texts for other in chain.rules if other is not rule)


def copy_for(changed: Changed, bridge: str) -> Command:
    """Return the command that adds the rule for the bridge, before it; else the one that lists its chain."""
    chain, rule = changed.chain, changed.rule
    if rule.words:
        return _copy_saved(changed, bridge)
    if named := re.search(r"[io]if(?:name)? @(\w+) ", rule.text):
        element = f'add element {chain.family} {chain.table} {named[1]} {{ "{bridge}" }}'
        return root("nft", element) if is_plain(bridge) and _TYPED.fullmatch(element) else _listing(chain)
    words = re.sub(rf"([io])if(name)? {re.escape(changed.pattern)}(?= |$)", rf'\1ifname "{bridge}"', rule.text, count=1)
    statement = f"insert rule {chain.family} {chain.table} {chain.name} handle {rule.handle} {words}"
    if rule.handle and words != rule.text and is_plain(bridge) and _TYPED.fullmatch(statement):
        return root("nft", statement)
    return _listing(chain)


def _listing(chain: FilterChain) -> Command:
    return root("nft", "-a", "list", "chain", chain.family, chain.table, chain.name)


def _copy_saved(changed: Changed, bridge: str) -> Command:
    chain = changed.chain
    tool = _IPTABLES[chain.family] if chain.tool == "nft" else chain.tool
    words = changed.rule.words
    saved = changed.pattern.replace("*", "+")
    named = (bridge if word == saved and words[at - 1] in ("-i", "-o") else word for at, word in enumerate(words))
    return root(tool, "-t", chain.table, "-I", chain.name, str(changed.number), *named)
