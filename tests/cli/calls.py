"""Calling vmnet as from a shell, with a host that is made up."""

from __future__ import annotations

import io
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import vmnet
from tests import facts_samples, schemas
from vmnet.checks.diagnostics import Trouble, check_host, diagnose
from vmnet.checks.findings import Difference, differences_of
from vmnet.checks.fix import plan_fix
from vmnet.checks.goal import deduce_goal, export, wanted_goals
from vmnet.checks.path import walk
from vmnet.checks.rule_texts import Rule, read_rules
from vmnet.checks.status import describe_host
from vmnet.cli import main
from vmnet.cli.session import Session
from vmnet.facts import Duplicate, Facts, LanAnswer
from vmnet.facts.evidence import Bundle, BundleFile
from vmnet.facts.surroundings import Unread
from vmnet.host.files.own_files import check_new, write_new
from vmnet.host.files.spec_file import read_host_words, read_spec
from vmnet.plan import steps
from vmnet.plan.domains.destination import find_domain
from vmnet.plan.steps import Goals, Plan, Planned
from vmnet.runs.progress import Event, Progress, RunResult
from vmnet.spec import BridgeSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from vmnet.checks import path_below
    from vmnet.checks.findings import Finding
    from vmnet.checks.topology import Topology
    from vmnet.runs.records.history import RunRecord
    from vmnet.spec import AttachSpec, HostSpec, MigrationSpec, TeardownSpec
    from vmnet.spec.words import HostWords

STEP = steps.ActivateProfile(uuid="00000000-0000-4000-8000-000000000001", name="br0", ifname="br0")
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "host.toml"
CHANGING = ("host-setup", f"apply {EXAMPLE}", "attach-domain web01", "migrate-from-virbr0", "teardown", "undo")
DEGRADED = facts_samples.with_link(facts_samples.end_state(), "br0", carrier=False)
UP = steps.SetLink(ifname="bond0", up=True)


def some_plan(command: str) -> Plan:
    """A plan of two steps."""
    planned = (Planned(step=STEP, why="first"), Planned(step=UP, why="second"))
    return Plan(command=command, planned=planned, goals=(facts_samples.goal(),))


