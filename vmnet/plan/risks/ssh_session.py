"""The SSH session from which vmnet was started: what happens to it when the address moves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan.risks.accept import Risk
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.plan.host.build import Build
    from vmnet.spec import IpAddress

FLAG = "--allow-new-address"


def ssh_risks(build: Build) -> Iterator[Risk]:
    """Yield the risk that the host loses the address that this session uses."""
    ssh = build.facts.ssh
    if ssh is None or not _on_touched(build.facts.links_to(ssh.server), build) or _stays(ssh.server, build):
        return
    wanted = ", ".join(str(address) for address in build.layer3.addresses) or "an address by DHCP"
    yield Risk(
        message=f"this SSH session from {ssh.peer} uses {ssh.server}, which this host will lose: "
        f"{build.bridge.ifname} gets {wanted}",
        hint=f"keep that address, too ({command('--address', f'{ssh.server}/PREFIX')}), or connect through another "
        "link or the console",
        flag=FLAG,
        accepted=build.spec.allow_new_address,
    )


def ssh_warnings(build: Build) -> list[str]:
    """Return a warning if this session runs over links that change."""
    ssh = build.facts.ssh
    if ssh is None:
        return []
    links = dict.fromkeys((*build.facts.links_to(ssh.server), *build.facts.links_to(ssh.peer)))
    on = _on_touched(tuple(links), build)
    if not on:
        return []
    where = f"this SSH session from {ssh.peer} runs over {', '.join(on)}"
    return [f"{where}, which changes now. If it breaks, the run goes on: log in again and run sudo vmnet follow"]


def _on_touched(links: tuple[str, ...], build: Build) -> tuple[str, ...]:
    return tuple(link for link in links if {x.ifname for x in build.facts.carriers(link)} & set(build.touched))


def _stays(server: IpAddress, build: Build) -> bool:
    if server in {address.ip for address in build.layer3.addresses}:
        return True
    if server in {address.ip for address in build.layer3.lost}:
        return False
    # The bridge has the holder's MAC: DHCP and router advertisements give it the same address again.
    leased = [a for a in build.facts.addresses if a.interface.ip == server and a.dynamic and a.scope == "global"]
    automatic = dict(build.layer3.settings).get(f"ipv{server.version}.method") == "auto"
    return automatic and any(address.ifname == build.layer3.holder for address in leased)
