"""Read everything that planning and verifying need, into one `Facts`."""

from __future__ import annotations

import platform
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from vmnet.errors import VmnetError, attempt
from vmnet.facts import Facts, Probe, ProbeKind
from vmnet.host.files.boot import read_boot, read_failed_waits
from vmnet.host.files.dependents import read_dependents
from vmnet.host.files.mentions import read_old_mentions
from vmnet.host.files.owners import read_owners
from vmnet.host.files.run_mark import read_mark
from vmnet.host.files.ssh import own_session
from vmnet.host.firewall.filters import read_chains, read_filters, read_firewalld
from vmnet.host.kernel import netlink, sysfs
from vmnet.host.kernel.fabric import read_fabric
from vmnet.host.lan.lldp import read_switch_ports
from vmnet.host.lan.probes import try_probes
from vmnet.host.libvirt.hypervisor import SYSTEM_URI, Hypervisor
from vmnet.host.libvirt.surroundings import read_surroundings
from vmnet.host.networkmanager import nmcli
from vmnet.host.networkmanager.nmcli import read_client
from vmnet.host.outside import Sources
from vmnet.lines import address_of, lines_of
from vmnet.spec import IpAddress

MACHINE_ID = Path("/etc/machine-id")
RESOLV_CONF = Path("/etc/resolv.conf")


def read_facts(
    *,
    uri: str = SYSTEM_URI,
    hypervisor: bool = True,
    host: bool = True,
    probes: tuple[str, ...] | None = None,
    closely: bool = False,
) -> Facts:
    """Read the kernel's links, NetworkManager's profiles and libvirt's networks and domains.

    Args:
        uri: URI of the hypervisor.
        hypervisor: False: do not read libvirt.
        host: False: do not read NetworkManager and other facts that only host-setup needs. This is enough for domains.
        probes: for host-setup: ask gateways, name servers and the SSH peer whether they answer, and run these
            commands. None: ask nothing.
        closely: also read what only `diagnose` needs: filters, the next boot, and more.

    Returns:
        The facts. If a daemon does not answer, `nm_problem` or `libvirt_problem` says why.

    Raises:
        SpecError: a command in `probes` cannot be parsed.
    """
    mark = read_mark()
    sources = Sources()
    # At the same time: NetworkManager and libvirt have processes of their own to work in.
    with ThreadPoolExecutor(2) as pool:
        libvirt = pool.submit(_ask, "libvirt", lambda: _read_hypervisor(uri, sources)) if hypervisor else None
        manager = pool.submit(_ask, "nm", _read_network_manager) if host else None
        facts = replace(_read_kernel(sources), runs_mark=mark)
    if libvirt is not None:
        facts = replace(facts, **libvirt.result())
    if manager is not None:
        facts = _with_host(replace(facts, **manager.result()), sources)
    if probes is not None:
        facts = replace(facts, answers=try_probes(_probes_of(facts, probes)))
    facts = read_closely(facts, uri, sources) if closely else facts
    return replace(facts, unread=tuple(sources.unread))


def _read_kernel(sources: Sources) -> Facts:
    return replace(
        _read_links(machine_id=sysfs.read_text(MACHINE_ID) or platform.node()),
        ssh=sources.read("the SSH session", own_session, None),
        resolvers=parse_resolvers(sysfs.read_text(RESOLV_CONF) or ""),
    )


def read_link_facts(ifname: str) -> Facts:
    """Read the part of the facts that `proof_of` looks at for this link, and no more: it is asked for in the middle of
    a change, and nmcli takes long to show hundreds of taps.

    Raises:
        ToolError, LinkError: NetworkManager or the kernel does not answer.
    """
    facts = _read_links(machine_id="")
    return replace(facts, devices=nmcli.read_devices(ifname), firewalld=read_firewalld())


def _read_links(machine_id: str) -> Facts:
    return Facts(
        hostname=platform.node(),
        machine_id=machine_id,
        root=sysfs.is_root(),
        links=netlink.read_links(),
        addresses=netlink.read_addresses(),
        routes=netlink.read_routes(),
        rules=netlink.read_rules(),
    )


