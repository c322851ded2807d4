"""JSON with documents, settings and text in it, and whole files of evidence."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from vmnet.facts import ProbeKind
from vmnet.facts.evidence import Evidence, Form
from vmnet.lines import lines_of
from vmnet.names import json_text, printable_lines
from vmnet.redact.documents import document_without_secrets
from vmnet.redact.known import KnownSecrets
from vmnet.redact.settings import is_setting, setting_without_secrets
from vmnet.redact.words import REMOVED, asks_for_secret, holds_secret, without_secrets

_NO_VALUES = {"machine_id"}
"""machine-id(5): it must not be given to others."""
_HARMLESS_NAMES = {"auth-retries"}


def without_secrets_in(evidence: Evidence, known: KnownSecrets) -> Evidence:
    """Return the evidence with secrets removed."""
    match evidence.form:
        case Form.XML:
            text = _document(evidence.text, known)
        case Form.JSON:
            text = _json(evidence.text, known, indent=2)
        case Form.JSON_LINES:
            text = "".join(f"{_json(line, known, indent=None)}\n" for line in lines_of(evidence.text))
        case Form.SETTINGS:
            text = printable_lines(_settings(evidence.text, known))
        case _:
            text = printable_lines(_text(evidence.text, known))
    return replace(evidence, text=text)


def _document(text: str, known: KnownSecrets) -> str:
    """The document, in ASCII's printable letters."""
    cleansed = known.removed_from(document_without_secrets(text))
    return cleansed.encode("ascii", "xmlcharrefreplace").decode().replace("\x7f", "&#127;")


def _json(text: str, known: KnownSecrets, *, indent: int | None) -> str:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        # A line that a crash cut short may end in the middle of a secret's name.
        return json.dumps(f"{REMOVED}: not JSON")
    return json_text(value_without_secrets(value, known), indent=indent)


def _settings(text: str, known: KnownSecrets) -> str:
    """Lines as "ipv4.method: auto"; a line that is none is a heading, or goes on with a value."""
    lines = []
    for line in lines_of(text):
        key, colon, value = line.partition(": ")
        kept = setting_without_secrets(key, value) if colon and is_setting(key) else None
        lines.append(_text(line, known) if kept is None else f"{key}: {known.removed_from(kept)}")
    return "".join(f"{line}\n" for line in lines)


def value_without_secrets(value: Any, known: KnownSecrets) -> Any:
    """Return a JSON value without the secrets in it."""
    if isinstance(value, str):
        return _string(value, known)
    if isinstance(value, list):
        if _is_known(value, known):
            return [REMOVED]
        if len(value) == 2 and all(isinstance(item, str) for item in value):
            return _pair(value[0], value[1], known)
        words = ["", *value]
        return [
            # The word after `--password` or `wifi-sec.psk`, in a command.
            REMOVED if isinstance(item, str) and _asks(before, item) else value_without_secrets(item, known)
            for before, item in zip(words, value, strict=False)
        ]
    if isinstance(value, dict):
        if _is_command(value):
            return {**value, "target": REMOVED}
        return {key: _member(key, item, known) for key, item in value.items()}
    return value


def _is_command(value: dict[str, Any]) -> bool:
    """Return whether this is a probe that runs a command of the admin's, which may hold passwords of any form."""
    return value.get("kind") == ProbeKind.COMMAND and isinstance(value.get("target"), str)


def _is_known(words: list[Any], known: KnownSecrets) -> bool:
    """Return whether these are the words of such a command."""
    return all(isinstance(word, str) for word in words) and known.removed_from(shlex.join(words)) == REMOVED


def secrets_of_lines(text: str) -> Iterator[str]:
    """Yield the commands that probes run, of lines of JSON: as they are, and as an error quotes them."""
    for line in text.split("\n"):
        # Of thousands of lines hardly one has any.
        if f'"{ProbeKind.COMMAND.value}"' in line:
            with suppress(ValueError, RecursionError):
                yield from _commands(json.loads(line))


def _commands(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and _is_command(value):
        yield value["target"]
        with suppress(ValueError):
            yield shlex.join(shlex.split(value["target"]))
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _commands(item)


def _member(key: str, value: Any, known: KnownSecrets) -> Any:
    is_secret = value is not None and holds_secret(key, str(value)) and key not in _HARMLESS_NAMES
    if key in _NO_VALUES or is_secret:
        return REMOVED
    return value_without_secrets(value, known)


def _pair(key: str, value: str, known: KnownSecrets) -> list[str]:
    """Two texts: a setting and its value, or any name and value, or just two texts."""
    if is_setting(key):
        return [key, known.removed_from(setting_without_secrets(key, value))]
    return [_string(key, known), REMOVED if holds_secret(key, value) or _asks(key, value) else _string(value, known)]


def _asks(word: Any, value: str) -> bool:
    is_option = isinstance(word, str) and (word.startswith("-") or is_setting(word))
    return is_option and asks_for_secret(word, value)


def _string(text: str, known: KnownSecrets) -> str:
    if text.lstrip().startswith("<"):
        return known.removed_from(document_without_secrets(text))
    return _text(text, known)


def _text(text: str, known: KnownSecrets) -> str:
    # What is known goes first: the other net might take half of it and leave the rest.
    return without_secrets(known.removed_from(text))
