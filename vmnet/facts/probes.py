"""What is asked whether it answers: before a change, and again after it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProbeKind(StrEnum):
    """What is asked, and how: a router by its neighbour entry, a name server by a query, the peer of the SSH connection
    by an echo, and whatever a command of the admin's asks."""

    GATEWAY = "gateway"
    DNS = "DNS server"
    SSH_PEER = "SSH peer"
    COMMAND = "command"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question: `target` is an address, or the command."""

    kind: ProbeKind
    target: str

    def __str__(self) -> str:
        return f"{self.kind.value} {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came of a probe before the change; `problem` is "" where it answered."""

    probe: Probe
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether it answered."""
        return not self.problem
