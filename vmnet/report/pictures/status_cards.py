"""The colours of pictures: each is one of its kind, so that a style sheet can name it and put a dark one there."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from vmnet.checks.topology import Node, Role, State, Topology
from vmnet.names import printable
from vmnet.report.pictures.status_groups import Leaf, counted, noun


@dataclass(frozen=True, slots=True, kw_only=True)
class Colour:
    """A colour for a light background, and its counterpart for a dark one."""

    light: str
    dark: str


GROUND = Colour(light="#fbfbfd", dark="#14171d")
INK = Colour(light="#1f2430", dark="#e8eaf0")
MUTED = Colour(light="#5f6878", dark="#a3adbd")
CELL = Colour(light="#fefefe", dark="#1f242d")
WIRE = Colour(light="#8a94a6", dark="#73809a")

FILLS = {
    State.ERROR: Colour(light="#fde7e5", dark="#4a1b18"),
    State.WARNING: Colour(light="#fdf2d8", dark="#40300c"),
    State.OK: Colour(light="#e8f5ed", dark="#17301f"),
    State.IDLE: Colour(light="#edeff2", dark="#262b34"),
}
STROKES = {
    State.ERROR: Colour(light="#c8261b", dark="#ff7a6e"),
    State.WARNING: Colour(light="#8f5500", dark="#f2b544"),
    State.OK: Colour(light="#2b8a50", dark="#4cc47c"),
    State.IDLE: Colour(light="#939cab", dark="#6d7788"),
}
ALL = (GROUND, INK, MUTED, CELL, WIRE, *FILLS.values(), *STROKES.values())


def style_sheet() -> str:
    """Return the rules that turn a picture dark where the reader's screen is.

    A presentation attribute gives way to any rule, and who knows no style sheets sees the light picture.
    """
    rules = [
        f'[{attribute}="{colour.light}"]{{{attribute}:{colour.dark}}}'
        for colour in ALL
        for attribute in ("fill", "stroke")
    ]
    return f"@media (prefers-color-scheme: dark){{{''.join(rules)}}}"


# Graphviz's HTML-like labels: a card for a node, a panel for many domains, the title with the legend.

MARKS = {State.ERROR: "✕ ", State.WARNING: "! ", State.OK: "", State.IDLE: ""}
"""So that a state is not told by colour alone."""
LEGEND = {State.OK: "well", State.WARNING: "warning", State.ERROR: "error", State.IDLE: "not in use"}
SMALL = 10
ROOMY = 60
"""Up to so many domains, a panel has room for their addresses."""
SICK = 20
CELLS = 400
"""So many domains of a panel are drawn one by one."""
_NAME, _WORD, _REMARK = 26, 44, 100


def safe(text: str, longest: int) -> str:
    """Return text for an HTML-like label, cut to size.

    A backslash is written as a character reference: Graphviz looks for its own escapes before it reads the markup.
    """
    text = printable(text)
    text = text if len(text) <= longest else f"{text[: longest - 1]}…"
    return escape(text).replace("\\", "&#92;")


def font(text: str, colour: Colour, size: int = 0, *, bold: bool = False) -> str:
    """Return markup for text that is safe already.

    Some room comes after it: whoever looks at the picture may have broader letters than the machine that drew it.
    """
    text += "&#160;" * (1 + len(text) // 16) if text else ""
    points = f' POINT-SIZE="{size}"' if size else ""
    inner = f"<B>{text}</B>" if bold else text
    return f'<FONT COLOR="{colour.light}"{points}>{inner}</FONT>' if text else ""


def card(node: Node) -> str:
    """Return a node's label: its name, what it is, what is to be seen of it, and what is wrong."""
    role = "" if node.role is Role.DOMAIN else safe(node.role.value, _NAME)
    head = font(MARKS[node.state] + safe(node.name, _NAME), INK, bold=True)
    rows = [f"{head}{font('&#160;' + role, MUTED, SMALL) if role else ''}"]
    rows += [font(safe(word, _WORD), MUTED, SMALL) for word in node.words]
    for remark in node.remarks[:3]:
        quiet = remark.state is State.OK
        lines = textwrap.wrap(printable(remark.text), _WORD, max_lines=2, placeholder="…")
        shown = lines if not quiet or node.role is Role.NETWORK else []
        rows += [font(safe(line, _WORD), MUTED if quiet else STROKES[remark.state], SMALL) for line in shown]
    return _table(node.state, (f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows))


def _table(state: State, rows: Iterable[str]) -> str:
    look = f'COLOR="{STROKES[state].light}" BGCOLOR="{FILLS[state].light}"'
    return (
        f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" CELLPADDING="3" STYLE="ROUNDED" {look}>'
        f"<TR><TD HEIGHT='2'></TD></TR>{''.join(rows)}<TR><TD HEIGHT='2'></TD></TR></TABLE>"
    )


