"""The libvirt steps, carried out on a libvirt in memory: moved, moved back, repaired, never left half done."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.documents.canonical import canonical
from tests.documents.strategies import domains
from tests.fake_domain import FakeDomain, FakeError
from tests.fake_libvirt import FakeConnection, FakeKernel, FakeNetwork
from tests.plan.guests import host
from tests.runs.libvirt_runs import (
    DEFAULT,
    UUID,
    WANTED,
    document,
    execute,
    facts_of,
    migration,
    nic,
    running,
    sources,
    steps_of,
    undo_of,
)
from vmnet.documents.domains import parse_domain_interfaces
from vmnet.documents.interfaces import new_interface, with_source
from vmnet.errors import Conflict, HypervisorError, LinkError
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.host.libvirt.libvirt_calls import Code
from vmnet.names import Mac
from vmnet.plan.domains.attach import plan_attach_domain
from vmnet.plan.domains.undo import plan_domain_undo
from vmnet.plan.host.network import plan_network
from vmnet.plan.steps import AddInterface, RemoveInterface
from vmnet.runs.executor.execute_libvirt import execute_libvirt
from vmnet.spec import AttachSpec


def test_a_running_domain_moves_whole(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1, 2)
    execute(libvirt, *steps_of(migration(libvirt).planned))
    assert sources(web.live) == sources(web.stored) == [WANTED, WANTED]
    assert libvirt.kernel.controllers == {"vnet1": "br0", "vnet2": "br0"}
    assert libvirt.kernel.mtus["vnet1"] == 9000
    assert libvirt.kernel.slept == [8]
    assert "alias" not in web.stored
    assert migration(libvirt).empty


def test_undo_brings_back_the_documents(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1, 2, more="<link state='up'/>")
    before = canonical(web.stored), sources(web.live)
    plan = migration(libvirt)
    execute(libvirt, *steps_of(plan.planned))
    execute(libvirt, *undo_of(plan.planned), undoing=True)
    assert (canonical(web.stored), sources(web.live)) == before
    assert libvirt.kernel.controllers == {"vnet1": "virbr7", "vnet2": "virbr7"}
    assert libvirt.kernel.mtus["vnet1"] == 1500
    execute(libvirt, *undo_of(plan.planned), undoing=True)
    assert canonical(web.stored) == before[0]


def test_every_step_may_run_twice(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1)
    for step in steps_of(migration(libvirt).planned):
        execute(libvirt, step, step)
    assert sources(web.live) == sources(web.stored) == [WANTED]
    assert web.log.count("stored") == 1


@pytest.mark.parametrize("lose_tap", [False, True])
def test_a_failed_live_move_leaves_the_tap_where_it_was(libvirt: FakeConnection, lose_tap: bool) -> None:
    web = running(libvirt, 1)
    plan = migration(libvirt)
    persistent, live = steps_of(plan.planned)[:2]
    execute(libvirt, persistent)
    libvirt.fail, libvirt.lose_tap = FakeError(9, "Unable to add bridge br0 port vnet1"), lose_tap
    with pytest.raises(HypervisorError, match="Unable to add"):
        execute(libvirt, live)
    assert libvirt.kernel.controllers["vnet1"] == "virbr7"
    assert libvirt.kernel.mtus["vnet1"] == 1500
    assert sources(web.live) == [DEFAULT]
    execute(libvirt, *undo_of(plan.planned), undoing=True)
    assert sources(web.stored) == [DEFAULT]


def test_a_tap_that_libvirt_left_behind_is_put_right(libvirt: FakeConnection) -> None:
    running(libvirt, 1)
    libvirt.deaf_kernel = True
    execute(libvirt, *steps_of(migration(libvirt).planned)[:2])
    assert libvirt.kernel.controllers["vnet1"] == "br0"


def test_a_tap_that_cannot_be_put_right_is_an_error(libvirt: FakeConnection) -> None:
    running(libvirt, 1)
    libvirt.deaf_kernel = True
    step = steps_of(migration(libvirt).planned)[1]
    taps = replace(libvirt.kernel.taps(), set_controller=lambda _ifname, _controller: None)
    with pytest.raises(LinkError, match="instead of br0"):
        execute_libvirt(step, Hypervisor(connection=libvirt), taps=taps)


def test_shut_off_meanwhile(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1)
    plan = migration(libvirt)
    web.live = ""
    execute(libvirt, *steps_of(plan.planned))
    assert sources(web.stored) == [WANTED]


def test_gone_meanwhile(libvirt: FakeConnection) -> None:
    running(libvirt, 1)
    plan = migration(libvirt)
    libvirt.domains.clear()
    with pytest.raises(HypervisorError) as caught:
        execute(libvirt, *steps_of(plan.planned))
    assert caught.value.code == Code.NO_DOMAIN
    execute(libvirt, *undo_of(plan.planned), undoing=True)


@pytest.mark.parametrize("scope", ["live", "stored"])
def test_put_elsewhere_meanwhile(libvirt: FakeConnection, scope: str) -> None:
    web = running(libvirt, 1)
    plan = migration(libvirt)
    web.live, web.stored = (x.replace("'default'", "'other'") for x in (web.live, web.stored))
    step = steps_of(plan.planned)[scope == "live"]
    for undoing in (False, True):
        with pytest.raises(Conflict, match="by another program"):
            execute(libvirt, step, undoing=undoing)


def test_interface_gone_meanwhile(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1)
    plan = migration(libvirt)
    web.stored = web.live = document()
    with pytest.raises(Conflict, match="no interface"):
        execute(libvirt, *steps_of(plan.planned))
    execute(libvirt, *undo_of(plan.planned), undoing=True)


def test_saved_states_and_snapshots(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1)
    web.live = ""
    web.saved = document(nic(1, live=True))
    web.snapshots = {
        name: f"<domainsnapshot><name>{name}</name>{document(nic(1, live=True))}"
        f"<inactiveDomain><devices>{nic(1)}</devices></inactiveDomain></domainsnapshot>"
        for name in ("a", "b")
    }
    web.current = "a"
    before = [canonical(x) for x in (web.stored, web.snapshots["a"])]
    plan = migration(libvirt)
    execute(libvirt, *steps_of(plan.planned))
    assert sources(web.saved) == [WANTED]
    assert sources(web.snapshots["a"]) == sources(web.snapshots["b"]) == [WANTED, WANTED]
    assert web.current == "a"
    execute(libvirt, *undo_of(plan.planned), undoing=True)
    assert canonical(web.stored) == before[0]
    assert sources(web.snapshots["a"]) == [DEFAULT, DEFAULT]


def test_saved_state_that_is_gone_needs_nothing(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1)
    web.live, web.saved = "", document(nic(1))
    web.snapshots = {"a": f"<domainsnapshot><name>a</name>{document(nic(1))}</domainsnapshot>"}
    plan = migration(libvirt)
    web.saved, web.snapshots = "", {}
    execute(libvirt, *steps_of(plan.planned))
    assert not web.saved


def test_add_and_remove(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1)
    before = canonical(web.stored), canonical(web.live)
    plan = plan_attach_domain(AttachSpec(domain="web", add=True), facts_of(libvirt))
    execute(libvirt, *steps_of(plan.planned), *steps_of(plan.planned))
    added = [parse_domain_interfaces(xml)[1:] for xml in (web.stored, web.live)]
    assert [len(interfaces) for interfaces in added] == [1, 1]
    assert added[0][0].address == added[1][0].address is not None
    execute(libvirt, *undo_of(plan.planned), *undo_of(plan.planned), undoing=True)
    assert (canonical(web.stored), canonical(web.live)) == before


def test_add_to_a_domain_that_is_gone(libvirt: FakeConnection) -> None:
    mac = Mac("52:54:00:00:53:09")
    add = AddInterface(
        domain="web", domain_uuid=UUID, mac=mac, document=new_interface(mac, WANTED), scopes=("persistent",)
    )
    with pytest.raises(HypervisorError):
        execute(libvirt, add)
    execute(libvirt, RemoveInterface(domain="web", domain_uuid=UUID, mac=mac, scopes=("persistent",)), undoing=True)


def test_a_network_comes_and_goes(libvirt: FakeConnection) -> None:
    libvirt.networks.pop()
    facts = host()
    facts = replace(facts, networks=facts.networks[:1])
    planned, _ = plan_network("host-bridge", "br0", facts)
    execute(libvirt, *steps_of(planned), *steps_of(planned))
    assert [(n.title, n.bridge, n.active, n.starts) for n in libvirt.networks][1:] == [("host-bridge", "br0", 1, 1)]
    execute(libvirt, *undo_of(planned), *undo_of(planned), undoing=True)
    assert [network.title for network in libvirt.networks] == ["default"]


@given(st.lists(domains(), min_size=1, max_size=3), st.booleans())
def test_migrate_and_undo_over_generated_domains(documents: list[str], started: bool) -> None:
    libvirt = FakeConnection(kernel=FakeKernel())
    libvirt.networks += [FakeNetwork(n, b, libvirt) for n, b in (("default", "virbr7"), ("host-bridge", "br0"))]
    for number, stored in enumerate(documents, start=1):
        uuid = f"00000000-0000-4000-8000-{number:012}"
        live = stored if started and "direct" not in stored and "user" not in stored and "'other'" not in stored else ""
        libvirt.domains.append(FakeDomain(f"d{number}", uuid, libvirt, live=live, stored=stored))
    before = [(canonical(domain.stored), sources(domain.live or domain.stored)) for domain in libvirt.domains]
    plan = migration(libvirt)
    execute(libvirt, *steps_of(plan.planned))
    left = [source for d in libvirt.domains for source in sources(d.stored) + sources(d.live or d.stored)]
    assert not [source for source in left if source.network == "default" or source.bridge == "virbr7"]
    assert migration(libvirt).empty
    back = plan_domain_undo(plan.planned, facts_of(libvirt))
    execute(libvirt, *steps_of(back.planned))
    after = [(canonical(domain.stored), sources(domain.live or domain.stored)) for domain in libvirt.domains]
    assert after == before
    assert plan_domain_undo(plan.planned, facts_of(libvirt)).empty


def test_with_source_is_what_libvirt_gets(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1)
    execute(libvirt, steps_of(migration(libvirt).planned)[0])
    assert canonical(web.stored) == canonical(document(with_source(nic(1), WANTED)))
