"""Frozen records <-> JSON, one codec for plans, journals and reports.

`encode` turns a record into plain JSON values; `decode` turns them back, checks every type, and names the key
in its error ("plan.planned[3].step.uuid: text expected, got number"). Unions of records are told apart by "kind",
the record's class name.
"""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import types
import typing
from typing import Any, TypeVar

from vmnet.errors import SpecError

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


def encode(value: object) -> Any:
    """Return `value` (a record, tuple, enum, address or plain value) as plain JSON values."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        out: dict[str, Any] = {"kind": type(value).__name__}
        for field in dataclasses.fields(value):
            out[field.name] = encode(getattr(value, field.name))
        return out
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, _IP_TYPES):
        return str(value)
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def decode(want: type[T], raw: object, where: str = "document") -> T:
    """Return `raw` (as json.loads gave it) as a `want`.

    Raises:
        SpecError: a key is missing or unknown, or a value has the wrong type; the message names the place.
    """
    return typing.cast(T, _decode(want, raw, where))


def _decode(want: Any, raw: object, where: str) -> Any:
    origin = typing.get_origin(want)
    if origin in (typing.Union, types.UnionType):
        return _decode_union(typing.get_args(want), raw, where)
    if origin is tuple:
        return _decode_tuple(typing.get_args(want), raw, where)
    if isinstance(want, typing.NewType):
        return _decode(want.__supertype__, raw, where)
    if dataclasses.is_dataclass(want):
        return _decode_record(want, raw, where)
    if isinstance(want, type) and (issubclass(want, enum.Enum) or want in _IP_TYPES):
        return _decode_text_value(want, raw, where)
    if isinstance(want, type) and want in _WORDS:
        return _decode_plain(want, raw, where)
    raise TypeError(f"{where}: cannot read a {want!r}")


def _decode_plain(want: type, raw: object, where: str) -> object:
    fits = type(raw) is want or (want is float and type(raw) is int)
    if not fits:
        raise SpecError(f"{where}: {_WORDS[want]} expected, got {raw!r}")
    return raw


def _decode_text_value(want: Any, raw: object, where: str) -> object:
    try:
        return want(raw)
    except ValueError as error:
        raise SpecError(f"{where}: {error}") from None


def _decode_tuple(args: tuple[Any, ...], raw: object, where: str) -> tuple[Any, ...]:
    if not isinstance(raw, list):
        raise SpecError(f"{where}: a list expected, got {raw!r}")
    kinds = (args[0],) * len(raw) if len(args) == 2 and args[1] is Ellipsis else args
    if len(kinds) != len(raw):
        raise SpecError(f"{where}: {len(kinds)} values expected, got {len(raw)}")
    return tuple(_decode(kind, item, f"{where}[{i}]") for i, (kind, item) in enumerate(zip(kinds, raw, strict=True)))


def _decode_union(args: tuple[Any, ...], raw: object, where: str) -> Any:
    if raw is None and types.NoneType in args:
        return None
    rest = [arg for arg in args if arg is not types.NoneType]
    if len(rest) == 1:
        return _decode(rest[0], raw, where)
    if isinstance(raw, dict):
        for arg in rest:
            if getattr(arg, "__name__", "") == raw.get("kind"):
                return _decode(arg, raw, where)
        raise SpecError(f"{where}: unknown kind {raw.get('kind')!r}")
    return _decode_first(rest, raw, where)


def _decode_first(rest: list[Any], raw: object, where: str) -> Any:
    problems = []
    for arg in rest:
        try:
            return _decode(arg, raw, where)
        except SpecError as error:
            problems.append(error.message)
    raise SpecError("; ".join(problems))


def _decode_record(want: Any, raw: object, where: str) -> Any:
    if not isinstance(raw, dict):
        raise SpecError(f"{where}: an object expected, got {raw!r}")
    hints = typing.get_type_hints(want)
    known = {field.name: field for field in dataclasses.fields(want)}
    unknown = set(raw) - set(known) - {"kind"}
    if unknown:
        raise SpecError(f"{where}: unknown key {min(unknown)!r}")
    values = {}
    for name, field in known.items():
        if name in raw:
            values[name] = _decode(hints[name], raw[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise SpecError(f"{where}: key {name!r} is missing")
    return want(**values)
