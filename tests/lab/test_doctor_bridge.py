"""Faults of the bridge and of the filters below it, made for real: doctor names them, and what it prints cures them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import guests
from .chain import AS_ROOT, Fault, run_chain

if TYPE_CHECKING:
    from .chain import Act
    from .machine import Lab

DROPS = "filter.br-netfilter-drops"
AT_BOOT = "filter.br-netfilter-at-boot"
WEB_MAC = "52:54:00:0a:00:01"
WEB = f"web01 {WEB_MAC}"
FILES = "/etc/sysctl.d/99-bridge-netfilter.conf /etc/modules-load.d/br_netfilter.conf"
SWITCH = "sysctl -qw net.bridge.bridge-nf-call-iptables={0} net.bridge.bridge-nf-call-ip6tables={0}"
AS_NEW = f"rm -f {FILES}; modprobe br_netfilter; {SWITCH.format(1)};"
"""br_netfilter as it comes."""

# A frame from a MAC that is not the LAN peer's own, as a clone on another host would send it.
SPEAK = """
import socket, sys, time
name = next(name for _, name in socket.if_nameindex() if name != "lo")
sender = bytes.fromhex(sys.argv[1].replace(":", ""))
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
    out.bind((name, 0))
    for _ in range(int(sys.argv[2])):
        out.send(b"\\xff" * 6 + sender + b"\\x88\\xb5" + bytes(46))
        time.sleep(0.1)
"""


def reaches(lab: Lab, *options: str) -> bool:
    """Whether the LAN peer reaches web01; a port that has just come back may take a moment."""
    (address,) = guests.addresses(lab, "web01")
    words = ["ping", "-q", "-c", "3", "-i", "0.3", "-W", "2", *options, address]
    return " 0 received" not in lab.lan(words, check=False).stdout


def cut(what: str | Act) -> Act:
    """Break something that guests feel at once: the peer reaches web01 before it, what came before being cured, and not
    after it."""

    def inject(lab: Lab) -> None:
        assert reaches(lab)
        if isinstance(what, str):
            lab.run(AS_ROOT + what)
        else:
            what(lab)
        assert not reaches(lab)

    return inject


def speak_as_the_bridge(lab: Lab) -> None:
    """Let the LAN peer send with the bridge's own MAC."""
    mac = lab.run(["cat", "/sys/class/net/br0/address"]).stdout.strip()
    lab.lan(["python3", "-c", SPEAK, mac, "3"])


def let_a_clone_speak(lab: Lab) -> None:
    """Let the LAN peer send with web01's MAC for minutes; as it does so, frames for the MAC go there."""
    words = f"python3 -c '{SPEAK}' {WEB_MAC} 3000 >/dev/null 2>&1 & echo $! >/run/clone.pid; sleep 1"
    lab.lan(words)


DOCKER = """
iptables -N DOCKER-USER
iptables -A DOCKER-USER -j RETURN
iptables -I FORWARD -j DOCKER-USER
iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
iptables -P FORWARD DROP
"""
NFT_TABLE = """
cp /bin/sleep /run/kubelet
setsid /run/kubelet 1000 >/dev/null 2>&1 &
nft add table inet site
nft 'add chain inet site forward { type filter hook forward priority 10; policy drop; }'
nft add rule inet site forward ct state established,related accept
nft add rule inet site forward iifname virbr0 accept
"""

FILTERS = (
    Fault(rule=DROPS, subject="br0", seen="chain FORWARD (table ip filter)",
          inject=cut(f"{AS_NEW} iptables -P FORWARD DROP")),
    Fault(rule="bridge.port-isolation", subject=WEB, inject="bridge link set dev vnet0 isolated on"),
    Fault(
        rule="filter.bridge-table-drops", subject="br0",
        inject=cut("nft add table bridge site; nft 'add chain bridge site forward "
                   "{ type filter hook forward priority 0; policy drop; }'"),
    ),
    # Off by hand, as one finds it in answers on the net.
    Fault(
        rule=AT_BOOT, subject="bridge-nf-call-iptables",
        inject=f"{AS_NEW} {SWITCH.format(0)}; iptables -P FORWARD DROP",
    ),
    Fault(rule="bridge.mtu-differs", subject="vnet0", inject="ip link set vnet0 mtu 9000"),
    Fault(rule=DROPS, subject="br0", seen="iptables-legacy", inject=cut(
        f"iptables -P FORWARD ACCEPT; {AS_NEW} iptables-legacy -P FORWARD DROP")),
    Fault(rule="bridge.loop", subject="br0", inject=speak_as_the_bridge, heal="dmesg --clear"),
    Fault(rule=DROPS, subject="br0", seen="chain FORWARD (table ip filter)", inject=cut(
        f"iptables-legacy -P FORWARD ACCEPT; {AS_NEW} {DOCKER}")),
    Fault(rule="bridge.port-isolation", subject=WEB, inject="bridge link set dev vnet0 isolated on"),
    Fault(rule=DROPS, subject="br0", seen="chain forward (table inet site)", inject=cut(NFT_TABLE)),
    Fault(rule="bridge.mtu-differs", subject="vnet0", inject="ip link set vnet0 mtu 9000"),
)  # fmt: skip


