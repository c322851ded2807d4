"""Reading libvirt: the test driver that is part of its client library, and a libvirt in memory for what that lacks."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fake_domain import FakeDomain, FakeError
from tests.fake_libvirt import FakeConnection, FakeNetwork
from vmnet.errors import HypervisorError
from vmnet.facts import DomainState, Source
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.host.libvirt.libvirt_calls import Code, ask, calling

AGENT = "<channel type='unix'><target name='org.qemu.guest_agent.0' state='connected'/></channel>"
NIC = "<interface type='network'><mac address='52:54:00:00:53:01'/><source network='default'/></interface>"
XML = f"<domain><name>web</name><devices>{NIC}{AGENT}</devices></domain>"
UUID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture
def tested() -> Iterator[Hypervisor]:
    with Hypervisor("test:///default") as hypervisor:
        yield hypervisor


def test_the_test_driver_is_read(tested: Hypervisor) -> None:
    (network,) = tested.read_networks()
    assert (network.name, network.forward_mode, network.bridge, network.active) == ("default", "nat", "virbr0", True)
    (domain,) = tested.read_domains()
    assert (domain.name, domain.state, domain.stored, domain.saved) == ("test", DomainState.RUNNING, True, None)
    assert [i.source for i in domain.running] == [Source(type="network", network="default")]
    links = tested.read_hypervisor_links()
    assert links is not None
    assert [link.ifname for link in links] == ["eth1"]
    assert tested.version.count(".") == 2


def test_networks_are_made_and_removed(tested: Hypervisor) -> None:
    document = "<network><name>made</name><forward mode='bridge'/><bridge name='br0'/></network>"
    with pytest.raises(HypervisorError):
        tested.start_network("made")
    tested._connection.networkDefineXMLFlags(document, 0)
    tested.start_network("made")
    tested.start_network("made")
    tested.set_network_autostart("made", autostart=True)
    made = next(network for network in tested.read_networks() if network.name == "made")
    assert (made.active, made.autostart, made.bridge, made.forward_mode) == (True, True, "br0", "bridge")
    tested.stop_network("made")
    tested.stop_network("made")
    tested.undefine_network("made")
    assert "made" not in {network.name for network in tested.read_networks()}


def test_documents_for_the_record(tested: Hypervisor) -> None:
    (domain,) = tested.read_domains()
    names = [name.split("-")[0] + name[-15:] for name, _ in tested.read_documents({domain.uuid})]
    assert len(names) == 3
    assert [name.split("-")[0] for name, _ in tested.read_documents(())] == ["network"]


def test_unknown_objects_have_a_hint(tested: Hypervisor) -> None:
    with pytest.raises(HypervisorError, match="find the network nope") as caught:
        tested.start_network("nope")
    assert caught.value.code == Code.NO_NETWORK
    assert "virsh net-list" in caught.value.hint
    with pytest.raises(HypervisorError, match="find the domain"):
        tested.read_document(UUID, "running")


def test_out_of_reach() -> None:
    with pytest.raises(HypervisorError, match="/nonexistent/socket") as caught:
        Hypervisor("qemu+unix:///system?socket=/nonexistent/socket")
    assert "systemctl start libvirtd" in caught.value.hint


@pytest.fixture
def faked() -> FakeConnection:
    connection = FakeConnection()
    connection.networks.append(FakeNetwork("default", "virbr0", connection))
    connection.domains.append(FakeDomain("web", UUID, connection, live=XML, stored=XML))
    return connection


def test_no_interface_driver_is_none(faked: FakeConnection) -> None:
    assert Hypervisor(connection=faked).read_hypervisor_links() is None


def test_a_domain_that_goes_while_it_is_read_is_left_out(faked: FakeConnection) -> None:
    class Going(FakeDomain):
        def XMLDesc(self, flags: int) -> str:  # noqa: N802
            raise FakeError(Code.NO_DOMAIN, "domain not found")

    faked.domains.append(Going("gone", UUID[:-1] + "2", faked, stored=XML))
    assert [domain.name for domain in Hypervisor(connection=faked).read_domains()] == ["web"]


def test_addresses_of_leases_and_agents(faked: FakeConnection) -> None:
    faked.leases = [
        {"mac": "52:54:00:00:53:01", "ipaddr": "192.0.2.7", "prefix": 24},
        {"mac": None, "ipaddr": "2001:db8::7", "prefix": 64},
        {"mac": "52:54:00:00:53:02", "ipaddr": "", "prefix": 0},
    ]
    faked.agent = {
        "lo": {"hwaddr": "00:00:00:00:00:00", "addrs": [{"addr": "127.0.0.1", "prefix": 8}]},
        "eth0": {
            "hwaddr": "52:54:00:00:53:01",
            "addrs": [{"addr": "192.0.2.8", "prefix": 24}, {"addr": "fe80::1", "prefix": 64}],
        },
        "docker0": {"hwaddr": "52:54:00:00:53:77", "addrs": [{"addr": "203.0.113.1", "prefix": 24}]},
        "eth1": {"hwaddr": "52:54:00:00:53:01", "addrs": None},
    }
    hypervisor = Hypervisor(connection=faked)
    found = hypervisor.read_guest_addresses(hypervisor.read_networks(), hypervisor.read_domains())
    assert [(str(a.interface), a.origin) for a in found] == [("192.0.2.8/24", "agent"), ("192.0.2.7/24", "lease")]


def test_a_read_only_connection_asks_no_agent(faked: FakeConnection) -> None:
    hypervisor = Hypervisor(connection=faked, read_only=True)
    faked.agent = {"eth0": {"hwaddr": "52:54:00:00:53:01", "addrs": [{"addr": "192.0.2.8", "prefix": 24}]}}
    assert hypervisor.read_guest_addresses((), hypervisor.read_domains()) == ()


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (Code.OPERATION_DENIED, "sudo"),
        (Code.ACCESS_DENIED, "sudo"),
        (Code.DEVICE_MISSING, "run vmnet again"),
        (Code.CONFIG_UNSUPPORTED, "libvirt refuses"),
        (Code.OPERATION_TIMEOUT, "another job"),
        (9, "journalctl"),
    ],
)
def test_hints_by_code(code: int, hint: str) -> None:
    def fail() -> None:
        with calling("do it"):
            raise FakeError(code, "because")

    with pytest.raises(HypervisorError, match="cannot do it: because") as caught:
        fail()
    assert caught.value.code == code
    assert hint in caught.value.hint


def test_a_broken_connection_says_so() -> None:
    error = FakeError(Code.SYSTEM_ERROR, "Cannot recv data: Connection reset by peer")
    error.err = (Code.SYSTEM_ERROR, 7, *error.err[2:])

    def fail() -> None:
        raise error

    with pytest.raises(HypervisorError) as caught:
        ask(fail, None, Code.NO_SUPPORT)
    assert "connection to libvirt" in caught.value.hint


@pytest.mark.parametrize(
    ("uri", "local"),
    [("qemu:///system", True), ("qemu+unix:///system?socket=/x", True), ("qemu+ssh://root@kvm2.example/system", False)],
)
def test_local(faked: FakeConnection, uri: str, local: bool) -> None:
    assert Hypervisor(uri, connection=faked).local is local
