"""The libvirt network on the bridge: compared, defined, started, autostarted; undone in the right order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.facts_samples import with_network
from tests.plan.guests import domain, host, interface, live
from vmnet.documents.networks import network_document, parse_network
from vmnet.errors import HypervisorError, Refused
from vmnet.facts import Facts
from vmnet.plan.host.network import plan_network
from vmnet.plan.steps import DefineNetwork, SetNetworkAutostart, StartNetwork, StopNetwork, UndefineNetwork

UUID = "00000000-0000-4000-8000-0000000000ee"
DOCUMENT = network_document("host-bridge", "br0", UUID)
SEEN = parse_network(DOCUMENT, active=True, persistent=True, autostart=True)


def without_network() -> Facts:
    facts = host()
    return replace(facts, networks=tuple(n for n in facts.networks if n.name != "host-bridge"))


def seen(**changes: object) -> Facts:
    facts = without_network()
    return replace(facts, networks=(*facts.networks, replace(SEEN, **changes)))  # type: ignore[arg-type]


def test_new() -> None:
    planned, kept = plan_network("host-bridge", "br0", without_network())
    assert [type(item.step) for item in planned] == [DefineNetwork, StartNetwork, SetNetworkAutostart]
    assert [type(step) for item in reversed(planned) for step in item.undo] == [
        SetNetworkAutostart,
        StopNetwork,
        UndefineNetwork,
    ]
    assert not kept
    assert plan_network("host-bridge", "br0", without_network())[0] == planned


def test_as_wanted() -> None:
    planned, kept = plan_network("host-bridge", "br0", seen())
    assert not planned
    assert len(kept) == 3


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({"active": False}, [StartNetwork]),
        ({"autostart": False}, [SetNetworkAutostart]),
        ({"persistent": False, "autostart": False}, [DefineNetwork, SetNetworkAutostart]),
        ({"document": DOCUMENT.replace("br0", "br1"), "bridge": "br1"}, [DefineNetwork, StartNetwork]),
        ({"document": DOCUMENT.replace("br0", "br1")}, [DefineNetwork]),
        ({"bridge": "br1"}, [StartNetwork]),
    ],
)
def test_mended(changes: dict[str, object], steps: list[type]) -> None:
    planned, _ = plan_network("host-bridge", "br0", seen(**changes))
    assert [type(item.step) for item in planned] == steps
    for item in planned:
        assert not isinstance(item.step, DefineNetwork) or UUID in item.step.document


def test_another_bridge_keeps_the_uuid_and_undo_brings_the_old_document() -> None:
    old = DOCUMENT.replace("br0", "br1").replace("</network>", "<portgroup name='a'/></network>")
    planned, _ = plan_network("host-bridge", "br0", seen(document=old, bridge="br1"))
    define, restart = planned
    assert isinstance(define.step, DefineNetwork)
    assert "portgroup" in define.step.document
    assert define.step.was == old
    undo = [step for item in (restart, define) for step in item.undo]
    assert [type(step) for step in undo] == [DefineNetwork, StartNetwork, DefineNetwork]
    assert all(step.document == old for step in undo if isinstance(step, DefineNetwork))


def test_a_nat_network_of_that_name_is_not_touched() -> None:
    with pytest.raises(Refused, match="another kind"):
        plan_network("default", "br0", host())


def test_running_domains_on_it_hold_it() -> None:
    facts = with_network(
        host(domain("web", interface(1), running=(live(1, "network='host-bridge'"),))), "host-bridge", bridge="br1"
    )
    with pytest.raises(Refused, match="web"):
        plan_network("host-bridge", "br0", facts)


def test_no_libvirt() -> None:
    with pytest.raises(HypervisorError, match="out of reach"):
        plan_network("host-bridge", "br0", host(libvirt_version=None, libvirt_problem="libvirt is out of reach"))
