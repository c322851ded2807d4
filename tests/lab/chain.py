"""Faults made for real, one after the other, two of them standing at a time: doctor names both and nothing else, and
what it prints as the fix cures the older one.

So one call of doctor a fault shows all three: that the new one is seen, that the one before is not hidden by it, and
that the one before that is gone.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from . import process

    Act = Callable[[Any], object]

AS_ROOT = 'set -e; sudo() { "$@"; }\n'
"""The printed commands say sudo; the lab's shell is root's, and need not have it."""


class Host(Protocol):
    """A lab or a chamber."""

    def run(self, command: str, *, timeout: float = ..., check: bool = ...) -> process.Completed: ...
    def vmnet(self, *words: str, timeout: float = ..., check: bool = ...) -> process.Completed: ...


@dataclass(frozen=True, kw_only=True)
class Fault:
    """Something to break.

    Args:
        rule: the rule that must fire.
        subject: what it must be about; "" for anything.
        inject: a shell script for the host, or a function of the lab; "": the test has made it; None: nobody
            makes it, the host is like that.
        seen: text that the evidence must hold.
        heal: where what doctor prints is no command (a cable): how it is put right; None: the printed commands.
        also: other rules that rightly fire with it.
    """

    rule: str
    subject: str = ""
    inject: str | Act | None
    seen: str = ""
    heal: str | Act | None = None
    also: frozenset[str] = frozenset()

    def matches(self, finding: dict[str, Any]) -> bool:
        """Whether a finding of doctor's is about this fault."""
        return finding["rule"] == self.rule and self.subject in ("", finding["subject"])


def act(host: Host, what: str | Act | None) -> None:
    """Do it on the host."""
    assert what is not None, "there is nothing to do"
    if isinstance(what, str):
        host.run(AS_ROOT + what, timeout=120)
    else:
        what(host)


def diagnose(host: Host, *words: str, notes: bool = False) -> list[dict[str, Any]]:
    """Return doctor's findings that are more than notes; or all, with `notes`."""
    done = host.vmnet("doctor", "--output", "json", *words, timeout=180, check=False)
    document = json.loads(done.stdout)
    found = [trouble["finding"] for trouble in document["troubles"]]
    wrong = [finding for finding in found if not finding["ok"]]
    assert done.returncode == (6 if wrong else 0), done.describe()
    return found if notes else wrong


def expect(
    host: Host, standing: Sequence[Fault], *words: str, patience_s: float = 40, notes: bool = False
) -> list[dict[str, Any]]:
    """Ask doctor, with these words, until it names just the faults that stand, and return its findings; a link or LACP
    takes its time."""
    end = time.monotonic() + patience_s
    while True:
        found = diagnose(host, *words, notes=notes)
        problems = _problems(found, standing)
        if not problems:
            return found
        assert time.monotonic() < end, "; ".join(problems)
        time.sleep(1)


def _problems(found: list[dict[str, Any]], standing: Sequence[Fault]) -> list[str]:
    missed = [fault for fault in standing if not any(fault.matches(f) and fault.seen in f["seen"] for f in found)]
    may = {rule for fault in standing for rule in fault.also}
    wrong = [f for f in found if f["rule"] not in may and not any(fault.matches(f) for fault in standing)]
    return [f"missed: {fault.rule} {fault.subject} {fault.seen}" for fault in missed] + [
        f"wrong: {f['rule']} {f['subject']}: wanted {f['wanted']}, seen {f['seen']}" for f in wrong
    ]


def heal(host: Host, fault: Fault, found: list[dict[str, Any]]) -> None:
    """Put a fault right as doctor says."""
    finding = next(f for f in found if fault.matches(f))
    assert finding["shown_by"] or finding["hint"], f"{fault.rule} shows nothing"
    if fault.heal is not None:
        act(host, fault.heal)
        return
    assert finding["fix"], f"{fault.rule} prints no commands"
    act(host, "\n".join(finding["fix"]))


def run_chain(host: Host, faults: Sequence[Fault], *, given: Sequence[Fault] = (), notes: bool = False) -> None:
    """Break and heal, two faults at a time, from a host that is well to one that is well again.

    Args:
        given: what doctor rightly finds on this host before and after, too.
        notes: the faults are such that doctor only notes them; its notes count all.
    """
    expect(host, given, notes=notes)
    standing: list[Fault] = []
    for fault in faults:
        act(host, fault.inject)
        standing.append(fault)
        found = expect(host, [*given, *standing], notes=notes)
        if len(standing) == 2:
            heal(host, standing.pop(0), found)
    for fault in [*standing]:
        heal(host, fault, expect(host, [*given, *standing], notes=notes))
        standing.remove(fault)
    expect(host, given, notes=notes)
