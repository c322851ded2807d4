"""Storage and clusters that this host reaches through the NICs: some seconds without them may freeze or fence it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan.risks.accept import Risk, listed

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from vmnet.facts import Dependent, Facts
    from vmnet.plan.host.build import Build

FLAG = "--allow-storage"


def storage_risks(build: Build) -> Iterator[Risk]:
    """Yield the risk that filesystems, disks or a cluster are reached through links that change."""
    found = [(link, d) for d in build.facts.dependents for link in carrying_link(d, build.touched, build.facts)]
    if not found:
        return
    links = listed(sorted({link for link, _ in found}))
    what = listed(f"{dependent.what} [{dependent.evidence}]" for _, dependent in found)
    yield Risk(
        message=f"this host uses storage or a cluster through {links}: {what}",
        hint="it stalls while the address moves, and a cluster may fence the host. Unmount, log out or stop it first, "
        "or name other NICs",
        flag=FLAG,
        accepted=build.spec.allow_storage,
    )


def carrying_link(dependent: Dependent, touched: Collection[str], facts: Facts) -> tuple[str, ...]:
    """Return those of the links to a dependent's two ends that are on one of the links in `touched`."""
    ends = (end for end in (dependent.peer, dependent.local) if end is not None)
    links = dict.fromkeys(link for end in ends for link in facts.links_to(end))
    return tuple(link for link in links if {x.ifname for x in facts.carriers(link)} & set(touched))


def storage_warnings(facts: Facts) -> list[str]:
    """Return a warning for each dependent whose link is not known."""
    unknown = [d for d in facts.dependents if d.peer is None and d.local is None]
    return [f"{d.what} may stall while the address moves: vmnet cannot tell which link it uses" for d in unknown]
