"""Make hostile inputs out of good ones, the same ones for the same seed: changed ones, and ones that grow."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

TOKENS = tuple(
    token.encode("utf-8", "surrogatepass") if isinstance(token, str) else token
    for token in (
        "\n", "\r", "\t", " ", "\0", "\u2028", "\x0b", "\x0c", "\x1c", "\x85", "\u00a0", "\ufeff", "\ud800", b"\xff",
        ":", ";", "=", "-", "--", "!", "\\", "/", "..", "//", "'", '"', "`", "#", "*", "?", "[", "]", "{", "}", "<",
        ">", "&", "|", "$(id)", ",", "%", "@", "~", "0", "-1", "+1", "1e999", "0x", "0xzz", "NaN", "null", "true",
        "\u0663", "\u00b2", "9" * 20, "9" * 5000, "A" * 5000, "[" * 5000, '{"a":' * 5000, "<a>" * 300, "</a>",
        "<!DOCTYPE a [",
        "<!ENTITY a 'b'>]>", "&a;", "<![CDATA[", "<!--", "]]>", "xmlns:a='b'", "a.b:c\n", "\n\n", "-A ", "-j ",
    )
)  # fmt: skip
LONGEST = 1 << 16


def mutants(seeds: Sequence[bytes], count: int, seed: str) -> Iterator[bytes]:
    """Yield `count` inputs, each made of one of the good ones by one to eight changes."""
    chance = random.Random(seed)  # noqa: S311
    for _ in range(count):
        content = bytearray(chance.choice(seeds))
        for _ in range(chance.choice((1, 1, 1, 2, 2, 3, 5, 8))):
            chance.choice(_CHANGES)(content, seeds, chance)
        yield bytes(content[:LONGEST])


def _span(content: bytearray, chance: random.Random) -> slice:
    start = chance.randint(0, len(content))
    return slice(start, min(len(content), start + chance.choice((1, 1, 2, 4, 8, 32, 200))))


def _flip(content: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    if content:
        content[chance.randrange(len(content))] = chance.randrange(256)


def _insert(content: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    place = chance.randint(0, len(content))
    content[place:place] = chance.choice(TOKENS)


def _replace(content: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    content[_span(content, chance)] = chance.choice(TOKENS)


def _delete(content: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    del content[_span(content, chance)]


def _repeat(content: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    span = _span(content, chance)
    content[span] = content[span] * chance.choice((2, 3, 50))


def _splice(content: bytearray, seeds: Sequence[bytes], chance: random.Random) -> None:
    other = bytearray(chance.choice(seeds))
    content[_span(content, chance)] = other[_span(other, chance)]


def _cut(content: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    del content[chance.randint(0, len(content)) :]


def _lines(content: bytearray, _: Sequence[bytes], chance: random.Random) -> None:
    lines = bytes(content).split(b"\n")
    chosen = chance.randrange(len(lines))
    lines[chosen : chosen + 1] = chance.choice(([], [lines[chosen]] * 3, [chance.choice(lines)], lines[chosen].split()))
    content[:] = b"\n".join(lines)


_CHANGES: tuple[Callable[[bytearray, Sequence[bytes], random.Random], None], ...] = (
    _flip, _insert, _insert, _replace, _replace, _delete, _repeat, _splice, _cut, _lines,
)  # fmt: skip


def growths(seeds: Sequence[bytes], seed: str, places: int) -> Iterator[Callable[[int], bytes]]:
    """Yield ways to make an input of about as many bytes as one likes: a good one over and over, a line or a piece of
    it over and over, and a token over and over at some place of it.

    Args:
        places: how many places are tried for each token.
    """
    chance = random.Random(seed)  # noqa: S311
    for content in seeds:
        yield lambda size, content=content: _filled(b"", content, b"", size)  # type: ignore[misc]
        lines = content.split(b"\n")
        for _ in range(places):
            start = chance.randrange(len(lines))
            yield _inside(lines, start, start + 1)
            first, last = sorted((chance.randint(0, len(content)), chance.randint(0, len(content))))
            piece = content[first : min(last, first + 40)] or b" "
            yield lambda size, c=content, f=first, p=piece: _filled(c[:f], p, c[f:], size)  # type: ignore[misc]
    for token in (token for token in TOKENS if len(token) < 20):
        for _ in range(places):
            content = chance.choice(seeds)
            place = chance.randint(0, len(content))
            yield lambda size, c=content, p=place, t=token: _filled(c[:p], t, c[p:], size)  # type: ignore[misc]


def _inside(lines: list[bytes], first: int, last: int) -> Callable[[int], bytes]:
    before, after = b"".join(line + b"\n" for line in lines[:first]), b"\n".join(lines[last:])
    return lambda size: _filled(before, b"\n".join(lines[first:last]) + b"\n", after, size)


def _filled(before: bytes, piece: bytes, after: bytes, size: int) -> bytes:
    return before + piece * max(1, size // max(1, len(piece))) + after
