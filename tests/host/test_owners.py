"""/etc and /run of hosts on which others configure the NICs -> who, and in which file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.host.machine import lay_out
from tests.plan.hosts import nic
from vmnet.host.files.owners import included, interfaces_name, netplan_names, read_owners, unmanages

if TYPE_CHECKING:
    from pathlib import Path

EM1 = nic("em1", 2)
MAC = EM1.mac
RUNS = {"run/systemd/units/invocation:systemd-networkd.service": "-> 0123456789abcdef0123456789abcdef"}
NETWORKD = "# This is private data. Do not parse.\nADMIN_STATE={}\nOPER_STATE=routable\nNETWORK_FILE={}\n"
FILE = "/etc/systemd/network/10-lan.network"
ENABLED = {"run/cloud-init/enabled": "", "etc/netplan/50-cloud-init.yaml": "network: {version: 2}\n"}


def owners(root: Path, files: dict[str, str]) -> list[tuple[str, str]]:
    others = (nic("em2", 3), replace(nic("br0", 4), hardware=False))
    found = read_owners((EM1, *others), lay_out(root, files))
    assert {owner.ifname for owner in found} <= {"em1", ""}
    return [(owner.tool.value, owner.file) for owner in found]


@pytest.mark.parametrize(
    ("files", "tool", "file"),
    [
        ({"etc/network/interfaces": "auto lo em1\n"}, "ifupdown", "/etc/network/interfaces"),
        (
            {
                "etc/network/interfaces": "source /\nsource interfaces.d/**\nsource-directory /etc/network/more.d\n",
                "etc/network/interfaces.d/lan": "source /etc/network/interfaces.d/*\niface em2.5 inet dhcp\n",
                "etc/network/more.d/lan": "allow-hotplug em1\n",
            },
            "ifupdown",
            "/etc/network/more.d/lan",
        ),
        ({**RUNS, "run/systemd/netif/links/2": NETWORKD.format("configured", FILE)}, "systemd-networkd", FILE),
        ({"etc/netplan/1.yaml": "network:\n  ethernets:\n    em1: {}\n"}, "netplan", "/etc/netplan/1.yaml"),
        (
            {"etc/NetworkManager/conf.d/a.conf": "[keyfile]\nunmanaged-devices=interface-name:em1\n"},
            "NetworkManager's own configuration",
            "/etc/NetworkManager/conf.d/a.conf",
        ),
        ({"run/udev/data/n2": "I:1\nE:NM_UNMANAGED=1\n"}, "a udev rule", "/run/udev/data/n2"),
        (
            {"etc/sysconfig/network-scripts/ifcfg-em1": "DEVICE=em1\nNM_CONTROLLED=\"no\"\n"},
            "an ifcfg file",
            "/etc/sysconfig/network-scripts/ifcfg-em1",
        ),
        (ENABLED, "cloud-init", "/etc/netplan/50-cloud-init.yaml"),
    ],
)  # fmt: skip
def test_who_configures_a_nic(tmp_path: Path, files: dict[str, str], tool: str, file: str) -> None:
    assert owners(tmp_path, files) == [(tool, file)]


def test_a_pattern_that_leads_everywhere_is_not_followed() -> None:
    sources = (f"source {'*/../' * 9}*", "source-directory /*/*/*", "source /etc/network/../*", "source /etc/*.d/*.cfg")
    assert included("\n".join(sources)) == ("etc/*.d/*.cfg",)


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"run/systemd/netif/links/2": NETWORKD.format("configured", FILE)},
        {**RUNS, "run/systemd/netif/links/2": NETWORKD.format("unmanaged", "")},
        {**RUNS, "run/systemd/netif/links/2": "ADMIN_STATE=pending\n"},
        {"etc/netplan/50-cloud-init.yaml": ""},
        {**ENABLED, "etc/cloud/cloud.cfg.d/99.cfg": "network: {config: disabled}\n"},
        {**ENABLED, "etc/cloud/cloud.cfg.d/99.cfg": "network:\n  config: disabled\n"},
        {**ENABLED, "proc/cmdline": "ro network-config=disabled quiet"},
        {"run/cloud-init/enabled": ""},
    ],
)
def test_who_does_not(tmp_path: Path, files: dict[str, str]) -> None:
    assert owners(tmp_path, files) == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("iface em1 inet static\n", True),
        ("iface em1.5 inet static\n", False),
        ("auto /em*\n", True),
        ("iface br0 inet dhcp\n  bridge_ports em1\n", True),
        ("iface bond0 inet dhcp\n  bond-slaves em0 em1\n", True),
        ("# auto em1\niface lo inet loopback\n  up echo em1\n", False),
    ],
)
def test_ifupdown(text: str, named: bool) -> None:
    assert interfaces_name(text, "em1") is named


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("network:\n  ethernets:\n    'em1': {dhcp4: true}\n", True),
        ('      match:\n        name: "em*"\n', True),
        (f"        macaddress: {MAC.upper()}\n", True),
        ("    em10:\n      dhcp4: true\n", False),
        ("    # em1:\n", False),
    ],
)
def test_netplan(text: str, named: bool) -> None:
    assert netplan_names(text, "em1", MAC) is named


@pytest.mark.parametrize(
    ("value", "covered"),
    [
        ("em1", True),
        ("interface-name:em*;interface-name:vnet*", True),
        ("interface-name:=em1", True),
        (f"mac:{MAC.upper()}", True),
        ("*,except:type:wifi", True),
        ("*,except:interface-name:em1", False),
        ("interface-name:vnet*", False),
    ],
)
def test_unmanaged_devices(value: str, covered: bool) -> None:
    assert bool(unmanages(f"[keyfile]\nunmanaged-devices={value}\n", "em1", MAC)) is covered
