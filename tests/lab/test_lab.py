"""The lab itself is right: its states, its switch, its cables, its guests, its ways in."""

from __future__ import annotations

import json
import shlex
import time
from typing import TYPE_CHECKING, Any

import pytest

from . import qemu, recipe
from .cli import main
from .errors import LabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .machine import Lab

pytestmark = pytest.mark.turns

SWITCH_MAC = "52:54:00:bb:00:ff"


def wait_for(what: str, true: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.5)


def addresses(lab: Lab) -> dict[str, list[str]]:
    """IPv4 addresses by link."""
    links = json.loads(lab.run(["ip", "-4", "-j", "address"]).stdout)
    return {link["ifname"]: [f"{part['local']}/{part['prefixlen']}" for part in link["addr_info"]] for link in links}


def active_profiles(lab: Lab) -> dict[str, str]:
    """Device -> active profile, without what NetworkManager only looks at."""
    lines = lab.run(["nmcli", "-t", "-f", "DEVICE,NAME", "connection", "show", "--active"]).stdout.splitlines()
    pairs = dict(line.split(":", 1) for line in lines)
    return {device: name for device, name in pairs.items() if device[:4] not in {"lo", "virb", "vnet"}}


def answers(lab: Lab, address: str = "172.16.4.3") -> bool:
    """Whether the LAN peer gets an answer to a ping."""
    return lab.lan(["ping", "-q", "-c", "1", "-W", "1", address], check=False).returncode == 0


def bond(lab: Lab) -> dict[str, Any]:
    """What the kernel says of bond0's aggregator."""
    link = json.loads(lab.run(["ip", "-d", "-j", "link", "show", "bond0"]).stdout)[0]
    aggregator: dict[str, Any] = link["linkinfo"]["info_data"].get("ad_info", {})
    return aggregator


@pytest.mark.lab_state("clean")
def test_the_clean_state(lab: Lab) -> None:
    seen = addresses(lab)
    assert (seen["p2p1"], seen["em1"], seen.get("p4p1", [])) == (["10.0.0.3/24"], ["172.16.4.3/24"], [])
    assert active_profiles(lab) == {"p2p1": "mgmt0", "em1": "lan", "p4p1": "spare"}
    assert "default via 172.16.4.1 dev em1" in lab.run(["ip", "route"]).stdout
    assert "nameserver 172.16.4.2" in lab.run(["cat", "/etc/resolv.conf"]).stdout
    for nic in ("p2p1", "em1", "p4p1"):
        assert recipe.MAC[nic] in lab.run(["ethtool", "-P", nic]).stdout
    assert answers(lab)
    assert lab.run(["systemctl", "--failed", "--plain", "--no-legend"]).stdout == ""
    assert lab.run(["systemctl", "is-system-running"], check=False).stdout.strip() == "running"


@pytest.mark.lab_state("primer")
def test_the_primer_state(lab: Lab) -> None:
    seen = addresses(lab)
    assert {name for name, found in seen.items() if found} == {"lo", "p2p1", "virbr0"}
    assert active_profiles(lab) == {"p2p1": "Wired connection 1", "nm-kvm-br0": "kvm-br0"}
    assert "default" not in lab.run(["ip", "route"]).stdout
    rows = lab.run(["nmcli", "-t", "-f", "NAME,TYPE,TIMESTAMP", "connection"]).stdout.splitlines()
    never = {tuple(row.split(":")[:2]) for row in rows if row.endswith(":0")}
    wired = {(name, "802-3-ethernet") for name in ("System em1", "System p4p1", "System bond0", "Wired connection 2")}
    assert never == wired | {("Bridge br1", "bridge")}
    assert lab.run("ls /sys/class/net/nm-kvm-br0/brif").stdout == ""
    assert not answers(lab)


def test_the_guests_run_and_have_leases(lab: Lab) -> None:
    assert lab.run(["virsh", "domstate", "old01"]).stdout.strip() == "shut off"
    leases = lab.run(["virsh", "net-dhcp-leases", "default"]).stdout
    found = [line.split()[4].split("/")[0] for line in leases.splitlines() if "52:54:00:0a" in line]
    assert len(found) == sum(recipe.RUNNING_GUESTS.values())
    for address in found:
        lab.run(["ping", "-q", "-c", "1", "-W", "5", address])


def test_a_guest_asks_again_when_its_link_comes_back(lab: Lab) -> None:
    console = "/var/log/guests/web01.log"
    lab.run(["truncate", "-s", "0", console])
    for position in ("down", "up"):
        lab.run(["virsh", "domif-setlink", "web01", "52:54:00:0a:00:01", position])
        carrier = f"eth0 carrier {int(position == 'up')}"
        wait_for(carrier, lambda carrier=carrier: carrier in lab.run(["cat", console]).stdout)  # type: ignore[misc]
    wait_for("a new lease", lambda: "eth0 bound 192.168.122." in lab.run(["cat", console]).stdout)


