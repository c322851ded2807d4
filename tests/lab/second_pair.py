"""Two more NICs, em2 and p4p2, on a second switch with a LAN peer of its own: plugged in while the lab runs, so that
the saved states, and all tests that need two NICs, stay as they are. They are gone after the next reset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .machine import Lab

PAIRS = {
    "em2": ("00:23:ae:ab:20:55", "sw3", "52:54:00:bb:00:03"),
    "p4p2": ("00:1b:21:ab:d6:a2", "sw4", "52:54:00:bb:00:04"),
}
"""The NICs: MAC, and name and MAC of the switch's end."""
_LINK = """\
printf '[Match]\\nPermanentMACAddress={mac}\\n[Link]\\nName={name}\\n' >/etc/systemd/network/10-{name}.link
"""
_UNMANAGED = """\
cat >/etc/NetworkManager/conf.d/lab-2.conf <<CONF
[keyfile]
unmanaged-devices+=mac:{0};mac:{1}
[main]
no-auto-default=*
CONF
udevadm control --reload
nmcli general reload conf
"""
# As switch A: a LACP group, or (silent) ports that say nothing.
_SWITCH = """\
set -e
for link in em2 p4p2 sw3 sw4; do
    until [ -e /sys/class/net/$link ]; do sleep 0.1; done
done
udevadm settle
ip netns add switch2
ip netns add lan2
ip netns exec switch2 sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'
for link in sw3 sw4; do ip link set $link netns switch2; done
ip link add peer2 netns switch2 type veth peer name lan0 netns lan2
ip -n switch2 link add swb0 type bridge
ip -n switch2 link set peer2 master swb0 up
ip -n switch2 link set swb0 up
ip -n lan2 address add 172.16.8.50/24 dev lan0
ip -n lan2 link set lan0 up
"""
_LAG = """\
ip -n switch2 link add lag2 type bond mode 802.3ad miimon 100 lacp_rate fast
for link in sw3 sw4; do ip -n switch2 link set $link master lag2; done
ip -n switch2 link set lag2 up
ip -n switch2 link set lag2 master swb0
"""
_SILENT = "for link in sw3 sw4; do ip -n switch2 link set $link up; done"


def plug_in(lab: Lab, *, silent: bool = False) -> None:
    """Plug the NICs in, and wait until their switch forwards.

    Args:
        silent: the switch's ports are up, and speak no LACP.
    """
    ends = [(near, mac) for near, (mac, _, _) in PAIRS.items()] + [(far, mac) for _, far, mac in PAIRS.values()]
    links = "".join(_LINK.format(name=name, mac=mac) for name, mac in ends)
    lab.run(["sh", "-c", links + _UNMANAGED.format(*(mac for _, _, mac in PAIRS.values()))])
    speed = {"speed": 1000, "duplex": "full"}
    with lab.monitor() as monitor:
        for hub, (near, (near_mac, far, far_mac)) in enumerate(PAIRS.items(), start=3):
            for name, mac in ((near, near_mac), (far, far_mac)):
                end = f"{name}-end"
                monitor.command("netdev_add", type="hubport", id=end, hubid=hub)
                monitor.command("device_add", driver="virtio-net-pci", id=name, netdev=end, mac=mac, **speed)
    lab.run(["sh", "-c", _SWITCH + (_SILENT if silent else _LAG)], timeout=120)
