"""Every option of bond and bridge on a real host: set, seen in the kernel, and found when kernel or profile changes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.option_values import BOND, BRIDGE
from vmnet.spec import BondMode
from vmnet.spec.options import BOND_OPTIONS, BRIDGE_OPTIONS, Option

from .observe import ADOPT

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = pytest.mark.turns

LINKS = {"bond": "bond0", "bridge": "br0"}
Named = set[tuple[str, str, str]]
"""Of findings that are not as wanted: the rule, the option, and who said so."""


def values(mode: BondMode) -> dict[str, dict[str, tuple[str, str]]]:
    bond = {name: value for name, value in BOND.items() if BOND_OPTIONS[name].works_in(mode)}
    return {"bond": bond, "bridge": BRIDGE if mode is BondMode.LACP else {}}


def options(mode: BondMode) -> list[tuple[str, Option]]:
    tables = {"bond": BOND_OPTIONS, "bridge": BRIDGE_OPTIONS}
    return [(kind, tables[kind][name]) for kind, of_kind in values(mode).items() for name in of_kind]


def words(mode: BondMode) -> list[str]:
    wanted = values(mode)
    return [
        f"--{kind}-option={name}={value}" for kind, of_kind in wanted.items() for name, (value, _) in of_kind.items()
    ]


def kernel(lab: Lab, mode: BondMode) -> dict[str, str]:
    """What the kernel's files hold."""
    files = [f"/sys/class/net/{LINKS[kind]}/{option.file}" for kind, option in options(mode)]
    lines = lab.run(f"for file in {' '.join(files)}; do cat $file; done").stdout.split("\n")
    return dict(zip((option.name for _, option in options(mode)), lines, strict=False))


def expected(mode: BondMode) -> dict[str, str]:
    return {name: text for of_kind in values(mode).values() for name, (_, text) in of_kind.items()}


def differing(lab: Lab) -> Named:
    done = lab.vmnet("verify", "--output", "json", check=False)
    assert done.returncode in (0, 6), done.stderr
    found = [finding for finding in json.loads(done.stdout)["findings"] if not finding["ok"]]
    return {(finding["rule"], finding["wanted"].split()[0], finding["source"]) for finding in found}


def named(mode: BondMode, source: str, *, running: bool | None = None) -> Named:
    """What verify must find where all options differ that can be changed (or not) while the link runs."""
    rules = {"stp": "bridge.stp" if source != "nmcli" else "profile.stp"} | (
        {"miimon": "bond.miimon"} if source != "nmcli" else {}
    )
    words_of = {"stp": "STP"} | ({"miimon": "links"} if source != "nmcli" else {})
    sources = {"miimon": "kernel (netlink)"} if source != "nmcli" else {}
    return {
        (rules.get(o.name, f"{kind}.option"), words_of.get(o.name, o.name), sources.get(o.name, source))
        for kind, o in options(mode)
        if running is None or o.running is running
    }


def spoil_kernel(lab: Lab, mode: BondMode) -> None:
    """Set the defaults in the kernel: of what cannot be changed while the bond runs, without ports and down."""
    lines = []
    for kind, option in options(mode):
        if option.running:
            # Nobody can set a MAC of zeros: another one is as good.
            value = "02:00:5e:00:53:02" if option.name == "ad_actor_system" else option.written(option.default)
            lines.append(f"echo '{value}' > /sys/class/net/{LINKS[kind]}/{option.file}")
    lab.run("\n".join(["set -e", *lines]))


def spoil_fixed(lab: Lab, mode: BondMode) -> None:
    """The same for what the kernel changes only while the bond is down and has no ports."""
    fixed = [option for _, option in options(mode) if not option.running]
    sets = [f"echo '{option.default}' > /sys/class/net/bond0/{option.file}" for option in fixed]
    away = [f"ip link set {nic} nomaster" for nic in ("em1", "p4p1")]
    back = [f"ip link set {nic} down; ip link set {nic} master bond0; ip link set {nic} up" for nic in ("em1", "p4p1")]
    lab.run("\n".join(["set -e", *away, "ip link set bond0 down", *sets, "ip link set bond0 up", *back]))


def spoil_profiles(lab: Lab, mode: BondMode) -> None:
    """Set the defaults in the profiles, on disk, and tell nobody."""
    bond = ",".join([f"mode={mode.value}", "miimon=100"])
    bridge = [f"{option.setting} '{option.default}'" for kind, option in options(mode) if kind == "bridge"]
    lab.run(f"nmcli connection modify bond0 bond.options {bond}")
    if bridge:
        lab.run(f"nmcli connection modify br0 {' '.join(bridge)}")


@pytest.mark.lab_state("clean", guests=False)
@pytest.mark.parametrize("mode", [BondMode.LACP, BondMode.ACTIVE_BACKUP])
def test_every_option_is_set_and_verified(lab: Lab, mode: BondMode) -> None:
    if mode is BondMode.ACTIVE_BACKUP:
        lab.switch("plain")
    setup = (*ADOPT, "--mode", mode.value, *words(mode))
    lab.vmnet(*setup, timeout=400)
    assert kernel(lab, mode) == expected(mode)
    assert differing(lab) == set()

    spoil_profiles(lab, mode)
    assert differing(lab) == named(mode, "nmcli")
    lab.vmnet(*setup, timeout=300)
    assert (differing(lab), kernel(lab, mode)) == (set(), expected(mode))

    spoil_kernel(lab, mode)
    assert differing(lab) == named(mode, "kernel (sysfs)", running=True)
    lab.vmnet(*setup, timeout=300)
    assert (differing(lab), kernel(lab, mode)) == (set(), expected(mode))

    spoil_fixed(lab, mode)
    fixed = {found for found in differing(lab) if found[0] == "bond.option"}
    assert fixed == named(mode, "kernel (sysfs)", running=False)
    refused = lab.vmnet(*setup, check=False)
    assert refused.returncode == 3
    assert "reboot" in refused.stderr
