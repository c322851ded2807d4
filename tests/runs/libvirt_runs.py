"""Domains on a libvirt in memory, and ways to carry steps out on them."""

from __future__ import annotations

from collections.abc import Sequence

from tests.fake_domain import FakeDomain
from tests.fake_libvirt import FakeConnection
from tests.plan.guests import host
from vmnet.documents.domains import parse_domain_interfaces
from vmnet.facts import Facts, Source
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.plan.domains.migrate import plan_migration
from vmnet.plan.steps import LibvirtStep, Plan, Planned
from vmnet.runs.executor.execute_libvirt import execute_libvirt
from vmnet.spec import MigrationSpec

UUID = "00000000-0000-4000-8000-000000000001"
DEFAULT = Source(type="network", network="default")
WANTED = Source(type="network", network="host-bridge")


def nic(number: int = 1, *, more: str = "", live: bool = False) -> str:
    bridge = " portid='00000000-0000-4000-8000-0000000000aa' bridge='virbr7'" if live else ""
    tap = f"<target dev='vnet{number}'/>" if live else ""
    kind = "bridge" if live else "network"
    return (
        f"<interface type='{kind}'><mac address='52:54:00:00:53:{number:02x}'/><source network='default'{bridge}/>{tap}"
        f"<model type='virtio'/>{more}<address type='pci' domain='0' bus='0' slot='{number:#x}' function='0'/>"
        "</interface>"
    )


def document(*interfaces: str) -> str:
    return f"<domain><name>web</name><devices>{''.join(interfaces)}<graphics passwd='x'/></devices></domain>"


def running(libvirt: FakeConnection, *numbers: int, more: str = "") -> FakeDomain:
    stored = document(*(nic(n, more=more) for n in numbers))
    live = document(*(nic(n, more=more, live=True) for n in numbers))
    domain = FakeDomain("web", UUID, libvirt, live=live, stored=stored)
    libvirt.domains.append(domain)
    return domain


def facts_of(libvirt: FakeConnection) -> Facts:
    return host(*Hypervisor(connection=libvirt).read_domains())


def migration(libvirt: FakeConnection) -> Plan:
    return plan_migration(MigrationSpec(bounce_s=8, no_canary=True), facts_of(libvirt))


def execute(libvirt: FakeConnection, *steps: LibvirtStep, undoing: bool = False) -> None:
    for step in steps:
        execute_libvirt(step, Hypervisor(connection=libvirt), undoing=undoing, taps=libvirt.kernel.taps())


def steps_of(planned: Sequence[Planned]) -> list[LibvirtStep]:
    return [item.step for item in planned if isinstance(item.step, LibvirtStep)]


def undo_of(planned: Sequence[Planned]) -> list[LibvirtStep]:
    return [step for item in reversed(planned) for step in item.undo if isinstance(step, LibvirtStep)]


def sources(xml: str) -> list[Source]:
    return [interface.source for interface in parse_domain_interfaces(xml)]
