"""A plan as text: every step with why, the exact commands, libvirt calls and XML diffs, and its undo."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.plan.steps import RestoreProfile
from vmnet.report.blocks import Block, Line, Style
from vmnet.report.calls import document_diff, libvirt_calls, shell_lines
from vmnet.report.plan_short import UNDO, brief, counted, grouped, section
from vmnet.report.rows import render_rows
from vmnet.report.words import describe
from vmnet.shell_words import is_plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from vmnet.facts import Reservation
    from vmnet.plan.steps import Plan, Planned
    from vmnet.shell_words import Command

    Server = tuple[str, Callable[[Reservation], str]]

_INDENT = " " * 5


def render_plan(plan: Plan) -> tuple[Block, ...]:
    """Return the whole plan for people: choices, warnings, what is kept, the steps, how they are undone."""
    return (*_before(plan), *_table(plan), *_reservations(plan.reservations, _SERVERS), *_steps(plan), *_undo(plan))


def render_plan_short(plan: Plan, details: Command) -> tuple[Block, ...]:
    """Return the plan of a domain command with a line for each domain instead of its steps.

    Args:
        details: the command that shows the steps.
    """
    shown = _reservations(plan.reservations, _SERVERS[:1], f"the same for ISC dhcpd and Kea: {details}")
    return (*_before(plan), *shown, *brief(plan, details))


def render_nothing_to_do(plan: Plan) -> tuple[Block, ...]:
    """Return what to say about an empty plan: what was found as wanted already."""
    return (*_before(plan), *_table(plan), Line(f"{plan.command}: nothing to do", Style.GOOD))


def _before(plan: Plan) -> Iterator[Block]:
    yield from section("Choices", plan.choices)
    yield from section("As wanted already", plan.kept)
    yield from section("Warnings", grouped(plan.warnings), Style.WARNING)


def _table(plan: Plan) -> Iterator[Block]:
    if plan.rows:
        yield Line("Interfaces", Style.HEADING)
        yield render_rows(plan.rows)
        yield Line()


def _reservations(kept: tuple[Reservation, ...], servers: Iterable[Server], more: str = "") -> Iterator[Line]:
    """The old network's reservations in the configuration of DHCP servers, each line ready to be pasted."""
    if not kept:
        return
    # Another name would not be one in those servers' files.
    named = tuple(one if is_plain(one.name) else replace(one, name="") for one in kept)
    yield Line("Reservations that end with the move, for the LAN's DHCP server", Style.HEADING)
    yield Line("  The addresses are those of the old network: replace them with addresses of the LAN.", Style.QUIET)
    for title, form in servers:
        yield Line(f"  {title}:")
        yield from (Line(f"{_INDENT}{form(one)}", Style.COMMAND) for one in named)
    if more:
        yield Line(f"  {more}", Style.QUIET)
    yield Line()


def _dnsmasq(kept: Reservation) -> str:
    return "dhcp-host=" + ",".join(part for part in (kept.mac, kept.name, kept.address) if part)


def _dhcpd(kept: Reservation) -> str:
    fixed = f" fixed-address {kept.address};" if kept.address else ""
    return f"host {kept.name or kept.mac.replace(':', '-')} {{ hardware ethernet {kept.mac};{fixed} }}"


def _kea(kept: Reservation) -> str:
    values = {"hw-address": kept.mac, "ip-address": kept.address, "hostname": kept.name}
    return json.dumps({key: value for key, value in values.items() if value})


_SERVERS = (("dnsmasq", _dnsmasq), ("ISC dhcpd", _dhcpd), ("Kea", _kea))


def _steps(plan: Plan) -> Iterator[Line]:
    yield Line(f"{plan.command}: {counted(len(plan.planned), 'step')}", Style.HEADING)
    for number, planned in enumerate(plan.planned, start=1):
        yield from _step(number, planned)
    yield Line()


def _step(number: int, planned: Planned) -> Iterator[Line]:
    what = describe(planned.step)
    yield Line(f"{number:3}. {what}" + (f" - {planned.why}" if planned.why else ""))
    if isinstance(planned.step, RestoreProfile):
        yield Line(f"{_INDENT}# the run restores the keyfile byte for byte from its own copy; then:", Style.QUIET)
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
    yield Line(f"Rollback if a step fails{'' if again else ', or later by: sudo vmnet undo'}", Style.HEADING)
    if not again:
        yield Line(f"  without vmnet, from a console: {UNDO}", Style.QUIET)
    yield from (Line(f"  - {describe(step)}") for step in undo)
    yield Line()
