"""What a check says: one line with what is wanted, what is seen, and who said so."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TypeVar

from vmnet.facts import Domain, Interface
from vmnet.shell_words import NO_COMMAND, Command

Key = TypeVar("Key")

NETLINK = "kernel (netlink)"
SYSFS = "kernel (sysfs)"
NMCLI = "nmcli"
LIBVIRT = "libvirt"
EBTABLES = "ebtables"
RESOLVER = "resolver"
FILES = "files"

LAYERS = (
    "NetworkManager",
    "boot",
    "NIC",
    "bond",
    "LACP",
    "bridge",
    "filter",
    "address",
    "route",
    "DNS",
    "LAN",
    "management",
    "network",
    "domain",
)
"""The order of reports: from the cable up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check.

    Args:
        rule: stable id of the rule ("bond.mode"); `checks.registry` adds it.
        layer: one of `LAYERS`: that of the rule, unless it is given.
        subject: the link, network or domain it is about.
        wanted: the wanted value, as text.
        seen: the value that was seen, as text.
        source: where it was seen: one of the constants above, or a file.
        ok: whether seen is as wanted.
        hint: what to do if it is not. With `ok`, it makes the finding a note.
        shown_by: the command that shows what was seen.
        fix: commands that repair it, in order.
    """

    rule: str = ""
    layer: str = ""
    subject: str
    wanted: str
    seen: str
    source: str
    ok: bool = False
    hint: str = ""
    shown_by: Command = NO_COMMAND
    fix: tuple[Command, ...] = ()

    def judged(self, ok: bool) -> Finding:
        """Return the same, or, if it is `ok`, what is as wanted: without hint and fix."""
        return replace(self, ok=True, hint="", fix=()) if ok else self


def subject_of(domain: Domain, interface: Interface) -> str:
    """Return how a finding names an interface of a domain."""
    return f"{domain.name} {interface.mac}" if interface.mac else domain.name


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return the findings by layer, within it by subject, and what several sources say of one wish side by side."""
    found = tuple(findings)
    subjects = _ranks((finding.layer, finding.subject) for finding in found)
    wishes = _ranks((finding.layer, finding.subject, finding.wanted) for finding in found)

    def place(finding: Finding) -> tuple[int, int, int]:
        subject = (finding.layer, finding.subject)
        return LAYERS.index(finding.layer), subjects[subject], wishes[(*subject, finding.wanted)]

    return tuple(sorted(found, key=place))


def _ranks(keys: Iterable[Key]) -> dict[Key, int]:
    """Return where each key comes first."""
    return {key: number for number, key in enumerate(dict.fromkeys(keys))}


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One wish that is not fulfilled. `kernel`, `profile` and `other` are what was seen there, "" where it was not
    looked for; `source` says who `other` is."""

    layer: str
    subject: str
    rules: tuple[str, ...]
    wanted: str
    kernel: str = ""
    profile: str = ""
    other: str = ""
    source: str = ""


def differences_of(findings: Iterable[Finding]) -> tuple[Difference, ...]:
    """Return what differs, a record for each wish, in the order of the findings."""
    wishes: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        wishes.setdefault((finding.layer, finding.subject, finding.wanted), []).append(finding)
    return tuple(_difference(same) for same in wishes.values() if not all(finding.ok for finding in same))


def _difference(same: list[Finding]) -> Difference:
    first = same[0]
    seen = {_place(finding.source): finding for finding in same}
    other = seen.get("other")
    return Difference(
        layer=first.layer,
        subject=first.subject,
        rules=tuple(dict.fromkeys(finding.rule for finding in same)),
        wanted=first.wanted,
        kernel=seen["kernel"].seen if "kernel" in seen else "",
        profile=seen["profile"].seen if "profile" in seen else "",
        other=other.seen if other else "",
        source=other.source if other else "",
    )


def _place(source: str) -> str:
    if source.startswith("kernel"):
        return "kernel"
    return "profile" if source == NMCLI else "other"
