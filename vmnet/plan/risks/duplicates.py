"""Addresses that another host on the LAN has already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan.risks.accept import Risk

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.plan.host.build import Build

FLAG = "--allow-duplicate-address"


def duplicate_risks(build: Build) -> Iterator[Risk]:
    """Yield a risk for each wanted address for which another host answered."""
    wanted = {address.ip for address in build.layer3.addresses}
    for duplicate in build.facts.duplicates:
        if duplicate.address in wanted:
            yield Risk(
                message=f"another host has {duplicate.address}: {duplicate.mac} answers for it on {duplicate.ifname}",
                hint="choose another --address, or remove it from that host; a router with proxy ARP answers for all",
                flag=FLAG,
                accepted=build.spec.allow_duplicate_address,
            )
