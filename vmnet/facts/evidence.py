"""What is gathered for a helper elsewhere, before anything is removed from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from vmnet.facts.boot import Unread


class Form(StrEnum):
    """How a text is to be understood, and so what is looked at when secrets are removed."""

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
    """A support bundle that was written: where, how large, what it holds, and what it lacks."""

    file: str
    size_bytes: int
    files: tuple[BundleFile, ...]
    unread: tuple[Unread, ...]
