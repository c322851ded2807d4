"""Where the guests are after a run: what their agents say, and what is heard on their taps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_interface

import pytest

from tests.plan.guests import host
from vmnet.errors import HypervisorError
from vmnet.facts import GuestAddress
from vmnet.host.lan.listen import TapListener
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.names import Mac
from vmnet.runs.executor.guests import watch

ONE, TWO = Mac("52:54:00:00:53:01"), Mac("52:54:00:00:53:02")


def at(mac: Mac, address: str, origin: str) -> GuestAddress:
    return GuestAddress(mac=mac, interface=ip_interface(address), origin=origin)


OLD = (at(ONE, "192.0.2.1/24", "lease"), at(TWO, "192.0.2.2/24", "lease"))
BEFORE = replace(host(), guest_addresses=OLD)


@dataclass
class Listener(TapListener):
    """Has heard something already."""

    heard: tuple[GuestAddress, ...] = ()

    @property
    def macs(self) -> frozenset[Mac]:
        return frozenset(address.mac for address in self.heard)

    def learn(self, seconds: float, old: Collection[object] = ()) -> tuple[GuestAddress, ...]:
        return self.heard


@dataclass
class Agents(Hypervisor):
    """Guest agents that say one after the other; None: no agent answers any more."""

    said: Sequence[GuestAddress | None] = ()

    def ask_agent(self, uuid: str, macs: Collection[Mac | None]) -> list[GuestAddress]:
        address, *self.said = self.said
        if address is None:
            raise HypervisorError("the domain is gone")
        assert address.mac in macs
        return [address]


def test_what_an_agent_says_counts_more_than_what_was_heard() -> None:
    heard = Listener(heard=(at(ONE, "192.0.2.1/24", "tap"), at(TWO, "198.51.100.2/24", "tap")))
    agents = Agents(said=[at(ONE, "198.51.100.1/24", "agent")])
    seen = watch({ONE, TWO}, {"web": {ONE}}, BEFORE, heard, agents)
    assert seen == [at(ONE, "198.51.100.1/24", "agent"), at(TWO, "198.51.100.2/24", "tap")]


def test_a_new_address_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    agents = Agents(said=[at(ONE, "192.0.2.1/24", "agent")] * 3 + [at(ONE, "198.51.100.1/24", "agent")])
    assert watch({ONE}, {"web": {ONE}}, BEFORE, Listener(), agents) == [at(ONE, "198.51.100.1/24", "agent")]
    assert len(slept) == 3
    # Who was not made to ask is not waited for: one whose link is down, say.
    agents.said = [at(ONE, "192.0.2.1/24", "agent")]
    assert watch((), {"web": {ONE}}, BEFORE, Listener(), agents) == [at(ONE, "192.0.2.1/24", "agent")]


def test_a_domain_that_is_gone_says_nothing() -> None:
    heard = Listener(heard=(at(ONE, "192.0.2.1/24", "tap"),))
    assert watch((), {"web": {ONE}}, host(), heard, Agents(said=[None])) == list(heard.heard)
