"""Findings -> remarks of the nodes that they are about."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.checks.rules import Severity, read_rules
from vmnet.checks.topology import Remark, Role, State

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmnet.checks.findings import Finding

_STATES = {Severity.ERROR: State.ERROR, Severity.WARNING: State.WARNING, Severity.INFO: State.OK}
_ROLES = {"NIC": Role.NIC, "bond": Role.BOND, "bridge": Role.BRIDGE, "management": Role.NIC, "VLAN": Role.VLAN}
DOMAIN, NETWORK = "domain", "network"
LEFT = "domain.left"


class Remarks:
    """What findings say, by what they are about. Each may be taken once; what nobody takes is the host's.

    Args:
        findings: of verify, and of whatever else looks at the host. Those that are as wanted and have no hint are
            passed over.
    """

    def __init__(self, findings: Iterable[Finding]) -> None:
        self._by_subject: dict[tuple[str, str], list[Remark]] = defaultdict(list)
        self._missing: dict[str, Role] = {}
        self.management: str | None = None
        self.left: Remark | None = None
        """That there are domains behind NAT; which ones, the edges show."""
        for finding in findings:
            if finding.rule == LEFT:
                self.left = replace(_remark(finding), text="these are still behind NAT")
                continue
            if finding.layer == "management":
                self.management = finding.subject
            if finding.hint or not finding.ok:
                self._by_subject[_kind(finding), finding.subject].append(_remark(finding))
                layer = "VLAN" if finding.rule == "bridge.vlan" else finding.layer
                if layer in _ROLES and not finding.ok:
                    self._missing.setdefault(finding.subject, _ROLES[layer])

    def of_link(self, ifname: str) -> tuple[Remark, ...]:
        """Take what is said about a link."""
        return self._take("", ifname)

    def of_network(self, name: str) -> tuple[Remark, ...]:
        """Take what is said about a libvirt network."""
        return self._take(NETWORK, name)

    def of_domain(self, subject: str) -> tuple[Remark, ...]:
        """Take what is said about a domain, or about its interface ("web01 52:54:00:..")."""
        return self._take(DOMAIN, subject)

    def missing_links(self) -> tuple[tuple[str, Role], ...]:
        """Return the links that something is wrong with and that nobody has taken: they are not there."""
        return tuple((name, role) for name, role in self._missing.items() if ("", name) in self._by_subject)

    def rest(self) -> tuple[Remark, ...]:
        """Take all that is left, each with its subject in the text."""
        left = tuple(self._by_subject.items())
        self._by_subject.clear()
        return tuple(
            Remark(state=r.state, text=r.text if subject in ("all", "host") else f"{subject}: {r.text}", rule=r.rule,
                   hint=r.hint)
            for (_, subject), remarks in left for r in remarks
        )  # fmt: skip

    def _take(self, kind: str, subject: str) -> tuple[Remark, ...]:
        return tuple(self._by_subject.pop((kind, subject), ()))


def _kind(finding: Finding) -> str:
    return finding.layer if finding.layer in (DOMAIN, NETWORK) else ""


def _remark(finding: Finding) -> Remark:
    rule = read_rules().get(finding.rule)
    state = State.OK if finding.ok else _STATES[rule.severity] if rule else State.ERROR
    text = finding.seen if finding.ok else f"{finding.seen}; wanted {finding.wanted}"
    return Remark(state=state, text=text, rule=finding.rule, hint=finding.hint)
