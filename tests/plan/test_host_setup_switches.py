"""An LACP bond over two switches."""

from __future__ import annotations

from dataclasses import replace

from tests.plan.hosts import REQUESTED, routed_host
from tests.plan.standing import as_set_up
from tests.plan.test_host_setup_risks import accepted
from tests.specs import host_spec
from vmnet.facts import Facts, SwitchPort
from vmnet.plan.host.setup import plan_host_setup
from vmnet.spec import BondMode, BondSpec

SPEC = host_spec(nics=("em1", "em2"), address=REQUESTED)


def heard(*neighbours: tuple[str, str], facts: Facts | None = None) -> Facts:
    ports = (SwitchPort(ifname=nic, chassis=chassis, port="Gi1", system=f"sw-{chassis}") for nic, chassis in neighbours)
    return replace(facts or routed_host(), switch_ports=tuple(ports))


def test_two_switches() -> None:
    said = "em1 is on switch sw-a, port Gi1, em2 on switch sw-b, port Gi1"
    accepted(heard(("em1", "a"), ("em2", "b")), "different_switches", said, way_out="active-backup")


def test_one_switch_or_not_known() -> None:
    for facts in (
        heard(("em1", "a"), ("em2", "a")),
        heard(("em1", "a")),
        heard(("em1", "a"), ("mgmt", "b")),
        heard(("em1", "a"), ("em2", "b"), ("em2", "a")),
    ):
        assert plan_host_setup(SPEC, facts).warnings == ()


def test_it_is_lacp_that_wants_one_switch() -> None:
    spec = host_spec(SPEC, bond=BondSpec(mode=BondMode.ACTIVE_BACKUP))
    assert plan_host_setup(spec, heard(("em1", "a"), ("em2", "b"))).warnings == ()


def test_what_stands_has_its_partner() -> None:
    standing = heard(("em1", "a"), ("em2", "b"), facts=as_set_up(SPEC))
    assert plan_host_setup(SPEC, standing).warnings == ()
