"""Secrets that this host is known to have, removed from all texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import groupby
from xml.sax.saxutils import escape

from vmnet.lines import lines_of
from vmnet.names import printable
from vmnet.redact.words import REMOVED, is_secret_name
from vmnet.shell_words import command

SHORTEST = 4
"""Shorter secrets are left to the other filters: they would match parts of other words."""

_SECTION = re.compile(r"\A\s*\[(.*)\]\s*\Z")
_ESCAPES = {"s": " ", "n": "\n", "t": "\t", "r": "\r", "\\": "\\"}


class KnownSecrets:
    """Removes secrets that are known, in every form in which they may be written."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = frozenset(secret for secret in secrets if len(secret.strip()) >= SHORTEST)

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        # A table breaks a text where it has a space.
        forms = {" ".join(form.split()) for secret in self._secrets for form in _forms(secret)}
        forms = {form for form in forms if len(form) >= SHORTEST}
        return re.compile(_any_of(sorted(forms))) if forms else None

    def removed_from(self, text: str) -> str:
        """Return the text without them."""
        return self._pattern.sub(REMOVED, text) if self._pattern else text


def _any_of(words: list[str]) -> str:
    """Return a pattern of all the words, the longest first, as a tree by their letters: a plain list of those of a
    thousand domains would be tried one by one at every place of the text.

    Args:
        words: sorted, so that the first and the last differ where any two do.
    """
    first, last = words[0], words[-1]
    same = next((at for at, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    rests = [word[same:] for word in words if len(word) > same]
    branches = [_any_of(list(group)) for _, group in groupby(rests, key=lambda rest: rest[0])]
    if not branches:
        return _escaped(first)
    return f"{_escaped(first[:same])}(?:{'|'.join(branches)}){'?' if len(first) == same else ''}"


def _escaped(text: str) -> str:
    return r"\s+".join(map(re.escape, text.split(" ")))


def _forms(secret: str) -> Iterator[str]:
    yield secret
    yield printable(secret)
    yield escape(secret)
    yield escape(secret, {'"': "&quot;"})
    yield escape(secret, {"'": "&apos;"})
    yield escape(secret, {"'": "&apos;", '"': "&quot;"})
    yield command(secret)
    yield secret.replace("\\", "\\\\").replace(":", "\\:")
    yield secret.encode("unicode_escape").decode()
    yield from (json.dumps(secret, ensure_ascii=ascii_only)[1:-1] for ascii_only in (True, False))


def secrets_of_keyfile(text: str) -> Iterator[str]:
    """Yield the secrets of a NetworkManager keyfile (nm-settings-keyfile(5)): all of [vpn-secrets], and what has a name
    that says so."""
    section = ""
    for line in lines_of(text):
        found = _SECTION.match(line)
        if found:
            section = found[1]
            continue
        key, equals, value = line.partition("=")
        if equals and (section == "vpn-secrets" or is_secret_name(key.strip())) and not _is_flag(key, value):
            yield value
            yield re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[0]), value.strip())


def _is_flag(key: str, value: str) -> bool:
    """`psk-flags=1` says where the secret is kept."""
    return key.strip().endswith(("-flags", "-type", "-mgmt")) and len(value.strip()) < 12
