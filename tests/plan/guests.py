"""Hosts with domains to move: the end state of host-setup, with `default` beside it and domains on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.facts_samples import end_state
from vmnet.documents.interfaces import parse_interface
from vmnet.documents.text import parse_document
from vmnet.facts import Domain, DomainState, Facts, Interface, Network

DEFAULT = Network(
    name="default",
    uuid="00000000-0000-4000-8000-0000000000d0",
    active=True,
    persistent=True,
    autostart=True,
    forward_mode="nat",
    bridge="virbr7",
    document="<network><name>default</name><forward/><bridge name='virbr7'/><ip address='198.51.100.1'/></network>",
)


def interface(number: int, source: str = "network='default'", *, kind: str = "", more: str = "") -> Interface:
    """An interface as libvirt would describe it; the guest address follows from the number."""
    name = kind or ("network" if "network" in source else "bridge")
    element = f"<source {source}/>" if source else ""
    slot = f"<address type='pci' domain='0x0000' bus='0x00' slot='0x{number % 32:02x}' function='0x0'/>"
    xml = f"<interface type='{name}'><mac address='52:54:00:00:53:{number:02x}'/>{element}{more}{slot}</interface>"
    return parse_interface(parse_document(xml))


def live(
    number: int, source: str = "network='default' bridge='virbr7'", *, kind: str = "bridge", more: str = ""
) -> Interface:
    """An interface of a running document, with its tap."""
    return interface(number, source, kind=kind, more=f"<target dev='vnet{number}'/>{more}")


def domain(name: str, *persistent: Interface, running: tuple[Interface, ...] = (), **values: Any) -> Domain:
    state = DomainState.RUNNING if running else DomainState.SHUT_OFF
    uuid = f"00000000-0000-4000-8000-{sum(name.encode()):012x}"
    base = Domain(name=name, uuid=uuid, state=state, stored=True, persistent=persistent, running=running)
    return replace(base, **values)


def host(*domains: Domain, **changes: Any) -> Facts:
    facts = end_state()
    networks = (DEFAULT, *(network for network in facts.networks if network.name != "default"))
    return replace(facts, networks=networks, domains=domains, guest_addresses=(), **changes)