@dataclass
class MadeUpHost:
    """The functions of `vmnet`, on facts that are handed in; it remembers what it was asked for.

    `plan` is what every planning function returns (None: a plan of two steps), `error` what apply raises.
    """

    facts: Facts = field(default_factory=facts_samples.end_state)
    plan: Plan | None = None
    error: BaseException | None = None
    goal: BridgeSpec | None = None
    specs: list[Any] = field(default_factory=list)
    applied: list[Plan] = field(default_factory=list)
    runs: tuple[RunRecord, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    lan: LanAnswer | None = None
    probed: list[Goals] = field(default_factory=list)
    reads: list[dict[str, Any]] = field(default_factory=list)

    def read_facts(
        self,
        *,
        uri: str = "",
        hypervisor: bool = True,
        host: bool = True,
        probes: tuple[str, ...] | None = None,
        closely: bool = False,
    ) -> Facts:
        self.reads.append({"uri": uri, "hypervisor": hypervisor, "host": host})
        return self.facts

    def _plan(self, command: str, spec: object) -> Plan:
        self.specs.append(spec)
        return self.plan or some_plan(command)

    def plan_host_setup(self, spec: HostSpec, facts: Facts) -> Plan:
        return self._plan("host-setup", spec)

    def find_mentions(self, network: str, facts: Facts) -> Facts:
        return facts

    def ask_lan(self, plan: Plan, facts: Facts) -> Facts:
        return facts

    def find_duplicates(self, plan: Plan, facts: Facts) -> Facts:
        return replace(facts, duplicates=self.duplicates)

    def plan_attach_domain(self, spec: AttachSpec, facts: Facts) -> Plan:
        return self._plan("attach-domain", spec)

    def plan_migration(self, spec: MigrationSpec, facts: Facts) -> Plan:
        return self._plan("migrate-from-virbr0", spec)

    def plan_teardown(self, spec: TeardownSpec, facts: Facts) -> Plan:
        return self._plan("teardown", spec)

    def plan_fix(self, rule: str, goals: Goals, facts: Facts) -> Plan:
        return plan_fix(rule, goals, facts)

    def ask_again(self, facts: Facts, run: str | None = None) -> Facts:
        if not facts.root:
            raise PermissionError(13, "Permission denied")
        return facts

    def plan_undo(self, facts: Facts, run: str | None = None) -> Plan:
        if not facts.root:
            raise PermissionError(13, "Permission denied")
        return self._plan("undo", run)

    def apply(
        self, plan: Plan, facts: Facts, *, progress: Callable[[Progress], None] | None = None, uri: str = ""
    ) -> RunResult:
        assert progress is not None
        for index, planned in enumerate(plan.planned, start=1):
            event = Progress(index=index, total=len(plan.planned), step=planned.step, why="", event=Event.BEGIN)
            progress(event)
            if self.error is not None:
                raise self.error
            progress(replace(event, event=Event.DONE, seconds=1.2))
        self.applied.append(plan)
        return RunResult(run="run1", directory="/var/lib/vmnet/runs/run1", plan=plan, done=len(plan.planned))

    def follow(self, run: str | None = None, *, progress: Callable[[Progress], None] | None = None) -> RunResult:
        if not self.facts.root:
            raise PermissionError(13, "Permission denied")
        return self.apply(self._plan("follow", run), self.facts, progress=progress)

    def confirm(self, run: str | None = None) -> str:
        if not self.facts.root:
            raise PermissionError(13, "Permission denied")
        return run or "run1"

    def read_runs(self, run: str | None = None) -> tuple[RunRecord, ...]:
        if not self.facts.root:
            raise PermissionError(13, "Permission denied")
        return tuple(record for record in self.runs if run in (None, record.run))

    def support_bundle(self, file: str, *, uri: str = "") -> Bundle:
        check_new(Path(file))
        write_new(Path(file), b"bundle")
        files = (BundleFile(name="facts.json", how="vmnet.read_facts()"),)
        unread = () if self.facts.root else (Unread(what="runs", why="only root may read them"),)
        return Bundle(file=file, size_bytes=6, files=files, unread=unread)

    def last_goals(self) -> tuple[BridgeSpec, ...]:
        return () if self.goal is None else (self.goal,)

    def deduce_goal(self, facts: Facts, *, bridge: str | None = None, network: str | None = None) -> BridgeSpec:
        return deduce_goal(facts, bridge=bridge, network=network)

    def status(self, goals: Goals, facts: Facts) -> Topology:
        return describe_host(goals, facts)

    def draw(self, topology: Topology, form: str, *, every: bool = False) -> bytes:
        if self.error is not None:
            raise self.error
        return f"{form} {every}".encode()

    def diagnose(self, goals: Goals, facts: Facts) -> tuple[Trouble, ...]:
        return diagnose(goals, facts)

    def walk_path(self, domain: str, troubles: tuple[Trouble, ...], facts: Facts) -> tuple[path_below.Path, ...]:
        return walk(find_domain(domain, facts), facts, troubles)

    def probe_lan(self, goals: Goals, facts: Facts, *, domain: str | None = None) -> Facts:
        self.probed.append(goals)
        return replace(facts, lan=self.lan)

    def read_rules(self) -> dict[str, Rule]:
        return read_rules()

    def read_host_words(self, file: str) -> HostWords:
        return read_host_words(file)

    def read_spec(self, file: str) -> HostSpec:
        return read_spec(file)

    def export(self, facts: Facts) -> tuple[HostSpec, tuple[str, ...]]:
        return export(facts)

    def differences(self, findings: tuple[Finding, ...]) -> tuple[Difference, ...]:
        return differences_of(findings)

    def wanted_goals(self, spec: HostSpec, facts: Facts) -> tuple[BridgeSpec, ...]:
        return wanted_goals(spec, facts)

    def verify(self, goals: Goals, facts: Facts, plan: Plan | None = None) -> tuple[Finding, ...]:
        return check_host(goals, facts, plan)


@contextmanager
def made_up(host: MadeUpHost) -> Iterator[None]:
    """Have the functions of `vmnet` be those of a made-up host for the time of a block. None of them is a real one."""
    functions: Any = {name: getattr(host, name, None) for name in vmnet.__all__}
    with patch.multiple(vmnet, **functions):
        yield


class Terminal(io.StringIO):
    """A terminal with somebody at it."""

    def isatty(self) -> bool:
        return True


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str
    host: MadeUpHost


def call(*words: str, host: MadeUpHost | None = None, **streams: Any) -> Ended:
    """Run `vmnet WORDS` on a made-up host, without a terminal unless `streams` has one; JSON is compared with its
    schema."""
    host = host or MadeUpHost()
    values: dict[str, Any] = {
        "stdin": io.StringIO(), "stdout": io.StringIO(), "stderr": io.StringIO(), "environ": {},
    } | streams  # fmt: skip
    session = Session(argv=words, patience_s=0, **values)
    with made_up(host):
        code = main(words, session=session)
    out, err = (getattr(values[name], "getvalue", str)() for name in ("stdout", "stderr"))
    if session.json:
        schemas.check_text(out)
        schemas.check_text("\n".join(line for line in err.splitlines() if line.startswith("{")))
    return Ended(code, out, err, host)
