"""A plan as text: every step with why, the exact commands, libvirt calls and XML diffs, and the way back."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.apply.journal import UNDO_SCRIPT
from vmnet.host.run_mark import RUNS
from vmnet.plan.steps import RestoreProfile
from vmnet.report.blocks import Block, Line, Style
from vmnet.report.calls import document_diff, libvirt_calls, shell_lines
from vmnet.report.rows import render_rows
from vmnet.report.words import describe
from vmnet.shell_words import is_plain, root

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Reservation
    from vmnet.plan.steps import Plan, Planned

_INDENT = " " * 5
_UNDO = root("sh", str(RUNS.parent / UNDO_SCRIPT))


MANY = 100
"""From so many steps on, a plan that is about to be carried out is shown as its table."""


def render_plan(plan: Plan) -> tuple[Block, ...]:
    """Return the whole plan for people: choices, warnings, what is kept, the steps, how they are undone."""
    return (*_before(plan), *_steps(plan), *_undo(plan))


def render_plan_short(plan: Plan) -> tuple[Block, ...]:
    """Return the plan without its commands where there are too many to be read: its table says what will become of each
    interface; the commands are those of `--plan`."""
    if len(plan.planned) <= MANY or not plan.rows:
        return render_plan(plan)
    return (
        *_before(plan),
        Line(
            f"{plan.command}: {_count(len(plan.planned), 'step')}, {_count(len(plan.rows), 'interface')}", Style.HEADING
        ),
        Line(
            "  each step with its libvirt call and the change to the document: the same command with --plan",
            Style.QUIET,
        ),
        Line("  undone by itself when a step fails, later by: sudo vmnet undo", Style.QUIET),
        Line(f"  without vmnet, from a console: {_UNDO}", Style.QUIET),
        Line(),
    )


def render_nothing_to_do(plan: Plan) -> tuple[Block, ...]:
    """Return what to say about an empty plan: what was found as wanted already."""
    return (*_before(plan), Line(f"{plan.command}: nothing to do", Style.GOOD))


def _before(plan: Plan) -> Iterator[Block]:
    yield from _section("Choices", plan.choices)
    yield from _section("As wanted already", plan.kept)
    yield from _section("Warnings", plan.warnings, Style.WARNING)
    if plan.rows:
        yield Line("Interfaces", Style.HEADING)
        yield render_rows(plan.rows)
        yield Line()
    yield from _reservations(plan.reservations)


def _reservations(kept: tuple[Reservation, ...]) -> Iterator[Line]:
    """The old network's reservations in the words of three DHCP servers, each line ready to be pasted."""
    if not kept:
        return
    # Another name would not be one in those servers' files.
    named = tuple(one if is_plain(one.name) else replace(one, name="") for one in kept)
    yield Line("Reservations of the old network that end; the LAN's DHCP server may take them over", Style.HEADING)
    yield Line("  with addresses of the LAN, for these are the old network's:", Style.QUIET)
    for title, form in (("dnsmasq", _dnsmasq), ("ISC dhcpd", _dhcpd), ("Kea", _kea)):
        yield Line(f"  {title}:")
        yield from (Line(f"{_INDENT}{form(one)}", Style.COMMAND) for one in named)
    yield Line()


def _dnsmasq(kept: Reservation) -> str:
    return "dhcp-host=" + ",".join(part for part in (kept.mac, kept.name, kept.address) if part)


def _dhcpd(kept: Reservation) -> str:
    fixed = f" fixed-address {kept.address};" if kept.address else ""
    return f"host {kept.name or kept.mac.replace(':', '-')} {{ hardware ethernet {kept.mac};{fixed} }}"


def _kea(kept: Reservation) -> str:
    values = {"hw-address": kept.mac, "ip-address": kept.address, "hostname": kept.name}
    return json.dumps({key: value for key, value in values.items() if value})


def _section(title: str, lines: Iterable[str], style: Style = Style.PLAIN) -> Iterator[Line]:
    lines = tuple(lines)
    if lines:
        yield Line(title, Style.HEADING)
        yield from (Line(f"  - {text}", style) for text in lines)
        yield Line()


def _steps(plan: Plan) -> Iterator[Line]:
    yield Line(f"{plan.command}: {_count(len(plan.planned), 'step')}", Style.HEADING)
    for number, planned in enumerate(plan.planned, start=1):
        yield from _step(number, planned)
    yield Line()


def _step(number: int, planned: Planned) -> Iterator[Line]:
    what = describe(planned.step)
    yield Line(f"{number:3}. {what}" + (f" - {planned.why}" if planned.why else ""))
    if isinstance(planned.step, RestoreProfile):
        yield Line(f"{_INDENT}# its file is written back from the run's own copy, byte for byte; then:", Style.QUIET)
    yield from (Line(_INDENT + text, Style.COMMAND) for text in shell_lines(planned.step))
    for call in libvirt_calls(planned.step):
        yield Line(f"{_INDENT}{call.call}", Style.COMMAND)
        yield Line(f"{_INDENT}  by hand: {call.virsh}", Style.QUIET)
    yield from (Line(_INDENT + text, _diff_style(text)) for text in document_diff(planned.step))


def _diff_style(text: str) -> Style:
    if text.startswith(("+++", "---", "@@")):
        return Style.QUIET
    return {"+": Style.ADDED, "-": Style.REMOVED}.get(text[:1], Style.PLAIN)


def _undo(plan: Plan) -> Iterator[Line]:
    undo = [step for planned in reversed(plan.planned) for step in planned.undo]
    if not undo:
        return
    again = plan.command == "undo"
    yield Line(f"Undone by itself when a step fails{'' if again else ', later by: sudo vmnet undo'}", Style.HEADING)
    if not again:
        yield Line(f"  without vmnet, from a console: {_UNDO}", Style.QUIET)
    yield from (Line(f"  - {describe(step)}") for step in undo)
    yield Line()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
