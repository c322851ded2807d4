"""An interface that libvirt cannot move while its domain runs: out of it, and in again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.documents.canonical import canonical
from tests.fake_domain import FakeDomain, FakeError
from tests.fake_libvirt import FakeConnection
from tests.runs.libvirt_runs import UUID, WANTED, document, execute, facts_of, nic, sources, steps_of, undo_of
from vmnet.documents.domains import parse_domain_interfaces
from vmnet.errors import HypervisorError, LinkError
from vmnet.facts import Source
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.host.libvirt.libvirt_calls import Code
from vmnet.plan.domains.attach import plan_attach_domain
from vmnet.plan.steps import Plan, RemoveInterface
from vmnet.runs.executor.execute_libvirt import execute_libvirt
from vmnet.spec import AttachSpec

USER = nic().replace("<source network='default'/>", "").replace("type='network'", "type='user'")
OWN = Source(type="user")


def domain(libvirt: FakeConnection) -> FakeDomain:
    own = FakeDomain("own", UUID, libvirt, live=document(USER), stored=document(USER))
    libvirt.domains.append(own)
    return own


def planned(libvirt: FakeConnection) -> Plan:
    return plan_attach_domain(AttachSpec(domain="own", indexes=(1,), replug=True), facts_of(libvirt))


def test_it_goes_and_comes_back(libvirt: FakeConnection) -> None:
    own = domain(libvirt)
    before = canonical(own.stored)
    plan = planned(libvirt)
    execute(libvirt, *steps_of(plan.planned), *steps_of(plan.planned))
    assert (sources(own.live), sources(own.stored)) == ([WANTED], [WANTED])
    execute(libvirt, *undo_of(plan.planned), undoing=True)
    assert (sources(own.live), sources(own.stored)) == ([OWN], [OWN])
    assert canonical(own.stored) == before


def test_one_that_cannot_be_put_in_there_is_put_back(libvirt: FakeConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    own = domain(libvirt)
    plan = planned(libvirt)
    attach = FakeDomain.attachDeviceFlags

    def refuse(self: FakeDomain, xml: str, flags: int) -> int:
        if "host-bridge" in xml:
            raise FakeError(Code.OPERATION_INVALID, "no more PCI slots")
        return attach(self, xml, flags)

    monkeypatch.setattr(FakeDomain, "attachDeviceFlags", refuse)
    with pytest.raises(HypervisorError, match="no more PCI slots"):
        execute(libvirt, *steps_of(plan.planned))
    assert sources(own.live) == []
    execute(libvirt, *undo_of(plan.planned), undoing=True)
    assert sources(own.live) == [OWN]


def test_a_guest_that_does_not_let_go(libvirt: FakeConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    own = domain(libvirt)
    plan = planned(libvirt)
    monkeypatch.setattr(FakeDomain, "detachDeviceFlags", lambda *_: 0)
    slept: list[float] = []
    taps = replace(libvirt.kernel.taps(), sleep=slept.append)
    with pytest.raises(LinkError, match="does not release"):
        execute_libvirt(steps_of(plan.planned)[-1], Hypervisor(connection=libvirt), taps=taps)
    assert sum(slept) == pytest.approx(20)
    assert sources(own.live) == [OWN]


def test_a_guest_that_does_not_let_go_of_what_was_added(
    libvirt: FakeConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = domain(libvirt)
    monkeypatch.setattr(FakeDomain, "detachDeviceFlags", lambda *_: 0)
    slept: list[float] = []
    taps = replace(libvirt.kernel.taps(), sleep=slept.append)
    mac = parse_domain_interfaces(own.live)[0].mac
    assert mac is not None
    step = RemoveInterface(domain="own", domain_uuid=UUID, mac=mac, scopes=("persistent", "running"))
    with pytest.raises(LinkError, match="does not release"):
        execute_libvirt(step, Hypervisor(connection=libvirt), undoing=True, taps=taps)
    assert sum(slept) == pytest.approx(20)
