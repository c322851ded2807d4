"""Uses of the NICs in libvirt's documents that fail when the NICs become ports."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.documents.networks import parse_claims
from vmnet.plan.risks.accept import Risk
from vmnet.shell_words import command, last, virsh_domain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Domain, Facts, Link, Network
    from vmnet.plan.host.build import Build

FLAG = "--allow-claimed"


def claim_risks(build: Build) -> Iterator[Risk]:
    """Yield a risk for each domain and each network that uses one of the NICs directly."""
    for nic in build.nics:
        for message, hint in (*_of_domains(nic, build.facts), *_of_networks(nic, build.facts)):
            yield Risk(message=message, hint=hint, flag=FLAG, accepted=build.spec.allow_claimed)


def _of_domains(nic: Link, facts: Facts) -> Iterator[tuple[str, str]]:
    for domain in facts.domains:
        who = f"domain {domain.name} ({domain.state.value})"
        if nic.pci is not None and nic.pci in domain.host_devices:
            why = "the host loses the NIC when the domain starts"
            edit = command("virsh", "edit", virsh_domain(domain.name, domain.uuid))
            yield (
                f"{who} has {nic.ifname} ({nic.pci}) by PCI passthrough: {why}",
                f"remove the device from the domain ({edit}), or name other NICs",
            )
        if _on_macvtap(domain, nic.ifname):
            why = "it can no longer start, because the kernel allows no macvtap on a port"
            attach = command("vmnet", "attach-domain", *last(domain.name))
            way = f"after this run, move it to the bridge's network ({attach}), or name other NICs"
            yield f"{who} has an interface directly on {nic.ifname}: {why}", way


def _on_macvtap(domain: Domain, ifname: str) -> bool:
    interfaces = (*domain.running, *domain.persistent, *(domain.saved or ()))
    return any(i.source.type == "direct" and ("dev", ifname) in i.source.attributes for i in interfaces)


def _of_networks(nic: Link, facts: Facts) -> Iterator[tuple[str, str]]:
    for network in facts.networks:
        if {nic.ifname, nic.pci} & set(parse_claims(network.document)):
            yield (
                f"network {network.name} ({network.forward_mode}) uses {nic.ifname} directly: {_effect(network)}",
                f"change or remove it ({command('virsh', 'net-edit', *last(network.name))}), or name other NICs",
            )


def _effect(network: Network) -> str:
    if network.forward_mode in ("nat", "route"):
        return "its domains lose their network when the NIC becomes a port"
    return "its domains can then no longer start"
