"""The contents of a support bundle, before secrets are removed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vmnet.facts.surroundings import Unread


class Form(StrEnum):
    """Format of a text. It decides how secrets are found in it."""

    TEXT = "text"
    JSON = "JSON"
    JSON_LINES = "JSON lines"
    XML = "XML"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A text, the name of its file, and how it was made: a command, or words."""

    name: str
    how: str
    text: str
    form: Form = Form.TEXT


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFile:
    """A file of a support bundle, and how it was made."""

    name: str
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A support bundle: its file, size in bytes, contents, and what could not be read."""

    file: str
    size_bytes: int
    files: tuple[BundleFile, ...]
    unread: tuple[Unread, ...]
