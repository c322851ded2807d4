"""``scripts/bench``: how long the host's address is out of reach while it moves, by several ways, as a table."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import bench_domains, bench_outage, bench_verify, recipe
from .bench_report import conclude
from .cut import Cut, measure
from .errors import LabError
from .machine import Lab
from .progress import say, step
from .ways import WAYS, Goal

if TYPE_CHECKING:
    from collections.abc import Sequence

ABOUT = """\
Measures how long the host's address is out of reach for a machine on the LAN while em1, which has it, and p4p1 become
a bond under a bridge. Each run starts from the same saved state of a lab of its own; the LAN peer pings every 5 ms."""

HOST = "how long the host's address is out of reach while it moves"
STATIC = "172.16.4.3"
FLOOR_FACTOR = 1.15


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """What the host and its switch are like, and the ways that are measured there."""

    name: str
    switch: str
    mode: str = "802.3ad"
    dhcp: bool = False
    ways: tuple[str, ...] = ("vmnet", "by hand", "netplan")


CELLS = (
    Cell(name="individual-static", switch="individual", ways=("vmnet", "by hand", "netplan", "noise")),
    Cell(name="individual-dhcp", switch="individual", dhcp=True),
    Cell(name="plain-static", switch="plain", mode="active-backup"),
    Cell(name="plain-dhcp", switch="plain", mode="active-backup", dhcp=True),
    Cell(name="lag-static", switch="lag", ways=("vmnet", "by hand", "netplan", "floor")),
    Cell(name="lag-dhcp", switch="lag", dhcp=True),
    Cell(name="no-lacp", switch="plain", ways=("vmnet",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One measured run. `before` and `after`: the address of em1, and what br0 (or em1 still) has in the end."""

    release: str
    cell: str
    way: str
    code: int
    before: str
    after: str
    cut: Cut


# Measuring

# With a link-local IPv6 address the profile is up before the lease is there.
BY_DHCP = """\
set -e
nmcli connection modify lan ipv4.method auto ipv4.addresses '' ipv4.gateway '' ipv4.dns '' ipv4.may-fail no
nmcli connection up lan
nmcli connection modify lan ipv4.may-fail yes
"""


def _address(lab: Lab) -> str:
    """The LAN address that the host has, on the bridge or on em1; "" when it has none."""
    script = "for link in br0 em1; do ip -4 -br address show dev $link scope global 2>/dev/null; done"
    words = lab.run(script).stdout.split()
    return next((word.split("/")[0] for word in words if "/" in word), "")


def _reach(lab: Lab, cell: Cell) -> None:
    """Come to the start of a cell's runs: made once, then loaded."""
    state = f"{cell.switch}-{'dhcp' if cell.dhcp else 'static'}"
    with lab.monitor() as monitor:
        there = state in monitor.snapshots()
    if there:
        lab.reset(state)
        return
    lab.reset("clean")
    with step(f"{lab.name}: making the state {state}"):
        lab.run("for d in $(virsh list --name); do virsh suspend $d; done")
        lab.switch(cell.switch)
        if cell.dhcp:
            lab.run(BY_DHCP)
        lab.lan(f"until ping -c 3 -i 0.3 -W 1 {_address(lab)}; do :; done")
    lab.save(state)
    lab.reset(state)


def measure_once(lab: Lab, cell: Cell, way: str) -> Run:
    """Measure one run of a way, from the start."""
    _reach(lab, cell)
    before = _address(lab)
    goal = Goal(mode=cell.mode, dhcp=cell.dhcp, address=before)
    lab.run(WAYS[way].before or "true")
    with step(f"{lab.name}: {cell.name}, {way}"):
        measured = measure(lab, before, WAYS[way].script(goal))
    run = Run(
        release=lab.release.suite,
        cell=cell.name,
        way=way,
        code=measured.code,
        before=before,
        after=_address(lab),
        cut=measured.cut,
    )
    say(f"{told(run)}, exit code {run.code}, late by up to {run.cut.late_ms:.0f} ms")
    return run


def told(run: Run) -> str:
    """Return a run in a line: "vmnet: cut 0 ms, 0 of 4000 pings lost, 172.16.4.3 kept"."""
    kept = f"{run.before} kept" if run.after == run.before else f"{run.before} is now {run.after or 'gone'}"
    cut = run.cut
    return f"{run.way}: cut {cut.ms:.0f} ms, {cut.lost} of {cut.sent} pings lost, {kept}"


# The table


