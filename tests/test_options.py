"""The table of options: each row is parsed, written into the profile, and verified from kernel and profile."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import facts_samples as samples
from tests.option_values import BOND, BRIDGE
from tests.plan.standing import as_set_up
from tests.specs import host_spec
from vmnet.checks.diagnostics import check_host
from vmnet.checks.findings import NMCLI, SYSFS, Finding
from vmnet.checks.goal import deduce_goal
from vmnet.errors import SpecError
from vmnet.facts import Facts
from vmnet.names import Mac
from vmnet.plan.host.setup import plan_host_setup
from vmnet.spec import BondMode, BondSpec, BridgeSpec
from vmnet.spec.options import BOND_OPTIONS, BRIDGE_OPTIONS, Option
from vmnet.spec.words import HostWords, parse_host

OPTIONS = [*BOND_OPTIONS.values(), *BRIDGE_OPTIONS.values()]
GOOD = samples.end_state()
OTHER = Mac("00:00:5e:00:53:99")
ORDINARY = [option for option in BRIDGE_OPTIONS.values() if option.name != "stp"]
EACH = pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)


def mode_of(option: Option) -> BondMode:
    return option.modes[0] if option.modes else BondMode.LACP


def wanted_bond(option: Option) -> BondSpec:
    options = {"miimon": "100", option.name: BOND[option.name][0]}
    return BondSpec(mode=mode_of(option), options=tuple(options.items()))


def wanted(option: Option) -> BridgeSpec:
    if option.setting:
        return replace(samples.goal(), options=((option.name, BRIDGE[option.name][0]),))
    return replace(samples.goal(), bond=wanted_bond(option))


def host(option: Option, kernel: str, stored: str) -> Facts:
    """A host with this text in the kernel's file, and this value in the profile."""
    seen = ((option.name, option.seen(kernel)),)
    if option.setting:
        bridge = samples.end_state().link("br0")
        assert bridge is not None
        assert bridge.bridge is not None
        facts = samples.with_link(GOOD, "br0", bridge=replace(bridge.bridge, options=seen))
        return samples.with_setting(facts, "br0", **{option.setting.replace(".", "__").replace("-", "_"): stored})
    mode = mode_of(option)
    facts = samples.with_bond(GOOD, options=seen, mode=mode.value)
    options = {"mode": mode.value, "miimon": "100", option.name: stored}
    text = ",".join(f"{name}={value}" for name, value in options.items())
    return samples.with_setting(facts, "bond0", bond__options=text)


def about(option: Option, facts: Facts) -> dict[str, Finding]:
    """The findings about the option, by source."""
    rule = "bridge.option" if option.setting else "bond.option"
    found = check_host(wanted(option), facts)
    return {f.source: f for f in found if f.rule == rule and f.wanted.startswith(f"{option.name} ")}


def value_of(option: Option) -> tuple[str, str]:
    return (BRIDGE if option.setting else BOND)[option.name]


def test_each_option_has_a_value_to_test_it_with() -> None:
    assert BOND.keys() == BOND_OPTIONS.keys()
    assert BRIDGE.keys() == BRIDGE_OPTIONS.keys()


@EACH
def test_each_option_is_parsed(option: Option) -> None:
    value, kernel = value_of(option)
    assert value != option.default
    assert option.normal(value) == value
    assert option.same(value, option.seen(kernel))
    pair = ((option.name.replace("_", "-"), value),)
    if option.setting:
        assert parse_host(HostWords(bridge_options=pair)).bridges[0].option(option.name) == value
    else:
        (bridge,) = parse_host(HostWords(mode=mode_of(option).value, bond_options=pair)).bridges
        assert bridge.bond is not None
        assert bridge.bond.option(option.name) == value


@EACH
def test_what_is_not_allowed_names_option_value_and_what_is(option: Option) -> None:
    pair = ((option.name, "no/such"),)
    with pytest.raises(SpecError) as caught:
        parse_host(HostWords(bridge_options=pair) if option.setting else HostWords(bond_options=pair))
    assert option.name in caught.value.message
    assert "no/such" in caught.value.message
    assert caught.value.hint


