"""Follow the first packet of a connection, from one port of a bridge to another one, through the firewall's chains."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.facts import FilterChain, Narrow, Verdict
from vmnet.lines import fits_pattern

if TYPE_CHECKING:
    from vmnet.facts import FilterRule, LinkNames

_ENDS = (Verdict.ACCEPT, Verdict.DROP, Verdict.REJECT)
_DEPTH = 16
"""The kernel's own limit of nested jumps (NFT_JUMP_STACK_SIZE)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Where the packet ends: the base chain, the chain that the rule is in, and the rule; None: it is the policy.
    `spared` are rules before it that let packets of some addresses through."""

    base: FilterChain
    chain: FilterChain
    rule: FilterRule | None
    spared: tuple[FilterRule, ...] = ()


@dataclass(slots=True)
class _Walk:
    chains: dict[tuple[str, str, str, str], FilterChain]
    bridge: str
    spared: list[FilterRule]

    def through(self, chain: FilterChain, depth: int = 0) -> tuple[Verdict, FilterChain, FilterRule | None]:
        """Return the verdict of a chain, and who gave it; RETURN: none."""
        for rule in chain.rules:
            if not self.fits(rule):
                continue
            if rule.narrow is not Narrow.NO:
                if rule.narrow is Narrow.ADDRESSES and rule.verdict is Verdict.ACCEPT:
                    self.spared.append(rule)
                continue
            if rule.verdict in _ENDS:
                return rule.verdict, chain, rule
            if rule.verdict is Verdict.RETURN:
                break
            inner = self.chains.get((chain.tool, chain.family, chain.table, rule.target))
            if rule.verdict not in (Verdict.JUMP, Verdict.GOTO) or inner is None or depth == _DEPTH:
                continue
            found = self.through(inner, depth + 1)
            if found[0] is not Verdict.RETURN:
                return found
            if rule.verdict is Verdict.GOTO:
                break
        return Verdict.RETURN, chain, None

    def fits(self, rule: FilterRule) -> bool:
        """Whether the rule is for packets that come from the bridge and go to it: both are its name to the chains."""
        return _fits(rule.incoming, self.bridge) and _fits(rule.outgoing, self.bridge)


def _fits(names: LinkNames, bridge: str) -> bool:
    return not names.patterns or any(fits_pattern(bridge, name) for name in names.patterns) != names.but


def find_stop(base: FilterChain, chains: tuple[FilterChain, ...], bridge: str) -> Stop | None:
    """Return where a base chain ends the packet, None where it lets it through.

    Rules for some packets only are passed over: what they drop is meant so, and what they let through is not all.
    """
    places = {(chain.tool, chain.family, chain.table, chain.name): chain for chain in chains}
    walk = _Walk(places, bridge, [])
    verdict, chain, rule = walk.through(base)
    if verdict is Verdict.RETURN:
        verdict, chain, rule = Verdict(base.policy), base, None
    if verdict is Verdict.ACCEPT:
        return None
    return Stop(base=base, chain=chain, rule=rule, spared=tuple(walk.spared))
