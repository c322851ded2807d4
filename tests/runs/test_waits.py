"""Waiting for LACP where a cable is pulled meanwhile, for a lease that the server does not renew, for an answer."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface

import pytest

from vmnet.errors import LinkError
from vmnet.facts import Address, LacpPort, Probe, ProbeKind
from vmnet.host.kernel import link_changes, netlink, sysfs
from vmnet.host.networkmanager import nmcli
from vmnet.plan import steps
from vmnet.runs.executor import waits

AGREED = LacpPort(actor_state=0x3D, partner_state=0x3D, aggregator_id=1)
SILENT = LacpPort(actor_state=0x45, partner_state=0x01, aggregator_id=2)
BOTH = steps.WaitLacp(bond="bond0", ports=("em1", "p4p1"), timeout_s=40)


class Clock:
    """Time that passes while one sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, 0.5)


def wait_for(
    monkeypatch: pytest.MonkeyPatch, carrier: dict[str, bool], lacp: dict[str, LacpPort], step: steps.WaitLacp = BOTH
) -> float:
    """Wait on links that stay as they are; return how long it took."""
    clock = Clock()
    monkeypatch.setattr(waits, "time", clock)
    monkeypatch.setattr(sysfs, "read_carrier", carrier.__getitem__)
    monkeypatch.setattr(sysfs, "read_lacp", lacp.get)
    waits.wait(step, lambda _: None, lambda: True)
    return clock.now


def test_all_ports_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    up = {"em1": True, "p4p1": True}
    assert wait_for(monkeypatch, up, {"em1": AGREED, "p4p1": AGREED}) == 0
    with pytest.raises(LinkError, match="not negotiated LACP with em1"):
        wait_for(monkeypatch, up, {"em1": SILENT, "p4p1": AGREED})


def test_this_end_alone_is_waited_for_where_an_answer_is_asked_for_next(monkeypatch: pytest.MonkeyPatch) -> None:
    only_ours = LacpPort(actor_state=0x3D, partner_state=0x0F, aggregator_id=1)
    step = steps.WaitLacp(bond="bond0", ports=("p4p1",), timeout_s=40)
    with pytest.raises(LinkError, match="not negotiated LACP with p4p1"):
        wait_for(monkeypatch, {"p4p1": True}, {"p4p1": only_ours}, step)
    assert wait_for(monkeypatch, {"p4p1": True}, {"p4p1": only_ours}, replace(step, this_end=True)) == 0


def test_a_pulled_cable_is_not_waited_for_but_not_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    took = wait_for(monkeypatch, {"em1": False, "p4p1": True}, {"em1": SILENT, "p4p1": AGREED})
    assert waits.CABLE_S < took < BOTH.timeout_s


def test_the_last_port_is_waited_for_whatever_its_cable(monkeypatch: pytest.MonkeyPatch) -> None:
    none = {"em1": False, "p4p1": False}
    with pytest.raises(LinkError, match="not negotiated LACP with em1"):
        wait_for(monkeypatch, none, {"em1": SILENT, "p4p1": SILENT})
    alone = steps.WaitLacp(bond="bond0", ports=("p4p1",), timeout_s=40)
    with pytest.raises(LinkError, match="not negotiated LACP with p4p1"):
        wait_for(monkeypatch, none, {"p4p1": SILENT}, alone)


def watch_for(monkeypatch: pytest.MonkeyPatch, *, gone_at: float = 1000, renewed_at: float = 1000) -> float:
    """Watch the lease of br0 for a minute; return how long that took."""
    clock = Clock()
    monkeypatch.setattr(waits, "time", clock)
    own, leased = (
        Address(ifname="br0", interface=ip_interface(text), scope="global", dynamic=text.startswith("192"))
        for text in ("198.51.100.7/24", "192.0.2.3/24")
    )
    monkeypatch.setattr(netlink, "read_addresses", lambda: (own, leased) if clock.now < gone_at else (own,))
    monkeypatch.setattr(nmcli, "read_lease_end", lambda _: "200" if clock.now >= renewed_at else "100")
    waits.watch_lease("br0", ip_address("192.0.2.3"), "100", 60, lambda _: None)
    return clock.now


