"""br_netfilter's switches, now and at the next boot, on files laid out as the kernel and the admin have them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import facts_samples as samples
from tests.host.machine import lay_out
from vmnet.facts import BridgeNetfilter, StoredSwitch
from vmnet.host.firewall.filters import read_netfilter

if TYPE_CHECKING:
    from pathlib import Path

BRIDGE = (samples.link("br0", 6, kind="bridge"),)
KERNEL = {
    "proc/sys/net/bridge/bridge-nf-call-iptables": "1\n",
    "proc/sys/net/bridge/bridge-nf-call-ip6tables": "0\n",
    "proc/modules": "br_netfilter 36864 0 - Live 0x0\nbridge 311296 1 br_netfilter, Live 0x0\n",
}


def read(root: Path, files: dict[str, str]) -> BridgeNetfilter:
    return read_netfilter(BRIDGE, lay_out(root, files))


def test_a_host_without_the_module(tmp_path: Path) -> None:
    assert read(tmp_path, {"proc/modules": "bridge 1 0 - Live 0x0\n"}) == BridgeNetfilter()


def test_what_is_on_now(tmp_path: Path) -> None:
    own = {"sys/class/net/br0/bridge/nf_call_ip6tables": "1\n", "sys/class/net/br0/bridge/nf_call_iptables": "0\n"}
    found = read(tmp_path, KERNEL | own)
    assert (found.loaded, found.on, found.bridges) == (True, ("iptables",), (("br0", "ip6tables"),))
    assert (found.stored, found.early) == ((), "")


def test_the_last_line_wins_and_a_file_of_etc_hides_its_namesake(tmp_path: Path) -> None:
    files = {
        "usr/lib/sysctl.d/20-a.conf": "net.bridge.bridge-nf-call-iptables = 1\n",
        "etc/sysctl.d/20-a.conf": "# nothing\n; net.bridge.bridge-nf-call-iptables = 1\n",
        "etc/sysctl.d/10-b.conf": "-net/bridge/bridge-nf-call-iptables=1\nnet.bridge.bridge-nf-call-ip6tables = 1\n",
        "run/sysctl.d/30-c.conf": "net.bridge.bridge-nf-call-iptables = 0\nnet.bridge.bridge-nf-call-* = 1\n",
    }
    assert read(tmp_path, files).stored == (
        StoredSwitch(name="iptables", on=False, file="/run/sysctl.d/30-c.conf"),
        StoredSwitch(name="ip6tables", on=True, file="/etc/sysctl.d/10-b.conf"),
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("etc/modules-load.d/bridge.conf", "# for VMs\nbr_netfilter\n"),
        ("usr/lib/modules-load.d/k8s.conf", "overlay\nbr-netfilter\n"),
        (
            "etc/udev/rules.d/99-bridge.rules",
            'ACTION=="add", SUBSYSTEM=="module", KERNEL=="br_netfilter", RUN+="/lib/systemd/systemd-sysctl"\n',
        ),
    ],
)
def test_what_makes_the_files_count(tmp_path: Path, path: str, text: str) -> None:
    assert read(tmp_path, KERNEL | {path: text}).early == f"/{path}"
    (tmp_path / path).write_text("".join(f"#{line}\n" for line in text.splitlines()))
    assert read_netfilter(BRIDGE, tmp_path).early == ""


def test_built_into_the_kernel_it_is_always_there(tmp_path: Path) -> None:
    assert read(tmp_path, KERNEL | {"proc/modules": ""}).early == "the kernel"