def table(runs: Sequence[Run]) -> str:
    """Return the runs as a Markdown table, a row for each release, cell and way."""
    rows = [("release", "cell", "way", "cut, ms", "pings lost", "late by up to, ms", "address")]
    keys = list(dict.fromkeys((run.release, run.cell, run.way) for run in runs))
    for key in keys:
        mine = [run for run in runs if (run.release, run.cell, run.way) == key]
        kept = sum(run.before == run.after for run in mine)
        rows.append(
            (
                *key,
                ", ".join(f"{run.cut.ms:.0f}" for run in mine),
                ", ".join(str(run.cut.lost) for run in mine),
                ", ".join(f"{run.cut.late_ms:.0f}" for run in mine),
                "kept" if kept == len(mine) else f"kept in {kept} of {len(mine)}",
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in rows
    ]
    return "\n".join([lines[0], "|" + "|".join("-" * (width + 2) for width in widths) + "|", *lines[1:]])


def missed(runs: Sequence[Run]) -> list[str]:
    """Return what does not come up to vmnet's figures, a line for each run."""
    return [
        f"{run.release} {run.cell} {problem}" for run in runs if run.way == "vmnet" if (problem := _missed(run, runs))
    ]


def _missed(run: Run, runs: Sequence[Run]) -> str:
    if run.before != run.after:
        return told(run)
    if run.cell == "no-lacp":
        return "" if (run.code, run.cut.lost) == (4, 0) else f"{told(run)}, exit code {run.code}"
    if run.code:
        return f"exit code {run.code}"
    if not run.cell.startswith("lag"):
        return told(run) if run.cut.lost or run.cut.ms else ""
    floors = [other.cut.ms for other in runs if other.way == "floor" and other.release == run.release]
    if not floors:
        return ""
    limit = FLOOR_FACTOR * sorted(floors)[len(floors) // 2]
    return f"{told(run)}; at most {limit:.0f} ms are allowed" if run.cut.ms > limit else ""


# The command line


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/bench", description="Measures vmnet beside other ways to the same end."
    )
    whats = parser.add_subparsers(dest="what", required=True, metavar="WHAT")
    ways = "\n".join(f"  {name:<8} {way.what}" for name, way in WAYS.items())
    cells = "\n".join(
        f"  {cell.name:<18} {cell.mode} on the switch {cell.switch!r}: {', '.join(cell.ways)}" for cell in CELLS
    )
    looks = argparse.RawDescriptionHelpFormatter
    epilog = f"ways:\n{ways}\ncells:\n{cells}"
    host = whats.add_parser("host-setup", help=HOST, description=ABOUT, epilog=epilog, formatter_class=looks)
    again = "may be repeated"
    host.add_argument(
        "--cell", action="append", choices=[c.name for c in CELLS], metavar="NAME", help=f"only this; {again}"
    )
    domains = whats.add_parser("domains", help=bench_domains.HELP, description=bench_domains.ABOUT)
    domains.add_argument("--domains", type=int, action="append", metavar="N", help=f"how many there are; {again}")
    outage = whats.add_parser("outage", help=bench_outage.HELP, description=bench_outage.ABOUT)
    look = whats.add_parser("verify", help=bench_verify.HELP, description=bench_verify.ABOUT)
    for parser_of, known, runs in (
        (host, WAYS, 3),
        (domains, bench_domains.WAYS, 3),
        (outage, bench_outage.WAYS, bench_outage.RUNS),
        (look, bench_verify.WAYS, bench_verify.RUNS),
    ):
        add = parser_of.add_argument
        add("--release", action="append", choices=recipe.RELEASES, help=f"{again} (default: all, one after the other)")
        add("--runs", type=int, default=runs, metavar="N", help="runs of each way (default: %(default)s)")
        add("--way", action="append", choices=known, metavar="NAME", help=f"only this of {', '.join(known)}; {again}")
        add("--output", choices=("text", "json"), default="text", help="default: %(default)s")
    return parser


def _measure_release(release: str, arguments: argparse.Namespace, runs: list[Run]) -> None:
    lab = Lab(f"bench-{release}", release)
    keep = lab.running() is not None
    try:
        lab.up()
        for cell in CELLS:
            if cell.name not in (arguments.cell or (cell.name,)):
                continue
            ways = [way for way in cell.ways if way in (arguments.way or cell.ways)]
            for way in ways:
                runs += [measure_once(lab, cell, way) for _ in range(arguments.runs)]
    finally:
        if not keep:
            lab.down()


def _domains(arguments: argparse.Namespace) -> int:
    return bench_domains.run(
        arguments.release or tuple(recipe.RELEASES),
        arguments.way or tuple(bench_domains.WAYS),
        arguments.domains or bench_domains.SIZES,
        arguments.runs,
        arguments.output,
    )


def _outage(arguments: argparse.Namespace) -> int:
    releases, ways = arguments.release or tuple(recipe.RELEASES), arguments.way or tuple(bench_outage.WAYS)
    return bench_outage.run(releases, ways, arguments.runs, arguments.output)


def _verify(arguments: argparse.Namespace) -> int:
    releases, ways = arguments.release or tuple(recipe.RELEASES), arguments.way or tuple(bench_verify.WAYS)
    return bench_verify.run(releases, ways, arguments.runs, arguments.output)


def _show(runs: Sequence[Run], output: str) -> int:
    return conclude(runs, table(runs), missed(runs), output)


def main(words: Sequence[str] | None = None) -> int:
    """Measure and print; return 1 if vmnet misses one of its figures, or not all could be measured."""
    arguments = _parser().parse_args(words)
    runs: list[Run] = []
    whole = {"domains": _domains, "outage": _outage, "verify": _verify}
    try:
        if arguments.what in whole:
            return whole[arguments.what](arguments)
        for release in arguments.release or recipe.RELEASES:
            _measure_release(release, arguments, runs)
    except (LabError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return _show(runs, arguments.output) or 1
    except KeyboardInterrupt:
        return 130
    return _show(runs, arguments.output)
