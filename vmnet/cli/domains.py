"""What attach-domain and migrate-from-virbr0 verify: the network, and the domains that were moved."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmnet import Finding, Plan
    from vmnet.cli.session import Session


def findings_of(
    session: Session, plan: Plan, network: str, uri: str, *, bridge: str | None = None
) -> tuple[Finding, ...]:
    """Read the host again and return the findings about the plan's domains and, without a `bridge`, about `network`."""
    facts = session.api.read_facts(uri=uri, host=False)
    goal = session.api.deduce_goal(facts, bridge=bridge, network=network)
    layers = ("domain",) if bridge else ("domain", "network")
    moved = {f"{row.domain} {row.mac}" for row in plan.rows}
    return tuple(
        finding
        for finding in session.api.verify(goal, facts, plan)
        if finding.layer in layers and (finding.layer == "network" or finding.subject in moved)
    )
