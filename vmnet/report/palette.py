"""The colours of pictures: each is one of its kind, so that a style sheet can name it and put a dark one there."""

from __future__ import annotations

from dataclasses import dataclass

from vmnet.checks.topology import State


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
