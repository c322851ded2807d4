"""The libvirt steps, carried out on a libvirt in memory: moved, moved back, repaired, never left half done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.documents.strategies import domains
from tests.fake_libvirt import FakeConnection, FakeDomain, FakeError, FakeKernel, FakeNetwork
from tests.plan.guests import host
from vmnet.apply.execute_libvirt import execute_libvirt
from vmnet.documents.domains import parse_domain_interfaces
from vmnet.documents.interfaces import new_interface, with_source
from vmnet.documents.text import canonical
from vmnet.errors import Conflict, HypervisorError, LinkError
from vmnet.facts import Facts, Source
from vmnet.host.hypervisor import Hypervisor
from vmnet.host.libvirt_calls import Code
from vmnet.names import Mac
from vmnet.plan.attach_domain import plan_attach_domain
from vmnet.plan.libvirt_network import plan_network
from vmnet.plan.migrate_from_virbr0 import plan_migration
from vmnet.plan.steps import AddInterface, LibvirtStep, Plan, Planned, RaiseLinks, RemoveInterface
from vmnet.plan.undo_domains import plan_domain_undo
from vmnet.spec import AttachSpec, MigrationSpec

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


@pytest.fixture
def libvirt() -> FakeConnection:
    connection = FakeConnection()
    connection.networks += [FakeNetwork("default", "virbr7", connection), FakeNetwork("host-bridge", "br0", connection)]
    connection.kernel.controllers = {"vnet1": "virbr7", "vnet2": "virbr7"}
    connection.kernel.mtus = {"vnet1": 1500, "vnet2": 1500, "br0": 9000, "virbr7": 1500}
    return connection


def running(libvirt: FakeConnection, *numbers: int, more: str = "") -> FakeDomain:
    stored = document(*(nic(n, more=more) for n in numbers))
    live = document(*(nic(n, more=more, live=True) for n in numbers))
    domain = FakeDomain("web", UUID, libvirt, live=live, stored=stored)
    libvirt.domains.append(domain)
    return domain


def facts_of(libvirt: FakeConnection) -> Facts:
    return host(*Hypervisor(connection=libvirt).read_domains())


def migration(libvirt: FakeConnection) -> Plan:
    return plan_migration(MigrationSpec(bounce_s=8), facts_of(libvirt))


def execute(libvirt: FakeConnection, *steps: LibvirtStep, undoing: bool = False) -> None:
    for step in steps:
        execute_libvirt(step, Hypervisor(connection=libvirt), undoing=undoing, taps=libvirt.kernel.taps())


def steps_of(planned: Sequence[Planned]) -> list[LibvirtStep]:
    return [item.step for item in planned if isinstance(item.step, LibvirtStep)]


def undo_of(planned: Sequence[Planned]) -> list[LibvirtStep]:
    return [step for item in reversed(planned) for step in item.undo if isinstance(step, LibvirtStep)]


def sources(xml: str) -> list[Source]:
    return [interface.source for interface in parse_domain_interfaces(xml)]


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
    with pytest.raises(LinkError, match="not of br0"):
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
        with pytest.raises(Conflict, match="put elsewhere"):
            execute(libvirt, step, undoing=undoing)


def test_interface_gone_meanwhile(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1)
    plan = migration(libvirt)
    web.stored = web.live = document()
    with pytest.raises(Conflict, match="no interface"):
        execute(libvirt, *steps_of(plan.planned))
    execute(libvirt, *undo_of(plan.planned), undoing=True)


def test_a_filter_stays_when_the_link_is_bounced(libvirt: FakeConnection) -> None:
    more = "<filterref filter='clean-traffic'/><link state='up'/><port isolated='yes'/>"
    web = running(libvirt, 1, more=more)
    seen: list[str] = []
    plan = migration(libvirt)
    taps = replace(libvirt.kernel.taps(), sleep=lambda _seconds: seen.append(web.live))
    execute(libvirt, *steps_of(plan.planned)[:-1])
    before = web.live
    execute_libvirt(steps_of(plan.planned)[-1], Hypervisor(connection=libvirt), taps=taps)
    assert [i.link_up for xml in seen for i in parse_domain_interfaces(xml)] == [False]
    assert canonical(web.live) == canonical(before)
    assert sources(web.live) == [WANTED]


def interrupted() -> KeyboardInterrupt:
    return KeyboardInterrupt()


def refused() -> FakeError:
    return FakeError(Code.OPERATION_INVALID, "domain is busy")


@pytest.mark.parametrize("error", [interrupted, refused])
@pytest.mark.parametrize("when", ["lowering", "sleeping", "raising"])
def test_links_always_go_up_again(libvirt: FakeConnection, when: str, error: Callable[[], BaseException]) -> None:
    web = running(libvirt, 1, 2)
    planned = migration(libvirt).planned[-1:]
    (bounce,) = steps_of(planned)

    def pause(_seconds: float) -> None:
        if when == "sleeping":
            raise error()
        if when == "raising":
            libvirt.fail = error()

    libvirt.fail = error() if when == "lowering" else None
    with pytest.raises((KeyboardInterrupt, HypervisorError, FakeError)):
        execute_libvirt(bounce, Hypervisor(connection=libvirt), taps=replace(libvirt.kernel.taps(), sleep=pause))
    down = [interface for interface in parse_domain_interfaces(web.live) if not interface.link_up]
    # A link that libvirt itself refused to raise stays down until the step's undo tries again.
    assert len(down) == (when == "raising" and error is refused)
    execute(libvirt, *undo_of(planned), undoing=True)
    assert all(interface.link_up for interface in parse_domain_interfaces(web.live))


def test_raise_links_after_a_kill(libvirt: FakeConnection) -> None:
    web = running(libvirt, 1, 2)
    links = migration(libvirt).planned[-1].undo
    web.live = web.live.replace("<model", "<link state='down'/><model", 1)
    execute(libvirt, *[step for step in links if isinstance(step, RaiseLinks)], undoing=True)
    assert all(interface.link_up for interface in parse_domain_interfaces(web.live))
    assert web.log == ["live"]


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
