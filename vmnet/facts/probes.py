"""Probes: what must answer after a change if it answered before."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ProbeKind(StrEnum):
    """Kinds of probes: ARP or neighbour discovery for a router, a query for a name server, a ping for the peer of the
    SSH connection, and a command of the admin."""

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
    """The result of a probe before the change; `problem` is "" if it answered."""

    probe: Probe
    problem: str = ""

    @property
    def ok(self) -> bool:
        """Whether it answered."""
        return not self.problem
