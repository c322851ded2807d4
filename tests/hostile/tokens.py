"""Names that are made to break out of what they are put into, and records that are given them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from tests.hostile.names import hostile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts

T = TypeVar("T")

PLAIN = "{}"
HOSTILE = (
    "{}; >pwned #",
    "{};pwned",
    "$(>pwned){}",
    "`>pwned`{}",
    "{}'>pwned'",
    "'; >pwned; '{}",
    '"; >pwned; "{}',
    "{}\\",
    "-{}",
    "--{}",
    "-rf {}",
    " {} ",
    "*{}?[a]",
    "~{}{{a,b}}",
    "!{}!!",
    "$HOME{}%s%n",
    "{}&>pwned|",
    "{}\n>pwned\n#",
    "{}\r>pwned",
    "{}\u2028>pwned",
    "{}\t\x1b[2J\x07",
    "\u202e{}\u00a0",
    "{}\n",
)
"""What a name becomes; {} is what tells it from the others."""

TOKEN = re.compile(r"zq\d{3}")
# Names that mean something to vmnet, libvirt, Docker or firewalld, and no others would.
_KNOWN = {"", "default", "all", "lo", "firewalld", "DOCKER-USER", "FORWARD", "filter", "none"}


def with_form(text: str, form: str) -> str:
    """Give each plain name in a text the form."""
    return TOKEN.sub(lambda token: form.format(token[0]), text)


class Names:
    """Which name stands for which: each has its token, whatever record it is in."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    def rename(self, record: T, names: set[str], form: str) -> T:
        """Return the record with all that is in `names`, wherever it stands, given the form; a path gets a tail."""

        def changed(text: str) -> str:
            if text not in names:
                return text
            token = self._tokens.setdefault(text, f"zq{len(self._tokens):03}")
            return (text if text.startswith("/") else "") + form.format(token)

        return hostile(record, changed, frozenset())


def names_of(facts: Facts) -> set[str]:
    """Return what others have given names to."""
    return {name for name in _names_of(facts) if name} - _KNOWN


def _names_of(facts: Facts) -> Iterator[str | None]:
    for record in (*facts.links, *facts.profiles, *facts.networks, *facts.owners):
        for key in ("ifname", "controller", "parent", "name", "device", "filename", "bridge", "file"):
            yield getattr(record, key, None)
    for domain in facts.domains:
        yield from (domain.name, *(snapshot.name for snapshot in domain.snapshots))
        for interface in (*domain.running, *domain.persistent, *(domain.saved or ())):
            source = interface.source
            yield from (interface.target, interface.filter, source.network, source.bridge, source.portgroup)
    if facts.firewalld:
        yield from (zone.name for zone in facts.firewalld.zones)
    if facts.filters:
        yield from (name for chain in facts.filters.chains for name in (chain.table, chain.name))
    yield from (name for chain in facts.chains for name in (chain.table, chain.name))
    if facts.surroundings:
        yield from (tap.tap for tap in facts.surroundings.tap_filters)
        for session in facts.surroundings.sessions:
            yield from (session.user, session.name, *session.bridges)