def test_a_guest_obeys_the_power_button(lab: Lab) -> None:
    lab.run(["virsh", "shutdown", "web01"])
    wait_for("web01 is off", lambda: "shut off" in lab.run(["virsh", "domstate", "web01"]).stdout, seconds=90)


def test_a_command_arrives_as_it_is(lab: Lab) -> None:
    words = ["a b", "", "it's", '"', "$HOME", "*", "ü", "-n"]
    assert lab.run(["printf", "%s|", *words]).stdout == "".join(f"{word}|" for word in words)
    assert lab.run(["cat"], stdin="from outside\n").stdout == "from outside\n"
    assert lab.run(["sh", "-c", "exit 7"], check=False).returncode == 7
    with pytest.raises(LabError, match="exit code 3"):
        lab.run("exit 3")
    assert lab.lan(["hostname", "-I"]).stdout.split() == ["172.16.4.50"]
    assert lab.lan(["ssh", "root@172.16.4.3", "hostname"]).stdout.strip() == "kvmhost"
    background = lab.popen("echo started; read line; echo got $line")
    assert background.communicate("this\n", timeout=60)[0].split() == ["started", "got", "this"]


@pytest.mark.parametrize("mode", ["lag", "individual"])
def test_the_switch_speaks_lacp(lab: Lab, mode: str) -> None:
    lab.switch(mode)
    lab.run(
        "nmcli con delete lan spare; nmcli con add type bond ifname bond0 con-name b autoconnect no "
        "bond.options mode=802.3ad,miimon=100 ip4 172.16.4.3/24 ipv6.method disabled; for n in em1 p4p1; do "
        "nmcli con add type ethernet ifname $n con-name $n autoconnect no master bond0; done; nmcli con up em1; "
        "nmcli con up p4p1"
    )
    wait_for("two ports in one aggregator", lambda: bond(lab).get("num_ports") == 2)
    assert bond(lab)["partner_mac"] == SWITCH_MAC
    wait_for("an answer", lambda: answers(lab))
    for cut, other in (("em1", "p4p1"), ("p4p1", "em1")):
        lab.cable(cut, on=False)
        lab.cable(other, on=True)
        wait_for(f"an answer without {cut}", lambda: answers(lab), seconds=20)


def test_the_other_modes_of_the_switch(lab: Lab) -> None:
    lab.switch("silent")
    assert not answers(lab)
    lab.switch("plain")
    wait_for("an answer", lambda: answers(lab))
    with pytest.raises(LabError, match="no mode"):
        lab.switch("hub")


def test_a_cable_is_cut_at_both_ends_and_reset_mends_it(lab: Lab) -> None:
    def carriers() -> tuple[str, str]:
        near = lab.run(["cat", "/sys/class/net/em1/carrier"]).stdout.strip()
        far = lab.run(["ip", "netns", "exec", "switch", "cat", "/sys/class/net/sw1/carrier"]).stdout.strip()
        return near, far

    assert carriers() == ("1", "1")
    lab.cable("em1", on=False)
    wait_for("no carrier", lambda: carriers() == ("0", "0"))
    lab.reset()
    assert carriers() == ("1", "1")
    assert answers(lab)


def test_the_lan_has_dhcp_and_dns(lab: Lab) -> None:
    lab.switch("plain")
    wait_for("an answer", lambda: answers(lab))
    said = lab.run("busybox udhcpc -n -q -f -t 10 -T 1 -i p4p1 -s /bin/true 2>&1").stdout
    assert "lease of 172.16.4.1" in said
    leases = lab.run(["cat", "/var/lib/lab/lan.leases"]).stdout
    assert recipe.MAC["p4p1"] in leases
    assert "172.16.4.50" in lab.run(["getent", "hosts", "peer.lan.test"]).stdout


def test_a_power_cycle_keeps_the_disk_and_reset_does_not(lab: Lab) -> None:
    lab.switch("plain")
    lab.run(["touch", "/root/kept"])
    lab.run(["sync"])
    lab.power_cycle()
    lab.run(["test", "-e", "/root/kept"])
    assert lab.run(["/usr/local/lib/lab/switch"]).stdout.strip() == "plain"
    wait_for("an answer", lambda: answers(lab))
    assert active_profiles(lab) == {"p2p1": "mgmt0", "em1": "lan", "p4p1": "spare"}
    wait_for("the guests run", lambda: "running" in lab.run(["virsh", "domstate", "db01"]).stdout)
    lab.reset("clean")
    assert lab.run(["test", "-e", "/root/kept"], check=False).returncode == 1


def test_the_commands_of_the_manual(lab: Lab) -> None:
    page = (recipe.CHECKOUT / "docs/lab.md").read_text()
    lines = [shlex.split(line, comments=True) for line in page.splitlines() if line.startswith("    scripts/lab ")]
    verbs = [words[1] for words in lines]
    assert (verbs[0], verbs[-1], len(verbs)) == ("up", "down", 9)
    for words in lines[:-1]:
        assert main(["--name", lab.name, *words[1:]]) == 0, words


