"""What attach-domain and migrate-from-virbr0 verify: the network, and the domains that were moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmnet import Finding, Plan
    from vmnet.cli.session import Session


def findings_of(session: Session, plan: Plan, network: str, uri: str) -> tuple[Finding, ...]:
    """Read the host anew and return the findings about `network` and the plan's domains."""
    facts = session.api.read_facts(uri=uri)
    goal = session.api.deduce_goal(facts, network=network)
    moved = {f"{row.domain} {row.mac}" for row in plan.rows}
    return tuple(
        finding
        for finding in session.api.verify(goal, facts, plan)
        if finding.layer == "network" or (finding.layer == "domain" and finding.subject in moved)
    )