def test_a_lease_is_watched_until_it_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watch_for(monkeypatch, renewed_at=2) == 2


def test_a_lease_without_another_end_that_stands_is_as_good(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watch_for(monkeypatch) == 60


def test_a_server_that_is_gone_is_seen_while_the_old_nic_has_its_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LinkError, match="br0 has lost its DHCP address"):
        watch_for(monkeypatch, gone_at=12)


def test_a_lease_is_one_of_the_addresses_that_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = (ip_interface("198.51.100.7/24"), ip_interface("192.0.2.3/24"))
    there = tuple(Address(ifname="br0", interface=a, scope="global", dynamic=False) for a in wanted)
    step = steps.WaitAddress(ifname="br0", addresses=wanted, timeout_s=1, leased=True)
    monkeypatch.setattr(waits, "time", Clock())
    monkeypatch.setattr(netlink, "read_addresses", lambda: there)
    monkeypatch.setattr(nmcli, "read_lease", lambda _: wanted[1].ip)
    waits.wait(step, lambda _: None, lambda: True)
    monkeypatch.setattr(nmcli, "read_lease", lambda _: None)
    with pytest.raises(LinkError, match="br0 has no address from DHCP"):
        waits.wait(step, lambda _: None, lambda: True)


GATEWAY = Probe(kind=ProbeKind.GATEWAY, target="192.0.2.1")
OTHERS = steps.WaitAnswer(probe=GATEWAY, timeout_s=125, others=("p4p1", "p4p2"))


@pytest.mark.parametrize(
    ("needs", "links"),
    [
        # It answers before its time is over: no link is touched.
        ({"em1": True, "p4p1": True}, []),
        # The switch sends to p4p1 until it sees that the link is down.
        ({"p4p1": False}, [("p4p1", False), ("p4p1", True)]),
    ],
)
def test_a_switch_is_made_to_see_which_link_is_left(
    monkeypatch: pytest.MonkeyPatch, needs: dict[str, bool], links: list[tuple[str, bool]]
) -> None:
    """p4p2 has no carrier: nothing is sent there. A switch that has turned to em1 stays with it."""
    state, seen = {"em1": True, "p4p1": True, "p4p2": False}, list[dict[str, bool]]()
    told = list[tuple[str, bool]]()

    def set_up(ifname: str, *, up: bool) -> None:
        told.append((ifname, up))
        state[ifname] = up

    def ask(probe: Probe, *, fresh: bool) -> str:
        assert (probe, fresh) == (GATEWAY, True)
        seen.append(dict(state))
        return "" if any(needs.items() <= one.items() for one in seen) else "it does not answer"

    monkeypatch.setattr(waits, "time", Clock())
    monkeypatch.setattr(waits, "try_probe", ask)
    monkeypatch.setattr(sysfs, "read_carrier", state.__getitem__)
    monkeypatch.setattr(link_changes, "set_up", set_up)
    waits.wait(OTHERS, lambda _: None, lambda: False)
    assert told == links
    assert state["p4p1"]


def test_what_does_not_answer_all_the_same_says_what_to_do_at_the_switch(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(waits, "time", clock)
    monkeypatch.setattr(waits, "try_probe", lambda *_, **__: "192.0.2.1 does not answer")
    monkeypatch.setattr(sysfs, "read_carrier", lambda _: False)
    with pytest.raises(LinkError, match=r"192\.0\.2\.1 does not answer \(waited 155 s\)") as caught:
        waits.wait(OTHERS, lambda _: None, lambda: False)
    assert "the switch" in caught.value.hint
    assert 155 <= clock.now < 160
