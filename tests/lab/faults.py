"""What can go wrong while host-setup works: kills, things of the network that break, disks that fill up."""

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


BY_DHCP = """\
nmcli connection modify lan ipv4.method auto ipv4.addresses '' ipv4.gateway '' ipv4.dns ''
nmcli connection up lan
"""
_SMALL = """\
mkdir /small
truncate -s 96M /root/small.img
mkfs.ext4 -q /root/small.img
mount -o loop /root/small.img /small
mkdir /small/up /small/work
mount -t overlay overlay -o lowerdir={0},upperdir=/small/up,workdir=/small/work {0}
systemctl daemon-reload
"""
"""What is written below the directory goes to a small filesystem from now on."""
_FILL = """\
fallocate -l $(($(stat -f -c '%f * %S' {0}/) * 95 / 100)) {0}/filler
dd if=/dev/zero of={0}/filler bs=64k oflag=append conv=notrunc 2>/dev/null
sync -f {0}/filler
"""
_READ_ONLY = "mount --bind {0} {0}; mount -o remount,bind,ro {0}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault as the command that makes it on the lab host, and what mends it before one looks.

    Args:
        cable: the NIC whose cable is pulled from outside, and plugged in again to mend it.
        prepare: what makes the host one that can be hit so, before host-setup begins.
        of_disk: it strikes while host-setup is arrested, and is mended only when the run has ended or stays open.
    """

    command: str = "true"
    heal: str = ""
    cable: str = ""
    prepare: str = ""
    of_disk: bool = False

    @property
    def of_network(self) -> bool:
        """Whether the network breaks and must be mended before the host can be reached."""
        return bool(self.heal or self.cable) and not self.of_disk


KILLS = {
    "kill-vmnet": Fault(command="pkill -KILL -f '[v]mnet.runs.worker|[b]in/vmnet host-setup'"),
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
    "dhcp-gone": Fault(command="systemctl stop lab-lan-dns", heal="systemctl start lab-lan-dns", prepare=BY_DHCP),
}
"""Each tried at every fourth step."""
BREAK_EVERY = 4

DISKS = {
    "full-var": Fault(
        command=_FILL.format("/small"), heal="rm /small/filler", prepare=_SMALL.format("/var"), of_disk=True
    ),
    "full-etc": Fault(
        command=_FILL.format("/small"), heal="rm /small/filler", prepare=_SMALL.format("/etc"), of_disk=True
    ),
    "full-root": Fault(command=_FILL.format(""), heal="rm /filler", of_disk=True),
    "ro-var": Fault(command=_READ_ONLY.format("/var"), heal="umount -l /var", of_disk=True),
    "ro-etc": Fault(command=_READ_ONLY.format("/etc"), heal="umount -l /etc", of_disk=True),
    "ro-root": Fault(command="echo u >/proc/sysrq-trigger; sleep 1", heal="mount -o remount,rw /", of_disk=True),
}
"""Each tried at every step."""

FAULTS = {**KILLS, **BREAKS, **DISKS}
