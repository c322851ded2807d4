"""Patterns for what looks like a secret in plain text, and its replacement.

All patterns take time in proportion to the length of the text, whatever it holds. Each begins at a word or a mark, and
its quantifiers are possessive. A test checks the times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

REMOVED = "(removed)"

_IS_SECRET = re.compile(
    r"passw|passphrase|passcode|secret|credential|token|preshared|(?:private|api|access)[-_]?key"
    r"|(?:^|[-_.])(?:psk|pass|pwd|pw|pin|cak|auth|authorization|cookies?|luks|creds?|t?otp|session[-_]?id|sig|signature"
    r"|jwt)(?:[-_.\d]|$)"
    r"|(?:psk|pass|pwd|pw|(?<!public)(?<!public[-_])key)[-_]?\d*$",
    re.IGNORECASE,
)
# A quotation that nobody ends goes to the end of its line.
_VALUE = re.compile(r"""(?:"(?:\\.|[^"\n])*+"?+|'(?:\\.|[^'\n])*+'?+|[^\s"'])++""")
_WHOLE = (
    re.compile(
        r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
        r".*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\Z)"
    ),
    # <secret>, <auth>, <encryption>: the element with all that it holds.
    re.compile(
        r"(?is)<(?:\w+:)?(auth|secret|encryption|password|passphrase)\b[^<>]*+"
        r"(?:(?<=/)>|>.*?(?:</(?:\w+:)?\1>|\Z)|(?=<)|\Z)"
    ),
    # JSON web tokens, and the tokens of well-known services.
    re.compile(r"\beyJ[\w-]{12,}+(?:\.[\w-]*+)*+"),
    re.compile(r"\b(?:(?:gh[pousr]|github_pat|glpat|xox[abprs]|sk|hvs)[-_][\w-]{16,}+|A[KS]IA[A-Z0-9]{16})"),
    # WireGuard's keys: 32 bytes in base64.
    re.compile(r"(?<![\w+/])[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]="),
    # A long run of letters of both cases and digits: no name of a link, no UUID, no MAC looks like that.
    re.compile(r"(?<![\w/-])(?=\w*[a-z])(?=\w*[A-Z])(?=\w*\d)[A-Za-z0-9]{32,}+(?![\w/-])"),
)
_AFTER = (
    # Header lines, whose values have spaces in them.
    re.compile(r"(?i)(\b(?:authorization|cookie2?)\\?[\"']?\s*+[:=]\s*+)[^\n]++"),
    re.compile(rf"(?i)(\b(?:bearer|basic)[ \t]++){_VALUE.pattern}"),
    # What a QEMU command line holds: -object secret,id=...,data=...
    re.compile(rf"(?i)(\bdata=){_VALUE.pattern}"),
    # User and password of a URL.
    re.compile(r"(://)[^\s/]+(?=@)"),
)
# name=value, name: value, "name": "value"; also proxy-authorization, wifi-sec.psk, MY_TOKEN.
_NAMED = re.compile(r"(?<![\w.-])([\w.-]++)\\?[\"']?\s*+[=:]\s*+")
# As words of a command: --password value, wifi-sec.psk value, -p value.
_OPTION = re.compile(r"(?<!\S)[\"']?+(-[\w-]++|[\w-]++\.[\w.-]++)[\"']?+,?+\s++")
_ENOUGH = 200
_NUMBER = re.compile(r"\d{1,5}")
"""A port or a key of LACP's."""
_PROTOCOL = re.compile(
    r"(?i)tcp|udp|udplite|icmp|icmpv6|ipv6-icmp|esp|ah|sctp|dccp|gre|mh|all|ipv4|ipv6|arp|length|802_1q"
)
"""What -p is followed by in a rule of iptables or ebtables."""


def is_secret_name(name: str) -> bool:
    """Return whether something of this name is likely to be a secret."""
    return _IS_SECRET.search(name) is not None


def holds_secret(name: str, value: str) -> bool:
    """Return whether the value under this name is likely to be a secret; keys of links are small numbers.

    Args:
        value: its first letters are enough.
    """
    return is_secret_name(name) and not (name.lower().endswith("key") and _NUMBER.fullmatch(_begin(value)))


def asks_for_secret(option: str, value: str) -> bool:
    """Return whether the word after an option of a command is likely to be a secret: `--password X`, `-u ME:X`.

    Args:
        value: its first letters are enough.
    """
    match option:
        case "-p":
            return not (_NUMBER.fullmatch(_begin(value)) or _PROTOCOL.fullmatch(_begin(value)))
        case "-u" | "-U" | "--user" | "--proxy-user":
            return ":" in _begin(value)
        case _:
            return holds_secret(option.lstrip("-"), value)


def _begin(value: str) -> str:
    return "".join(value[:_ENOUGH].split(maxsplit=1)[:1]).strip("\"',;")


def without_secrets(text: str) -> str:
    """Return plain text without what looks like a secret."""
    for pattern in _WHOLE:
        text = pattern.sub(REMOVED, text)
    for pattern in _AFTER:
        text = pattern.sub(rf"\1{REMOVED}", text)
    text = "".join(_without_values(text, _NAMED, holds_secret))
    return "".join(_without_values(text, _OPTION, asks_for_secret))


def _without_values(text: str, before: re.Pattern[str], is_secret: Callable[[str, str], bool]) -> Iterator[str]:
    at = 0
    for found in before.finditer(text):
        end = found.end()
        # Of what stays, not all is looked at: there may be much of it, after each of many names.
        if found.start() >= at and is_secret(found[1], text[end : end + _ENOUGH]):
            yield text[at:end]
            value = _VALUE.match(text, end)
            at = value.end() if value else end
            yield REMOVED if value else ""
    yield text[at:]
