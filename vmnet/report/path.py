"""A guest's way to the switch, hop by hop, and what helps at the first hop that is in trouble."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.checks.hops import HopState
from vmnet.report.blocks import Block, Grid, Line, Style
from vmnet.report.troubles import render_trouble, render_unread

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.checks.hops import Hop, Path
    from vmnet.facts import Unread

_STYLES = {HopState.OK: Style.GOOD, HopState.TROUBLE: Style.BAD, HopState.UNKNOWN: Style.QUIET}
_COLUMNS = ("hop", "name", "state", "seen")


def render_paths(paths: tuple[Path, ...], unread: tuple[Unread, ...]) -> tuple[Block, ...]:
    """Return the ways of a domain's interfaces, each with its first broken hop, and what could not be read."""
    return (*(block for path in paths for block in _path(path)), *render_unread(unread))


def _path(path: Path) -> Iterator[Block]:
    yield Line(f"{path.domain} {path.interface}".strip(), Style.HEADING)
    rows = tuple(
        (hop.place, hop.subject.removeprefix(f"{path.domain} "), hop.state.value, hop.seen) for hop in path.hops
    )
    yield Grid(columns=_COLUMNS, rows=rows, styles=tuple(_STYLES[hop.state] for hop in path.hops))
    yield Line()
    broken = path.broken
    if broken is not None:
        yield from _broken(broken)
        return
    unknown = [hop.place for hop in path.hops if hop.state is HopState.UNKNOWN]
    yield Line("no hop is in trouble" + (f"; not known: {', '.join(unknown)}" if unknown else ""), Style.GOOD)
    yield Line()


def _broken(hop: Hop) -> Iterator[Block]:
    yield Line(f"the first hop in trouble: {hop.place} {hop.subject}: {hop.seen}", Style.BAD)
    if hop.hint:
        yield Line(f"  helps     {hop.hint}", Style.COMMAND)
    yield Line()
    for trouble in hop.troubles:
        yield from render_trouble(trouble)
