"""Options of a bond and bridge that run already: changed in place, set in the kernel alone, or refused."""

from __future__ import annotations

import pytest

from tests import facts_samples as samples
from tests.plan.standing import as_set_up
from tests.specs import host_spec
from vmnet.errors import Refused
from vmnet.facts import BondState, BridgeState, Facts
from vmnet.plan import steps
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import Planned
from vmnet.spec import BondMode, BondSpec, HostSpec, Options

SPEC = host_spec(nics=("em1", "em2"), network=None)


def standing(bond: Options = (), bridge: Options = ()) -> Facts:
    """A host as host-setup leaves it, with these options in the kernel."""
    facts = as_set_up(SPEC)
    state = BondState(mode="802.3ad", miimon_ms=100, options=bond)
    facts = samples.with_link(facts, "bond0", bond=state)
    seen = BridgeState(stp=False, forward_delay_cs=1500, multicast_snooping=True, vlan_filtering=False, options=bridge)
    return samples.with_link(facts, "br0", bridge=seen)


def asked(*options: tuple[str, str], mode: BondMode = BondMode.LACP) -> HostSpec:
    return host_spec(SPEC, bond=BondSpec(mode=mode, options=(("miimon", "100"), *options)))


def changes(spec: HostSpec, facts: Facts) -> list[Planned]:
    kinds = (steps.ModifyProfile, steps.ReapplyDevice, steps.SetOption)
    return [planned for planned in plan_host_setup(spec, facts).planned if isinstance(planned.step, kinds)]


def test_a_new_option_is_written_beside_those_that_the_profile_has_and_reapplied() -> None:
    facts = samples.with_setting(standing(), "bond0", bond__options="mode=802.3ad,miimon=100,resend_igmp=3")
    modify, reapply = changes(asked(("min_links", "1")), facts)
    assert isinstance(modify.step, steps.ModifyProfile)
    assert dict(modify.step.settings) == {"bond.options": "mode=802.3ad,miimon=100,resend_igmp=3,min_links=1"}
    assert reapply.step == steps.ReapplyDevice(ifname="bond0")
    assert steps.ReapplyDevice(ifname="bond0") in modify.undo


def test_what_the_kernel_alone_has_otherwise_is_set_there_and_undone() -> None:
    facts = standing((("miimon", "0"),), (("stp", "yes"), ("ageing_time", "300")))
    first, second = changes(SPEC, facts)
    stp = {"ifname": "br0", "option": "stp", "file": "bridge/stp_state"}
    assert (first.step, first.undo) == (steps.SetOption(**stp, value="0"), (steps.SetOption(**stp, value="1"),))
    miimon = {"ifname": "bond0", "option": "miimon", "file": "bonding/miimon"}
    assert (second.step, second.undo) == (
        steps.SetOption(**miimon, value="100"),
        (steps.SetOption(**miimon, value="0"),),
    )


def test_what_kernel_and_profile_have_as_wanted_is_left_alone() -> None:
    facts = standing((("miimon", "100"),), (("stp", "no"),))
    assert changes(SPEC, facts) == []


def test_an_option_that_nmcli_does_not_show_has_its_default() -> None:
    assert changes(host_spec(SPEC, options=(("multicast_querier", "no"),)), standing()) == []
    (modify, _) = changes(host_spec(SPEC, options=(("multicast_querier", "yes"),)), standing())
    assert isinstance(modify.step, steps.ModifyProfile)
    assert modify.step.settings == (("bridge.multicast-querier", "yes"),)


@pytest.mark.parametrize(
    ("spec", "facts", "option"),
    [
        (asked(("lacp_rate", "fast")), standing((("lacp_rate", "slow"),)), "lacp_rate=fast"),
        (asked(("lacp_rate", "fast")), standing(), "lacp_rate=fast"),
        (asked(mode=BondMode.ACTIVE_BACKUP), standing(), "mode=active-backup"),
        (SPEC, samples.with_bond(standing(), mode="balance-xor"), "mode=802.3ad"),
    ],
)
def test_what_no_running_bond_can_change_is_refused(spec: HostSpec, facts: Facts, option: str) -> None:
    with pytest.raises(Refused) as refused:
        plan_host_setup(spec, facts)
    assert option in refused.value.message
    assert f"+bond.options {option}" in refused.value.hint


def test_a_profile_follows_a_kernel_that_is_as_wanted() -> None:
    modify, *_ = changes(asked(("lacp_rate", "fast")), standing((("lacp_rate", "fast"),)))
    assert isinstance(modify.step, steps.ModifyProfile)
    assert dict(modify.step.settings)["bond.options"].endswith("lacp_rate=fast")
