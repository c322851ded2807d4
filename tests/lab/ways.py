"""The ways from `clean` to the bonded bridge that are compared: vmnet, by hand, netplan, and the kernel's own floor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

MAC = "00:23:ae:ab:20:54"


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is to be made of em1 and p4p1, and the address that em1 has."""

    mode: str
    dhcp: bool
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """`before` is done before measuring starts; `script` is what is measured."""

    what: str
    script: Callable[[Goal], str]
    before: str = ""


def _vmnet(goal: Goal) -> str:
    """From the LAN peer, in an SSH session on the address that moves."""
    mode = "" if goal.mode == "802.3ad" else f" --mode {goal.mode}"
    command = f"vmnet host-setup em1 p4p1 --yes{mode} && echo the session lives"
    return f'ip netns exec lan ssh -n root@{goal.address} "{command}"'


def _by_hand(goal: Goal) -> str:
    """The walk-through of 2014 in its order: the old profiles away, bridge, bond, NICs, then each brought up."""
    address = "ipv4.method auto"
    if not goal.dhcp:
        address = f"ipv4.method manual ipv4.addresses {goal.address}/24 ipv4.gateway 172.16.4.1 ipv4.dns 172.16.4.2"
    return f"""\
nmcli connection delete lan spare
nmcli connection add type bridge con-name br0 ifname br0 autoconnect yes bridge.stp no {address} ipv6.method link-local
nmcli connection add type bond con-name bond0 ifname bond0 autoconnect yes bond.options mode={goal.mode},miimon=100 \\
    connection.master br0 connection.slave-type bridge
for nic in em1 p4p1; do
    nmcli connection add type ethernet con-name $nic ifname $nic autoconnect yes \\
        connection.master bond0 connection.slave-type bond
done
for name in br0 bond0 em1 p4p1; do nmcli connection up $name; done
"""


def _netplan(goal: Goal) -> str:
    """The same end state in netplan's words, the bridge's MAC included; the profiles it replaces are taken away."""
    address = "dhcp4: true"
    if not goal.dhcp:
        address = f"""\
addresses: [{goal.address}/24]
      routes: [{{to: default, via: 172.16.4.1}}]
      nameservers: {{addresses: [172.16.4.2]}}"""
    return f"""\
umask 077
cat > /etc/netplan/bridge.yaml <<'YAML'
network:
  version: 2
  renderer: NetworkManager
  ethernets:
    em1: {{}}
    p4p1: {{}}
  bonds:
    bond0:
      interfaces: [em1, p4p1]
      parameters: {{mode: {goal.mode}, mii-monitor-interval: 100}}
  bridges:
    br0:
      interfaces: [bond0]
      macaddress: {MAC}
      parameters: {{stp: false}}
      {address}
YAML
cd /etc/NetworkManager/system-connections && rm lan.nmconnection spare.nmconnection
netplan apply
"""


def _floor(goal: Goal) -> str:
    """The least that the switch can be shown: p4p1 agrees LACP in a bond that was never up without it, then the
    address moves, then em1 joins. No NetworkManager, one process for all of it."""
    return f"""\
ip -batch - <<'BATCH'
link add bond0 address {MAC} type bond mode {goal.mode} miimon 100
link set p4p1 down
link set p4p1 master bond0
link add br0 address {MAC} type bridge stp_state 0
link set bond0 master br0
link set br0 up
link set bond0 up
BATCH
until read -r state < /sys/class/net/p4p1/bonding_slave/ad_actor_oper_port_state && [ $((state & 48)) = 48 ]; do
    sleep 0.02
done
ip -batch - <<'BATCH'
address add {goal.address}/24 dev br0
link set em1 down
address flush dev em1
route replace default via 172.16.4.1 dev br0
link set em1 master bond0
BATCH
"""


WAYS = {
    "vmnet": Way(what="vmnet host-setup, over SSH on the address that moves", script=_vmnet),
    "by hand": Way(what="nmcli in the order of the walk-through by hand", script=_by_hand),
    "netplan": Way(what="netplan apply, renderer NetworkManager", script=_netplan),
    "floor": Way(
        what="the kernel's floor: ip link alone",
        script=_floor,
        before="systemctl stop NetworkManager",
    ),
    "noise": Way(
        what="nothing changes: vmnet host-setup --plan, five times",
        script=lambda _: "for i in 1 2 3 4 5; do vmnet host-setup em1 p4p1 --plan > /dev/null; done",
    ),
}