def reached(lab: Lab, link: str, *targets: str) -> set[str]:
    """Which addresses answer the host over a link."""
    pings = [f"{{ ping -q -c 1 -W 2 -I {link} {target} >/dev/null && echo {target}; }} &" for target in targets]
    return set(lab.run(" ".join([*pings, "wait"])).stdout.split())


@pytest.mark.lab_state("four-nics")
def test_the_state_with_four_nics(lab: Lab) -> None:
    seen = addresses(lab)
    assert seen["em1"] == ["172.16.4.3/24"]
    assert not [nic for nic in ("p4p1", "em2", "p4p2") if seen.get(nic)]
    assert active_profiles(lab) == {"p2p1": "mgmt0", "em1": "lan", "p4p1": "spare"}
    for nic in qemu.SECOND_CABLES:
        assert qemu.SECOND_MAC[nic] in lab.run(["ethtool", "-P", nic]).stdout
    assert answers(lab)
    assert lab.run(["systemctl", "--failed", "--plain", "--no-legend"]).stdout == ""
    # Switch B is another network, with cables of its own.
    lab.run("ip address add 172.16.8.3/24 dev em2")
    assert reached(lab, "em2", "172.16.8.1", "172.16.4.1") == {"172.16.8.1"}
    lab.lan("ping -q -c 1 -W 2 172.16.8.3", peer="lan2")
    assert reached(lab, "em1", "172.16.8.1", "172.16.4.1") == {"172.16.4.1"}
    lab.cable("em2", on=False)
    wait_for("no carrier", lambda: lab.run(["cat", "/sys/class/net/em2/carrier"]).stdout.strip() == "0")
    assert answers(lab)


@pytest.mark.parametrize("mode", ["lag", "individual", "plain"])
@pytest.mark.lab_state("four-nics", guests=False)
def test_a_vlan_reaches_its_own_network_through_both_switches(lab: Lab, mode: str) -> None:
    for nic in ("em1", "em2"):
        vlan = f"{nic}.20"
        lab.switch(mode, second=nic == "em2")
        lab.run(f"ip link add link {nic} name {vlan} type vlan id 20; ip link set {vlan} up")
        said = lab.run(f"busybox udhcpc -n -q -f -t 10 -T 1 -i {vlan} -s /bin/true 2>&1").stdout
        assert "lease of 172.16.20.1" in said
        # An address of VLAN 30, too: that nobody answers is not for want of a route.
        lab.run(f"ip address add 172.16.20.3/24 dev {vlan}; ip address add 172.16.30.3/24 dev {vlan}")
        own, strangers = {"172.16.20.1", "172.16.20.50"}, ("172.16.30.1", "172.16.30.50", "172.16.4.50", "172.16.8.50")
        assert reached(lab, vlan, *own, *strangers) == own
        lab.lan("ping -q -c 1 -W 2 172.16.20.3", peer="lan20")
        assert lab.lan("ping -q -c 1 -W 2 172.16.30.3", peer="lan30", check=False).returncode
        lab.run(["ip", "link", "delete", vlan])


@pytest.mark.lab_state("on-vlan")
def test_the_state_on_a_vlan(lab: Lab) -> None:
    def assert_on_vlan() -> None:
        seen = addresses(lab)
        assert (seen["em1.10"], seen.get("em1", [])) == (["172.16.4.3/24"], [])
        assert active_profiles(lab) == {"p2p1": "mgmt0", "em1": "trunk", "em1.10": "lan", "p4p1": "spare"}
        assert "default via 172.16.4.1 dev em1.10" in lab.run(["ip", "route"]).stdout
        wait_for("an answer", lambda: answers(lab))
        assert reached(lab, "em1.10", "172.16.4.1")
        assert "172.16.4.50" in lab.run(["getent", "hosts", "peer.lan.test"]).stdout

    assert_on_vlan()
    (link,) = json.loads(lab.run(["ip", "-d", "-j", "link", "show", "em1.10"]).stdout)
    assert (link["link"], link["linkinfo"]["info_data"]["id"]) == ("em1", 10)
    assert lab.lan(["ssh", "root@172.16.4.3", "hostname"]).stdout.strip() == "kvmhost"
    # With -D the exit code is 0 if nobody has the address.
    asked = {nic: ["arping", "-D", "-q", "-c", "2", "-w", "3", "-I", nic, "172.16.4.1"] for nic in ("em1", "em1.10")}
    assert {nic: lab.run(words, check=False).returncode for nic, words in asked.items()} == {"em1": 0, "em1.10": 1}
    lab.switch("individual")
    lab.power_cycle()
    assert_on_vlan()
    lab.run("ip link add link em2 name em2.30 type vlan id 30; ip link set em2.30 up")
    lab.run("ip address add 172.16.30.3/24 dev em2.30")
    wait_for("an answer in VLAN 30", lambda: reached(lab, "em2.30", "172.16.30.50") != set())