def _probes_of(facts: Facts, commands: tuple[str, ...]) -> tuple[Probe, ...]:
    """Return what there is to ask: each gateway, each name server that is no stub of this host's, the SSH peer."""
    gateways = [route.gateway for route in facts.default_routes() if route.gateway is not None]
    servers = [server for device in facts.devices for server in device.dns] or list(facts.resolvers)
    probes = [Probe(kind=ProbeKind.GATEWAY, target=str(gateway)) for gateway in gateways]
    probes += [Probe(kind=ProbeKind.DNS, target=str(server)) for server in servers if not server.is_loopback]
    if facts.ssh is not None:
        probes.append(Probe(kind=ProbeKind.SSH_PEER, target=str(facts.ssh.peer)))
    probes += [Probe(kind=ProbeKind.COMMAND, target=command) for command in commands]
    return tuple(dict.fromkeys(probes))


def _ask(daemon: str, read: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return the fields of Facts that a daemon ("nm", "libvirt") fills, or why it does not."""
    found = attempt(read)
    return {f"{daemon}_version": None, f"{daemon}_problem": found.message} if isinstance(found, VmnetError) else found


def _read_network_manager() -> dict[str, Any]:
    # The devices first: nmcli says plainly when the daemon does not run.
    devices, profiles = nmcli.read_devices(), nmcli.read_profiles()
    version, checkpoints = nmcli.read_daemon()
    return {"nm_version": version, "devices": devices, "profiles": profiles, "checkpoints": checkpoints}


def _read_hypervisor(uri: str, sources: Sources) -> dict[str, Any]:
    with Hypervisor(uri, read_only=not sysfs.is_root()) as libvirt:
        networks, domains = libvirt.read_networks(), libvirt.read_domains()
        return {
            "libvirt_version": libvirt.version,
            "hypervisor_elsewhere": not libvirt.local,
            "networks": networks,
            "hypervisor_links": sources.read("libvirt's list of links", libvirt.read_hypervisor_links, None),
            "domains": domains,
            "guest_addresses": sources.collect(
                "guests' addresses", lambda: libvirt.read_guest_addresses(networks, domains)
            ),
        }


def _with_host(facts: Facts, sources: Sources) -> Facts:
    """Return the facts with who else has to do with the links, from the host's files and daemons."""
    links, profiles = facts.links, facts.profiles
    return replace(
        facts,
        dependents=read_dependents(sources),
        owners=sources.collect("other tools that configure the NICs", lambda: read_owners(links)),
        switch_ports=read_switch_ports(profiles, sources),
        boot=sources.read("files for the next boot", lambda: read_boot(profiles), None),
        bond_ports=sources.collect("the ports of bonds", lambda: sysfs.read_bond_ports(links)),
        firewalld=sources.read("firewalld's zones", read_firewalld, None, allowed=facts.root),
        chains=sources.collect("firewall rules", read_chains, allowed=facts.root),
    )


def parse_resolvers(text: str) -> tuple[IpAddress, ...]:
    """Return the name servers of a resolv.conf(5)."""
    lines = map(str.split, lines_of(text))
    servers = (line[1].partition("%")[0] for line in lines if len(line) >= 2 and line[0] == "nameserver")
    return tuple(address for server in servers if (address := address_of(server)))


# What only doctor reads: on demand, because it takes time and plans do not need it.


def read_closely(facts: Facts, uri: str, sources: Sources) -> Facts:
    """Return the facts with what doctor looks at besides; what could not be read is listed in `sources`, not raised."""
    facts = replace(
        facts,
        filters=read_filters(facts, sources),
        fabric=read_fabric(facts, sources),
        nmcli_version=sources.read("the version of nmcli", read_client, None) if facts.nm_version else None,
    )
    if facts.boot is not None:
        failed = sources.collect("services that wait for the network at boot", read_failed_waits)
        facts = replace(facts, boot=replace(facts.boot, failed_waits=failed))
    if facts.hypervisor_elsewhere:
        return facts
    return replace(
        facts,
        surroundings=read_surroundings(facts, uri, sources),
        mentions=sources.collect(
            "hooks and rules that name unused networks", lambda: read_old_mentions(facts, sources)
        ),
    )
