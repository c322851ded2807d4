"""A hop of a guest's way to the switch, and how one is judged: by what was read, and by what rules have found there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from vmnet.checks.doctor import Trouble
from vmnet.checks.rules import Severity

if TYPE_CHECKING:
    from collections.abc import Collection

    from vmnet.facts import Facts


class HopState(StrEnum):
    """State of a hop."""

    OK = "ok"
    TROUBLE = "trouble"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One thing that a guest's frames pass through.

    Args:
        place: kind of the hop: "tap", "bridge", "LACP".
        subject: its name.
        state: whether frames pass.
        seen: what was seen, as text.
        troubles: what doctor's rules found there, without notes.
        hint: what helps, if the hop is in trouble and no rule says what helps.
    """

    place: str
    subject: str
    state: HopState
    seen: str
    troubles: tuple[Trouble, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """The path of one interface of a domain, from the guest to the gateway. `interface` is its MAC."""

    domain: str
    interface: str
    hops: tuple[Hop, ...]

    @property
    def broken(self) -> Hop | None:
        """The first hop that is in trouble."""
        return next((hop for hop in self.hops if hop.state is HopState.TROUBLE), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which findings belong to a hop: those of these `layers` (but for the rules in `without`) or `rules`, if they are
    about the hop's own subject or one of `about`. `stands`: they do no harm, for another way is open."""

    layers: Collection[str] = ()
    rules: Collection[str] = ()
    without: Collection[str] = ()
    about: Collection[str] = ()
    stands: bool = False

    def holds(self, trouble: Trouble, subject: str) -> bool:
        """Return whether a trouble belongs to the hop with this subject."""
        rule = trouble.rule
        here = trouble.finding.subject in (subject, *self.about)
        meant = (rule.layer in self.layers and rule.id not in self.without) or rule.id in self.rules
        return here and meant and not trouble.finding.ok


NOTHING = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """What the hops of all interfaces are judged by. `runs`: the domain does; for one that does not, what keeps it from
    its next start is trouble, too."""

    facts: Facts
    troubles: tuple[Trouble, ...]
    runs: bool

    def hop(
        self, place: str, subject: str, seen: str, *, ok: bool | None, scope: Scope = NOTHING, hint: str = ""
    ) -> Hop:
        """Return a hop.

        Args:
            ok: what was seen is well; None: it cannot be told.
            scope: whose findings count here.
            hint: what helps where no rule says so.
        """
        found = tuple(t for t in self.troubles if scope.holds(t, subject))
        bad = [t for t in found if t.severity is Severity.ERROR or not self.runs] if not scope.stands else []
        state = HopState.TROUBLE if bad or ok is False else HopState.UNKNOWN if ok is None else HopState.OK
        if bad and ok is not False:
            # The hop itself looks well: what the rule has seen is the news.
            seen = bad[0].finding.seen
        shown = hint if state is HopState.TROUBLE and not found else ""
        return Hop(place=place, subject=subject, state=state, seen=seen, troubles=found, hint=shown)