def panel(leaves: Sequence[Leaf], ids: Sequence[str], *, every: bool) -> str:
    """Return the label for many domains: those in trouble in a row each, the others in columns.

    Args:
        leaves: the worst first.
        ids: what each is called in the picture.
        every: draw all of them, however many.
    """
    named = list(zip(leaves, ids, strict=True))
    sick = [pair for pair in named if pair[0].trouble]
    well = [pair for pair in named if not pair[0].trouble]
    shown, cells = (sick, well) if every else (sick[:SICK], well[:CELLS])
    roomy = len(well) <= ROOMY
    columns = min(max(math.ceil(math.sqrt(len(cells) * (0.9 if roomy else 0.6))), 2), 16)
    rows = [_wide(font(_title(leaves), INK, bold=True), columns)]
    rows += [_row(leaf, name, columns) for leaf, name in shown]
    rows += _left_out(len(sick) - len(shown), "more in trouble", columns)
    for start in range(0, len(cells), columns):
        line = cells[start : start + columns]
        rows.append(f"<TR>{''.join(_cell(leaf, name, roomy=roomy) for leaf, name in line)}</TR>")
    rows += _left_out(len(well) - len(cells), "more", columns)
    look = f'COLOR="{WIRE.light}" BGCOLOR="{CELL.light}"'
    return (
        f'<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="3" CELLPADDING="3" STYLE="ROUNDED" {look}>'
        f"{''.join(rows)}</TABLE>"
    )


def _title(leaves: Sequence[Leaf]) -> str:
    sick = sum(leaf.trouble for leaf in leaves)
    idle = sum(leaf.state is State.IDLE for leaf in leaves)
    parts = [f"{len(leaves)} {noun(leaves)}"]
    parts += [f"{sick} in trouble"] if sick else []
    parts += [f"{idle} not running"] if idle else []
    return ", ".join(parts)


def _wide(content: str, columns: int, look: str = "") -> str:
    return f'<TR><TD COLSPAN="{columns}" ALIGN="LEFT"{look}>{content}</TD></TR>'


def _left_out(number: int, what: str, columns: int) -> list[str]:
    return [_wide(font(f"and {number} {what}", MUTED, SMALL), columns)] if number else []


def _row(leaf: Leaf, name: str, columns: int) -> str:
    head = font(MARKS[leaf.state] + safe(leaf.node.name, _NAME), STROKES[leaf.state], 12, bold=True)
    said = next(iter(leaf.remarks), None)
    words = "  ".join([*addresses(leaf), *([said.text] if said else [])])
    look = f' HREF="#{name}" BGCOLOR="{FILLS[leaf.state].light}"'
    return _wide(f"{head}{font('&#160;' + safe(words, _REMARK), INK, SMALL)}", columns, look)


def _cell(leaf: Leaf, name: str, *, roomy: bool) -> str:
    head = font(safe(leaf.node.name, _NAME), INK, 12 if roomy else SMALL)
    below = next(iter(addresses(leaf)), "" if leaf.state is State.OK else leaf.node.words[0]) if roomy else ""
    second = f'<BR ALIGN="LEFT"/>{font(safe(below, _NAME), MUTED, SMALL)}' if below else ""
    end = '<BR ALIGN="LEFT"/>'
    return f'<TD HREF="#{name}" ALIGN="LEFT" BALIGN="LEFT" BGCOLOR="{FILLS[leaf.state].light}">{head}{second}{end}</TD>'


def addresses(leaf: Leaf) -> list[str]:
    """Return the addresses that a domain has at this place."""
    return [word for edge in leaf.edges for word in edge.words]


def title(topology: Topology) -> str:
    """Return the picture's label: the host, how many domains, the legend, what the host itself has to say."""
    (host,) = (node for node in topology.nodes if node.role is Role.HOST)
    rows = [font(safe(host.name, 60), INK, 20, bold=True), font(counted(topology), MUTED, 12), _legend()]
    said = [(r.state, r.text) for r in host.remarks if r.state is not State.OK][:5]
    said += [(State.IDLE, f"not read: {text}") for text in topology.unread]
    for state, text in said:
        rows.append(font(safe(text, _REMARK), MUTED if state is State.IDLE else STROKES[state], SMALL))
    lines = "".join(f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows)
    return f'<TABLE BORDER="0" CELLSPACING="2" CELLPADDING="3">{lines}</TABLE>'


def _legend() -> str:
    swatches = (
        f'<TD BORDER="1" COLOR="{STROKES[state].light}" BGCOLOR="{FILLS[state].light}">'
        f"{font(MARKS[state] + word, INK, SMALL)}</TD>"
        for state, word in LEGEND.items()
    )
    # Of a fixed size, or a long line below would stretch it.
    look = 'FIXEDSIZE="TRUE" WIDTH="300" HEIGHT="32" ALIGN="LEFT" BORDER="0" CELLSPACING="5" CELLPADDING="3"'
    return f"<TABLE {look}><TR>{''.join(swatches)}</TR></TABLE>"
