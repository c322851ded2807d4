"""What a fuzzed reader is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reader:
    """`read` takes what a tool printed or a file holds, as bytes, and may raise nothing but VmnetErrors."""

    name: str
    seeds: tuple[bytes, ...]
    read: Callable[[bytes], object]


def text(name: str, read: Callable[[str], object], *seeds: str) -> Reader:
    """A reader of text: as `process.run` and `sysfs.read_whole` decode it."""
    return Reader(name, tuple(map(str.encode, seeds)), lambda content: every(read(content.decode("utf-8", "replace"))))


def every(found: object) -> object:
    """Read an iterator to its end."""
    return tuple(found) if isinstance(found, Iterator) else found
