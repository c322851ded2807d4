"""Frozen records <-> JSON, one codec for plans, journals and reports.

`encode` turns a record into plain JSON values; `decode` turns them back, checks every type, and names the key
in its error ("plan.planned[3].step.uuid: text expected, got number"). Unions of records are told apart by "kind",
the record's class name; an abstract record is any of those below it.

A plan for thousands of domains goes through here several times, so what a type asks for is looked up once: each has a
reader of its own, and the place of an error is put together only when there is one.
"""

from __future__ import annotations

import dataclasses
import enum
import inspect
import ipaddress
import sys
import types
import typing
from typing import Any, TypeVar

from vmnet.errors import SpecError

if typing.TYPE_CHECKING:
    from collections.abc import Callable

    Reader = Callable[[object], Any]
    Writer = Callable[[Any], Any]

T = TypeVar("T")
_IP_TYPES: tuple[type, ...] = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Interface,
    ipaddress.IPv6Interface,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)
_WORDS: dict[type, str] = {str: "text", int: "number", bool: "true or false", float: "number"}
_PLAIN = frozenset({*_WORDS, types.NoneType})
"""What is in JSON as it is in a record."""
_WRITERS: dict[type, Writer] = {}
_READERS: dict[tuple[Any, bool], Reader] = {}
"""By type, and whether unknown keys are passed over."""