@pytest.mark.turns
@pytest.mark.lab_state("bridged")
def test_filters_below_the_bridge(lab: Lab) -> None:
    lab.vmnet("attach-domain", "web01", "--yes", timeout=300)
    guests.assert_on_lan(lab, "web01")
    run_chain(lab, FILTERS)
    assert reaches(lab)
    # Docker's unit puts the rule back at its start: the command in it is the one that ran.
    again = lab.run("sed -n 's/^ExecStartPost=//p' /etc/systemd/system/docker.service.d/br0-iptables.conf").stdout
    lab.run(f"iptables -D DOCKER-USER -i br0 -o br0 -j ACCEPT; {again}")
    assert "-i br0 -o br0 -j ACCEPT" in lab.run("iptables -S DOCKER-USER").stdout
    assert reaches(lab)


# Unless told otherwise, Debian's udev gives a new bridge a MAC of its own.
OTHER = """
mkdir -p /run/systemd/network
printf '%s\\n' '[Match]' 'OriginalName=br9' '[Link]' 'MACAddressPolicy=none' >/run/systemd/network/10-br9.link
udevadm control --reload
ip link add br9 type bridge
ip tuntap add tap9 mode tap
ip link set tap9 master br9 up
ip link set br9 up
"""

SWITCHING = (
    Fault(rule="bridge.port-isolation", subject=WEB, inject="bridge link set dev vnet0 isolated on"),
    Fault(rule="bridge.port-isolation", subject="bond0", inject=cut("bridge link set dev bond0 isolated on")),
    Fault(rule="bridge.mac-not-pinned", subject="br9", inject=OTHER),
    Fault(rule="domain.mac-on-lan", subject=WEB, seen="bond0", inject=cut(let_a_clone_speak),
          # The clone is taken away; the peer asks by ARP once more, and so the switch hears the guest.
          heal=f"kill $(cat /run/clone.pid); bridge fdb del {WEB_MAC} dev bond0 master; "
          "ip netns exec lan ip neigh flush all"),
    Fault(rule="bridge.stp-delays-guests", subject="br9", seen="30 s",
          inject="ip link set br9 type bridge stp_state 1"),
    Fault(rule="bridge.tap-vlans", subject=WEB, seen="VLANs none",
          inject=cut("ip link set br0 type bridge vlan_filtering 1; bridge vlan del dev vnet0 vid 1"),
          heal="bridge vlan add dev vnet0 vid 1 pvid untagged; ip link set br0 type bridge vlan_filtering 0"),
    Fault(rule="bridge.hairpin-uplink", subject="bond0", inject="bridge link set dev bond0 hairpin on"),
    Fault(rule="nic.vlan-on-port", subject="em1.7",
          inject="nmcli -t connection add type vlan con-name em1.7 ifname em1.7 dev em1 id 7 "
          "ipv4.method disabled ipv6.method disabled >/dev/null"),
    Fault(rule="bridge.stp", subject="br0", inject="ip link set br0 type bridge stp_state 1"),
)  # fmt: skip


@pytest.mark.turns
@pytest.mark.lab_state("bridged")
def test_the_bridge_as_a_switch(lab: Lab) -> None:
    lab.vmnet("attach-domain", "web01", "--yes", timeout=300)
    guests.assert_on_lan(lab, "web01")
    run_chain(lab, SWITCHING)
    assert reaches(lab)
