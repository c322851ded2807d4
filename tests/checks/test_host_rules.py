"""What only doctor looks at on the host: each rule fires on its trouble, and not beside it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests import facts_samples as samples
from vmnet.checks.diagnostics import diagnose
from vmnet.facts import Device, Facts, Owner, ProfileFile, Tool
from vmnet.names import profile_uuid

GOOD = samples.end_state()
UUID = "00000000-0000-4000-8000-0000000000bb"
TAP = Device(ifname="vnet0", type="tun", state=100, external=True, profile=UUID)
TAP_PROFILE = samples.profile(
    "vnet0", "tun", uuid=UUID, filename="/run/NetworkManager/system-connections/vnet0.nmconnection"
)
WITH_TAP = replace(GOOD, devices=(*GOOD.devices, TAP), profiles=(*GOOD.profiles, TAP_PROFILE))
LEFT = samples.profile(
    "br7", "bridge", device=None, uuid=profile_uuid(GOOD.machine_id, "bridge br7"), name="br7",
)  # fmt: skip
RIVAL = samples.profile("p2p1", "802-3-ethernet", name="old", uuid=UUID, device=None)
MACVTAP = samples.link("macvtap0", 20, kind="macvtap", parent="p4p1")
CHECKPOINT = "/org/freedesktop/NetworkManager/Checkpoint/7"
WAIT = "NetworkManager-wait-online.service"
NETWORKD_WAIT = "systemd-networkd-wait-online.service"
GIB = 1 << 30


def with_bytes(facts: Facts, *sent: int) -> Facts:
    ports = (replace(port, sent_bytes=number) for port, number in zip(facts.bond_ports, sent, strict=True))
    return samples.with_bond(replace(facts, bond_ports=tuple(ports)), hash_policy="layer2")


def held(**changes: object) -> Facts:
    return samples.with_device(WITH_TAP, "vnet0", **changes)


def without_controller(facts: Facts) -> Facts:
    return samples.with_link(facts, "p4p1", controller=None)


def with_links(facts: Facts, *links: object) -> Facts:
    return replace(facts, links=(*facts.links, *links))  # type: ignore[arg-type]


TROUBLES: list[tuple[str, str, Facts]] = [
    ("nm.checkpoint", "checkpoint", replace(GOOD, checkpoints=(CHECKPOINT,))),
    (
        "run.unfinished",
        "vmnet-x.service",
        samples.with_boot(GOOD, worker_units=("/etc/systemd/system/vmnet-x.service",)),
    ),
    ("profile.left-over", "br7", replace(GOOD, profiles=(*GOOD.profiles, LEFT))),
    ("boot.wait-online", WAIT, samples.with_boot(GOOD, failed_waits=(WAIT,))),
    ("boot.wait-online", NETWORKD_WAIT, samples.with_boot(GOOD, failed_waits=(NETWORKD_WAIT,))),
    ("nm.holds-tap", "taps", held(external=False)),
    ("nm.holds-tap", "taps", held(external=False, state=30, profile=None)),
    ("profile.ifcfg", "em1", samples.with_profile(GOOD, "em1", filename="/etc/sysconfig/network-scripts/ifcfg-em1")),
    ("link.team", "team0", with_links(GOOD, samples.link("team0", 20, kind="team", controller="br0"))),
    ("nic.wireless", "em1", samples.with_link(GOOD, "em1", wireless=True)),
    ("nic.direct", "p4p1", with_links(without_controller(GOOD), MACVTAP)),
    ("bond.unfit-mode", "bond0", samples.with_bond(GOOD, mode="balance-alb")),
    ("bond.arp-monitor", "bond0", samples.with_bond(GOOD, arp_interval_ms=1000)),
    ("management.alone", "p2p1", replace(GOOD, profiles=(*GOOD.profiles, RIVAL))),
]

NOTES: list[tuple[str, str, Facts]] = [
    ("profile.names", "em1", replace(GOOD, profiles=(*GOOD.profiles, replace(RIVAL, name="em1", type="vpn")))),
    ("nm.versions", "host", replace(GOOD, nmcli_version="1.52.1")),
    ("bond.quiet-failover", "bond0", samples.with_bond(GOOD, mode="active-backup", active_port="em1")),
    ("bond.skewed", "bond0", with_bytes(GOOD, 3 * GIB, 1000)),
]

SOUND: list[Facts] = [
    samples.with_boot(GOOD, worker_units=(), failed_waits=()),
    replace(GOOD, profiles=(*GOOD.profiles, samples.with_setting(
        replace(GOOD, profiles=(LEFT,)), "br7", connection__autoconnect="no").profiles[0])),
    replace(GOOD, profiles=(*GOOD.profiles, replace(LEFT, device="br0"))),
    WITH_TAP,
    held(state=10, profile=None),
    with_links(GOOD, samples.link("team0", 20, kind="team")),
    samples.with_link(GOOD, "p2p1", wireless=True),
    with_links(GOOD, replace(MACVTAP, parent="p2p1")),
    replace(GOOD, nmcli_version="1.42.4"),
    replace(GOOD, nmcli_version="1.42.4", nm_version="1.42.4-1.el9"),
    samples.with_bond(GOOD, min_links=1),
    with_bytes(GOOD, 3 * GIB, 2 * GIB),
    with_bytes(GOOD, GIB // 2, 0),
    samples.with_boot(GOOD, kernel_arguments=("ip=198.51.100.3::198.51.100.1:255.255.255.0:h:p2p1:none", "ip=off")),
    samples.with_boot(GOOD, kernel_arguments=("ip=[2001:db8::3]::[2001:db8::1]:64:h:p2p1:none",)),
    samples.with_boot(GOOD, manager_starts=None, profile_files=()),
    replace(GOOD, owners=(Owner(tool=Tool.NETPLAN, file="/etc/netplan/1.yaml", ifname="p2p1"),)),
    replace(GOOD, bond_ports=()),
]  # fmt: skip


def told(facts: Facts) -> dict[tuple[str, str], bool]:
    return {(t.rule.id, t.finding.subject): t.finding.ok for t in diagnose(samples.goal(), facts)}


@pytest.mark.parametrize(("rule", "subject", "facts"), TROUBLES)
def test_a_trouble_is_found_and_shown(rule: str, subject: str, facts: Facts) -> None:
    assert told(facts)[rule, subject] is False
    (finding,) = (t.finding for t in diagnose(samples.goal(), facts) if t.rule.id == rule)
    assert finding.shown_by
    assert finding.hint or finding.fix


@pytest.mark.parametrize(("rule", "subject", "facts"), NOTES)
def test_what_is_odd_is_a_note(rule: str, subject: str, facts: Facts) -> None:
    assert told(facts)[rule, subject] is True


@pytest.mark.parametrize("facts", SOUND)
def test_what_is_sound_is_not_told_of(facts: Facts) -> None:
    assert told(facts) == told(GOOD)


def test_a_domains_macvtap_is_not_deleted() -> None:
    facts = with_links(without_controller(GOOD), replace(MACVTAP, ifname="vnet0"))
    (found,) = (t.finding for t in diagnose(samples.goal(), facts) if t.rule.id == "nic.direct")
    assert "vnet0 of domain web01" in found.seen
    assert found.fix == ()


def test_a_file_that_names_other_links_is_not_moved_away() -> None:
    lan = Owner(tool=Tool.NETPLAN, file="/etc/netplan/1.yaml", ifname="em1")
    for owners, word in (((lan,), "mv"), ((lan, replace(lan, ifname="p2p1")), "editor")):
        (found,) = (f.finding for f in diagnose(samples.goal(), replace(GOOD, owners=owners)) if not f.finding.ok)
        assert found.fix[0].startswith(f"sudo {word} ")


def test_a_line_of_networkmanagers_own_configuration_is_commented_out() -> None:
    line = "unmanaged-devices=interface-name:em*;mac:00:00:5e:00:53:01"
    owner = Owner(tool=Tool.UNMANAGED, file="/etc/NetworkManager/conf.d/a.conf", ifname="em1", line=line)
    (found,) = (t.finding for t in diagnose(samples.goal(), replace(GOOD, owners=(owner,))) if not t.finding.ok)
    assert found.fix[0] == (
        r"sudo sed -i 's|^unmanaged-devices=interface-name:em\*;mac:00:00:5e:00:53:01|#&|' "
        "/etc/NetworkManager/conf.d/a.conf"
    )
    assert "the line also names others" in found.hint


def test_netplan_is_let_be_where_the_bridge_comes_from_there() -> None:
    facts = replace(GOOD, owners=(Owner(tool=Tool.NETPLAN, file="/etc/netplan/1.yaml", ifname="br0"),))
    written = "/run/NetworkManager/system-connections/netplan-br0.nmconnection"
    assert ("boot.other-tool", "br0") in told(facts)
    assert ("boot.other-tool", "br0") not in told(samples.with_profile(facts, "br0", filename=written))


@pytest.mark.parametrize(
    ("file", "seen"),
    [
        (ProfileFile(path="", there=False), "missing"),
        (ProfileFile(path="", size=0), "empty"),
        (ProfileFile(path="", size=9, uid=1000), "owned by user 1000"),
        (ProfileFile(path="", size=9, mode=0o640), "mode 0640"),
    ],
)
def test_what_networkmanager_does_not_read(file: ProfileFile, seen: str) -> None:
    path = "/etc/NetworkManager/system-connections/br0.nmconnection"
    facts = samples.with_boot(GOOD, profile_files=(replace(file, path=path),))
    (found,) = (t.finding for t in diagnose(samples.goal(), facts) if not t.finding.ok)
    assert (found.rule, found.seen) == ("boot.profile-file", seen)