class _Misfit(Exception):
    """What is wrong; `place` grows from the inside out while it is raised."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self.place = ""

    def at(self, part: str) -> _Misfit:
        self.place = part + self.place
        return self


def encode(value: object) -> Any:
    """Return `value` (a record, tuple, enum, address or plain value) as plain JSON values."""
    return _writer(type(value))(value)


def _writer(kind: type) -> Writer:
    if kind not in _WRITERS:
        _WRITERS[kind] = _make_writer(kind)
    return _WRITERS[kind]


def _make_writer(kind: type) -> Writer:
    if dataclasses.is_dataclass(kind):
        return _record_writer(kind)
    if issubclass(kind, enum.Enum):
        return lambda value: value.value
    if issubclass(kind, _IP_TYPES):
        return str
    if issubclass(kind, (tuple, list)):
        return lambda value: [_writer(type(item))(item) for item in value]
    if issubclass(kind, dict):
        return lambda value: {str(key): encode(item) for key, item in value.items()}
    if kind is types.NoneType or issubclass(kind, (str, int, float)):
        return lambda value: value
    raise TypeError(f"{kind.__name__} has no JSON form")


def _record_writer(kind: type) -> Writer:
    name = kind.__name__
    keys = tuple(field.name for field in dataclasses.fields(kind))

    def write(value: Any) -> dict[str, Any]:
        out: dict[str, Any] = {"kind": name}
        for key in keys:
            item = getattr(value, key)
            out[key] = item if type(item) in _PLAIN else _writer(type(item))(item)
        return out

    return write


def decode(want: type[T], raw: object, where: str = "document", *, tolerant: bool = False) -> T:
    """Return `raw` (as json.loads gave it) as a `want`.

    Args:
        tolerant: pass over unknown keys: what another version of vmnet wrote has some.

    Raises:
        SpecError: a key is missing or unknown, or a value has the wrong type; the message names the place.
    """
    try:
        return typing.cast(T, _reader(want, tolerant)(raw))
    except _Misfit as misfit:
        raise SpecError(f"{where}{misfit.place}: {misfit.problem}") from None


def _reader(want: Any, tolerant: bool) -> Reader:
    if (want, tolerant) not in _READERS:
        _READERS[want, tolerant] = _make_reader(want, tolerant)
    return _READERS[want, tolerant]


def _make_reader(want: Any, tolerant: bool) -> Reader:
    origin = typing.get_origin(want)
    if origin in (typing.Union, types.UnionType):
        return _union_reader(typing.get_args(want), tolerant)
    if origin is tuple:
        return _tuple_reader(typing.get_args(want), tolerant)
    if isinstance(want, typing.NewType):
        return _reader(want.__supertype__, tolerant)
    if inspect.isabstract(want):
        return _union_reader(concrete(want), tolerant)
    if dataclasses.is_dataclass(want):
        return _record_reader(want, tolerant)
    if isinstance(want, type) and (issubclass(want, enum.Enum) or want in _IP_TYPES):
        return _text_value_reader(want)
    if isinstance(want, type) and want in _WORDS:
        return _plain_reader(want)
    raise TypeError(f"cannot read a {want!r}")


def _plain_reader(want: type) -> Reader:
    def read(raw: object) -> object:
        if type(raw) is want or (want is float and type(raw) is int):
            return raw
        raise _Misfit(f"{_WORDS[want]} expected, got {raw!r}")

    return read


def _text_value_reader(want: Any) -> Reader:
    def read(raw: object) -> object:
        if type(raw) is not str:
            raise _Misfit(f"text expected, got {raw!r}")
        try:
            return want(raw)
        except ValueError as error:
            raise _Misfit(str(error)) from None

    return read


def _tuple_reader(args: tuple[Any, ...], tolerant: bool) -> Reader:
    alike = len(args) == 2 and args[1] is Ellipsis
    first = _reader(args[0], tolerant) if alike else None

    def read(raw: object) -> tuple[Any, ...]:
        if not isinstance(raw, list):
            raise _Misfit(f"a list expected, got {raw!r}")
        if first is None and len(args) != len(raw):
            raise _Misfit(f"{len(args)} values expected, got {len(raw)}")
        readers = [first] * len(raw) if first else [_reader(arg, tolerant) for arg in args]
        out = []
        for reader, item in zip(readers, raw, strict=True):
            try:
                out.append(reader(item))
            except _Misfit as misfit:
                raise misfit.at(f"[{len(out)}]") from None
        return tuple(out)

    return read


def _union_reader(args: tuple[Any, ...], tolerant: bool) -> Reader:
    rest = [arg for arg in args if arg is not types.NoneType]
    readers = [_reader(arg, tolerant) for arg in rest]
    by_kind = {getattr(arg, "__name__", ""): reader for arg, reader in zip(rest, readers, strict=True)}

    def read(raw: object) -> Any:
        if raw is None and types.NoneType in args:
            return None
        if len(readers) == 1:
            return readers[0](raw)
        if isinstance(raw, dict):
            kind = raw.get("kind")
            if type(kind) is not str or kind not in by_kind:
                raise _Misfit(f"unknown kind {kind!r}")
            return by_kind[kind](raw)
        return _first_fit(readers, raw)

    return read


def concrete(kind: type) -> tuple[type, ...]:
    """Return the classes below an abstract one, without those that are abstract themselves."""
    below: list[type] = type.__subclasses__(kind)
    found = (one for sub in below for one in (concrete(sub) if inspect.isabstract(sub) else (sub,)))
    # dataclass(slots=True) makes each class twice; the second one counts.
    return tuple({one.__name__: one for one in found}.values())


def _first_fit(readers: list[Reader], raw: object) -> Any:
    problems = []
    for reader in readers:
        try:
            return reader(raw)
        except _Misfit as misfit:
            problems.append(f"{misfit.place.lstrip('.')}: {misfit.problem}" if misfit.place else misfit.problem)
    raise _Misfit("; ".join(problems))


def _record_reader(want: Any, tolerant: bool) -> Reader:
    hints = typing.get_type_hints(want)
    fields = dataclasses.fields(want)
    known = {field.name for field in fields} | {"kind"}
    needed = [f.name for f in fields if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    plain = {name: _plain_types(hint) for name, hint in hints.items()}

    def read(raw: object) -> Any:
        if not isinstance(raw, dict):
            raise _Misfit(f"an object expected, got {raw!r}")
        unknown = raw.keys() - known
        if unknown and not tolerant:
            raise _Misfit(f"unknown key {min(unknown)!r}")
        for name in needed:
            if name not in raw:
                raise _Misfit(f"key {name!r} is missing")
        values = {}
        for name, item in raw.items():
            if name not in hints:
                continue
            if type(item) in plain[name]:
                # Of thousands of records most say the same.
                values[name] = sys.intern(item) if type(item) is str else item
                continue
            try:
                # Looked up when first used: a record may hold another of its own kind.
                values[name] = _reader(hints[name], tolerant)(item)
            except _Misfit as misfit:
                raise misfit.at(f".{name}") from None
        return want(**values)

    return read


def _plain_types(want: Any) -> frozenset[type]:
    """Return the types of JSON values that are a `want` as they are, so that no reader needs to be asked."""
    if isinstance(want, typing.NewType):
        return _plain_types(want.__supertype__)
    if typing.get_origin(want) in (typing.Union, types.UnionType):
        return frozenset().union(*(_plain_types(arg) for arg in typing.get_args(want)))
    return frozenset({want}) if want in _PLAIN else frozenset()
