"""Records in which every name, identifier and text is hostile, whatever their type."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")

KEPT = frozenset({"type", "scope", "scopes", "command", "document", "was", "layer"})
"""What has a fixed set of words, and documents, which are read."""


def hostile(record: T, change: Callable[[str], str], kept: frozenset[str] = KEPT) -> T:
    """Return the record with `change` applied to each text in it, however deep, but for those of the fields `kept`."""
    return _changed(record, change, kept)  # type: ignore[no-any-return]


def _changed(value: Any, change: Callable[[str], str], kept: frozenset[str]) -> Any:
    if isinstance(value, str) and not isinstance(value, Enum):
        return change(value)
    if isinstance(value, tuple):
        return tuple(_changed(item, change, kept) for item in value)
    if isinstance(value, dict):
        return {key: _changed(item, change, kept) for key, item in value.items()}
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    names = [field.name for field in dataclasses.fields(value) if field.init]
    found = {name: getattr(value, name) for name in names}
    return dataclasses.replace(
        value,
        **{name: item if name in kept else _changed(item, change, kept) for name, item in found.items()},
    )