@EACH
def test_each_option_is_written(option: Option) -> None:
    value, _ = value_of(option)
    if option.setting:
        spec = host_spec(nics=("em1", "em2"), options=((option.name, value),))
    else:
        # These hosts have em2, and no p4p1.
        value = "em2" if option.name == "primary" else value
        bond = BondSpec(mode=mode_of(option), options=tuple({"miimon": "100", option.name: value}.items()))
        spec = host_spec(nics=("em1", "em2"), bond=bond)
    profiles = {p.ifname: p for p in as_set_up(host_spec(spec, network=None)).profiles}
    if option.setting:
        assert profiles["br0"].get(option.setting) == value
    else:
        assert profiles["bond0"].bond_options[option.name] == value


@pytest.mark.parametrize("option", [*BOND_OPTIONS.values(), *ORDINARY], ids=lambda option: option.name)
def test_each_option_is_verified_from_kernel_and_profile(option: Option) -> None:
    value, kernel = value_of(option)
    other = option.written(option.default)
    good = about(option, host(option, kernel, value))
    assert {finding.ok for finding in good.values()} == {True}
    # bond.miimon speaks of the kernel's miimon.
    assert set(good) == {NMCLI} | (set() if option.name == "miimon" else {SYSFS})
    in_profile = about(option, host(option, kernel, option.default))
    assert {source for source, finding in in_profile.items() if not finding.ok} == {NMCLI}
    assert in_profile[NMCLI].fix
    if option.name != "miimon":
        in_kernel = about(option, host(option, other, value))
        assert {source for source, finding in in_kernel.items() if not finding.ok} == {SYSFS}
        assert bool(in_kernel[SYSFS].fix) is option.running


@EACH
def test_a_host_without_a_record_wants_what_its_profiles_say(option: Option) -> None:
    value, kernel = value_of(option)
    goal = deduce_goal(host(option, kernel, value))
    assert goal.option(option.name) == value if option.setting else goal.bond and goal.bond.option(option.name) == value


@given(st.sampled_from(OPTIONS), st.text(max_size=20) | st.integers().map(str))
def test_a_value_is_refused_or_stays_as_it_is_read(option: Option, text: str) -> None:
    try:
        value = option.normal(text)
    except SpecError:
        return
    assert option.normal(value) == value
    assert option.seen(option.written(value)) == value


WRONG = [
    (BondSpec(options=(("miimon", "100"), ("primary", "em1"))), "active-backup"),
    (BondSpec(mode=BondMode.ACTIVE_BACKUP, options=(("miimon", "100"), ("primary", "em7"))), "em1"),
    (BondSpec(options=(("miimon", "100"), ("updelay", "250"))), "300"),
    (BondSpec(mode=BondMode.ACTIVE_BACKUP, options=(("miimon", "100"), ("xmit_hash_policy", "layer2"))), "802.3ad"),
    (
        BondSpec(
            mode=BondMode.ACTIVE_BACKUP,
            options=(("miimon", "100"), ("num_grat_arp", "2"), ("num_unsol_na", "3")),
        ),
        "one value",
    ),
]


@pytest.mark.parametrize(("bond", "named"), WRONG)
def test_options_that_do_not_fit(bond: BondSpec, named: str) -> None:
    with pytest.raises(SpecError) as caught:
        plan_host_setup(
            host_spec(nics=("em1", "em2"), bond=bond, network=None), as_set_up(host_spec(nics=("em1", "em2")))
        )
    assert named in caught.value.hint


def test_a_bond_with_fail_over_mac_gets_no_mac_of_its_own() -> None:
    bond = BondSpec(mode=BondMode.ACTIVE_BACKUP, options=(("miimon", "100"), ("fail_over_mac", "active")))
    profiles = {p.ifname: p for p in as_set_up(host_spec(nics=("em1", "em2"), bond=bond, network=None)).profiles}
    assert profiles["bond0"].get("802-3-ethernet.cloned-mac-address") == ""
    assert profiles["br0"].get("802-3-ethernet.cloned-mac-address")
    goal = replace(samples.goal(), bond=bond)
    facts = samples.with_link(samples.with_link(GOOD, "em1", mac=OTHER), "bond0", mac=OTHER)
    facts = samples.with_setting(facts, "bond0", **{"802-3-ethernet__cloned_mac_address": ""})
    assert {f.rule for f in check_host(goal, facts) if not f.ok}.isdisjoint({"nic.mac", "bond.mac", "profile.mac"})
