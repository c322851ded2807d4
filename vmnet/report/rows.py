"""Tables of moved interfaces: what will become of each before a run, where each is afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.report.blocks import Grid, Style
from vmnet.report.words import listed

if TYPE_CHECKING:
    from vmnet.plan.steps import MovedInterface


def render_rows(rows: tuple[MovedInterface, ...]) -> Grid:
    """Return the table shown before a run: one row an interface, from where to where, and what the guest notices."""
    cells = tuple(
        (
            row.domain,
            row.state,
            row.mac or "",
            row.was,
            row.wanted,
            listed(row.scopes, nothing="-"),
            row.address_now or "-",
            row.remark,
        )
        for row in rows
    )
    columns = ("domain", "state", "interface", "from", "to", "changes in", "address now", "remark")
    spare = ("state", "changes in", "to")
    return Grid(columns=columns, rows=cells, styles=(Style.PLAIN,) * len(cells), spare=spare)


def render_rows_after(before: tuple[MovedInterface, ...], after: tuple[MovedInterface, ...]) -> Grid:
    """Return the table shown after a run: the guest's old address, its new one, and what is left to do by hand."""
    old = {(row.domain, row.mac): row.address_now for row in before}
    cells = tuple(
        (
            row.domain,
            row.state,
            row.mac or "",
            row.wanted,
            old.get((row.domain, row.mac)) or "-",
            row.address_now or "-",
            row.remark or "-",
        )
        for row in after
    )
    columns = ("domain", "state", "interface", "now on", "old address", "new address", "left to do")
    styles = tuple(Style.WARNING if row.remark else Style.PLAIN for row in after)
    return Grid(columns=columns, rows=cells, styles=styles, spare=("state", "now on"))
