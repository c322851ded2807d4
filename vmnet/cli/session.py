"""What a command works with: the API, the words it was called with, streams and environment."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import IO, TYPE_CHECKING, Protocol

import vmnet

if TYPE_CHECKING:
    from vmnet import (
        Bundle,
        Facts,
        Finding,
        HostGoal,
        Path,
        Plan,
        Progress,
        Rule,
        RunRecord,
        RunResult,
        Topology,
        Trouble,
    )
    from vmnet.plan.steps import Goals
    from vmnet.spec import AttachSpec, HostSpec, MigrationSpec
    from vmnet.spec.words import HostWords


class Api(Protocol):
    """The functions of `vmnet` that the commands use, and the only ones."""

    def read_facts(
        self,
        *,
        uri: str = ...,
        hypervisor: bool = ...,
        host: bool = ...,
        probes: tuple[str, ...] | None = ...,
        closely: bool = ...,
    ) -> Facts: ...
    def plan_host_setup(self, spec: HostSpec, facts: Facts) -> Plan: ...
    def find_duplicates(self, plan: Plan, facts: Facts) -> Facts: ...
    def find_mentions(self, network: str, facts: Facts) -> Facts: ...
    def ask_lan(self, plan: Plan, facts: Facts) -> Facts: ...
    def plan_attach_domain(self, spec: AttachSpec, facts: Facts) -> Plan: ...
    def plan_migration(self, spec: MigrationSpec, facts: Facts) -> Plan: ...
    def plan_fix(self, rule: str, goals: Goals, facts: Facts) -> Plan: ...
    def ask_again(self, facts: Facts, run: str | None = ...) -> Facts: ...
    def plan_undo(self, facts: Facts, run: str | None = ...) -> Plan: ...
    def apply(
        self, plan: Plan, facts: Facts, *, progress: Callable[[Progress], None] | None = ..., uri: str = ...
    ) -> RunResult: ...
    def follow(self, run: str | None = ..., *, progress: Callable[[Progress], None] | None = ...) -> RunResult: ...
    def confirm(self, run: str | None = ...) -> str: ...
    def read_runs(self, run: str | None = ...) -> tuple[RunRecord, ...]: ...
    def support_bundle(self, file: str, *, uri: str = ...) -> Bundle: ...
    def last_goals(self) -> tuple[HostGoal, ...]: ...
    def deduce_goal(self, facts: Facts, *, bridge: str | None = ..., network: str | None = ...) -> HostGoal: ...
    def status(self, goals: Goals, facts: Facts) -> Topology: ...
    def draw(self, topology: Topology, form: str, *, every: bool = ...) -> bytes: ...
    def diagnose(self, goals: Goals, facts: Facts) -> tuple[Trouble, ...]: ...
    def walk_path(self, domain: str, troubles: tuple[Trouble, ...], facts: Facts) -> tuple[Path, ...]: ...
    def probe_lan(self, goals: Goals, facts: Facts, *, domain: str | None = ...) -> Facts: ...
    def read_rules(self) -> dict[str, Rule]: ...
    def read_host_words(self, file: str) -> HostWords: ...
    def wanted_goal(self, spec: HostSpec, facts: Facts) -> HostGoal: ...
    def verify(self, goals: Goals, facts: Facts, plan: Plan | None = ...) -> tuple[Finding, ...]: ...


def _this_package() -> Api:
    return vmnet


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One call of vmnet. Tests hand in an API and streams of their own.

    For `patience_s` seconds after a run what is seen may still become what is wanted (a second LACP port joins late);
    then it is a difference.
    """

    argv: tuple[str, ...] = ()
    api: Api = field(default_factory=_this_package)
    # A stream that was closed before we started is None.
    stdin: IO[str] = field(default_factory=lambda: sys.stdin or io.StringIO())
    stdout: IO[str] = field(default_factory=lambda: sys.stdout or io.StringIO())
    stderr: IO[str] = field(default_factory=lambda: sys.stderr or io.StringIO())
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    patience_s: float = 10

    @property
    def json(self) -> bool:
        """Whether `--output json` is asked for; also when the rest of the line cannot be parsed."""
        words = self.argv[: self.argv.index("--")] if "--" in self.argv else self.argv
        return "--output=json" in words or ("--output", "json") in pairwise(words)
