"""What looks like a secret in plain text, and what replaces it."""

from __future__ import annotations

import re

REMOVED = "(removed)"

_NAME = (
    r"psk|pass(?:w(?:or)?d|phrase)?|secrets?|tokens?|credentials?|private[-_ ]?key|preshared[-_ ]?key|api[-_ ]?key"
    r"|access[-_ ]?key|wep[-_ ]?key\d?|(?:pin|cak|auth(?:orization)?|cookie|luks)(?![a-z])"
)
_IS_SECRET = re.compile(rf"(?:^|[-_.])(?:{_NAME})(?:[-_.\d]|$)|passw|secret|private-?key|preshared", re.IGNORECASE)
_VALUE = r"(?:\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)*'|\S)+"
_PATTERNS = (
    re.compile(r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY-----|\Z)"),
    # <secret>, <auth>, <encryption>: the element with all that it holds.
    re.compile(
        r"(?is)<(?:(?:\w+:)?(auth|secret|encryption|password|passphrase))\b[^>]*(?:/>|>.*?(?:</(?:\w+:)?\1>|\Z))"
    ),
    re.compile(rf"(?i)(\b(?:bearer|basic)\s+)({_VALUE})"),
    # name=value, name: value, "name": "value"; also proxy-authorization, wifi-sec.psk, MY_TOKEN.
    re.compile(
        rf"(?i)(?<![a-z])((?:[\w.-]{{0,40}}[-_.])?(?:{_NAME})[\w.-]{{0,40}}[\"']?\s*[=:]\s*)"
        rf"((?:(?:bearer|basic)\s+)?{_VALUE})"
    ),
    # As words of a command: --password value, wifi-sec.psk value.
    re.compile(
        rf"(?i)((?<!\S)['\"]?(?:-[\w-]{{0,40}}|[\w-]{{1,40}}\.[\w-]{{0,40}})(?:{_NAME})[\w-]{{0,40}}['\"]?,?\s+)({_VALUE})"
    ),
    # What a QEMU command line holds: -object secret,id=...,data=...
    re.compile(rf"(?i)(\bdata=)({_VALUE})"),
    # User and password of a URL.
    re.compile(r"(://)([^\s/]+(?=@))"),
    # JSON web tokens, and the tokens of well-known services.
    re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|\b(?:gh[pousr]|github_pat|glpat|xox[abprs]|sk|hvs)[-_][\w-]{16,}"),
    # WireGuard's keys: 32 bytes in base64.
    re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="),
    # A long run of letters of both cases and digits: no name of a link, no UUID, no MAC looks like that.
    re.compile(r"(?<![\w/-])(?=\w*[a-z])(?=\w*[A-Z])(?=\w*\d)[A-Za-z0-9]{32,}(?![\w/-])"),
)


def is_secret_name(name: str) -> bool:
    """Return whether something of this name is likely to be a secret."""
    return _IS_SECRET.search(name) is not None


def without_secrets(text: str) -> str:
    """Return plain text without what looks like a secret."""
    for pattern in _PATTERNS:
        text = pattern.sub(_replaced, text)
    return text


def _replaced(match: re.Match[str]) -> str:
    return f"{match[1]}{REMOVED}" if match.re.groups == 2 else REMOVED
