"""NICs that another tool configures: the refusal names it, with the file and the way to hand over."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.plan.hosts import REQUESTED, profile, routed_host, with_profile
from tests.specs import host_spec
from vmnet.errors import Refused
from vmnet.facts import Device, Facts, Owner, Tool
from vmnet.plan.host.setup import plan_host_setup

SPEC = host_spec(nics=("em1", "em2"), address=REQUESTED)


def host(*owners: Owner, managed: bool = False, reason: str = "") -> Facts:
    facts = routed_host()
    em2 = Device(ifname="em2", type="ethernet", state=30 if managed else 10, reason=reason)
    return replace(facts, owners=owners, devices=tuple(em2 if d.ifname == "em2" else d for d in facts.devices))


def owner(tool: Tool, ifname: str = "em2") -> Owner:
    return Owner(tool=tool, file=f"/etc/{tool.name.lower()}", ifname=ifname)


def refused(facts: Facts) -> Refused:
    with pytest.raises(Refused) as caught:
        plan_host_setup(SPEC, facts)
    return caught.value


@pytest.mark.parametrize("tool", [tool for tool in Tool if tool is not Tool.CLOUD_INIT])
def test_a_nic_that_networkmanager_does_not_manage(tool: Tool) -> None:
    error = refused(host(owner(tool), owner(Tool.NETPLAN, "em7")))
    assert error.message.endswith(f" {tool} (/etc/{tool.name.lower()})")
    assert "em2" in error.hint or "/etc/ifcfg" in error.hint
    assert "then: " in error.hint


def test_netplan_is_behind_networkd() -> None:
    error = refused(host(owner(Tool.NETPLAN), owner(Tool.NETWORKD)))
    assert "netplan (/etc/netplan), systemd-networkd (/etc/networkd)" in error.message
    assert "renderer: NetworkManager" in error.hint


@pytest.mark.parametrize(("reason", "told"), [("3 (now unmanaged)", "it"), ("70 (by user)", "(reason 70 (by user))")])
def test_an_owner_that_nobody_knows(reason: str, told: str) -> None:
    assert refused(host(reason=reason)).message.endswith(told)


def test_two_that_configure_one_nic() -> None:
    error = refused(host(owner(Tool.NETWORKD), managed=True))
    assert "systemd-networkd configures em2" in error.message
    assert "Unmanaged=yes" in error.hint


@pytest.mark.parametrize(
    "who", [owner(Tool.IFUPDOWN), owner(Tool.CLOUD_INIT, ""), owner(Tool.NETPLAN)], ids=lambda who: who.tool.name
)
def test_what_comes_back_at_boot(who: Owner) -> None:
    (warning,) = plan_host_setup(SPEC, host(who, managed=True)).warnings
    assert warning.startswith(who.tool.value)
    assert who.file in warning


def test_a_profile_that_netplan_wrote() -> None:
    written = replace(
        profile("netplan-em2", "33333333-0000-0000-0000-000000000001", "em2", active=False),
        filename="/run/NetworkManager/system-connections/netplan-em2.nmconnection",
    )
    (warning,) = plan_host_setup(SPEC, with_profile(routed_host(), written)).warnings
    assert "(netplan-em2)" in warning


def test_other_nics_are_no_matter() -> None:
    others = [owner(tool, "em7") for tool in Tool if tool is not Tool.CLOUD_INIT]
    assert plan_host_setup(SPEC, host(*others, managed=True)).warnings == ()
