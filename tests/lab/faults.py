"""What can go wrong while host-setup works: kills, and things of the network that break."""

from __future__ import annotations

from dataclasses import dataclass

POWER = "power"

# A switch with a strict LAG stays with the port that it has chosen while the other's cable was out: with no vmnet at
# all the host would be out of reach from then on.
_SWITCH_ANEW = "/usr/local/lib/lab/switch lag"
_VLAN_OFF = "ip -n switch link set sw0 type bridge vlan_filtering 0"
_VLAN_99 = (
    "ip -n switch link set sw0 type bridge vlan_filtering 1; "
    "bridge -n switch vlan add dev lag vid 99 pvid untagged; bridge -n switch vlan del dev lag vid 1"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault as the command that makes it on the lab host, and what mends it before one looks.

    Args:
        cable: the NIC whose cable is pulled from outside, and plugged in again to mend it.
        dhcp: whether the host's address comes by DHCP.
    """

    command: str = "true"
    heal: str = ""
    cable: str = ""
    dhcp: bool = False

    @property
    def of_network(self) -> bool:
        """Whether the network breaks and must be mended before the host can be reached."""
        return bool(self.heal or self.cable)


KILLS = {
    "kill-vmnet": Fault(command="pkill -KILL -f '[v]mnet.apply.worker|[b]in/vmnet host-setup'"),
    "kill-nm": Fault(command="kill -KILL $(pidof NetworkManager)"),
    "restart-nm": Fault(command="systemctl restart NetworkManager"),
    POWER: Fault(command="echo b >/proc/sysrq-trigger"),
    "cut-ssh": Fault(command="pkill -KILL -f '^ssh .*host-setup'"),
}
"""Each tried at every step."""

BREAKS = {
    "gateway-dies": Fault(
        command="ip -n switch address del 172.16.4.1/24 dev sw0", heal="ip -n switch address add 172.16.4.1/24 dev sw0"
    ),
    "switch-silent": Fault(command="/usr/local/lib/lab/switch silent", heal="/usr/local/lib/lab/switch lag"),
    "wrong-vlan": Fault(command=_VLAN_99, heal=_VLAN_OFF),
    "cable-em1": Fault(cable="em1", heal=_SWITCH_ANEW),
    "cable-p4p1": Fault(cable="p4p1", heal=_SWITCH_ANEW),
    "dhcp-gone": Fault(command="systemctl stop lab-lan-dns", heal="systemctl start lab-lan-dns", dhcp=True),
}
"""Each tried at every fourth step."""
BREAK_EVERY = 4

FAULTS = {**KILLS, **BREAKS}
