"""Two more NICs, em2 and p4p2, on a second switch, and VLANs 20 and 30 on both switches.

The NICs are plugged in while the lab runs, so that the lab's build and the states of two NICs stay as they are. The
rest is written to the host's disk: it comes back after a reboot.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import qemu

if TYPE_CHECKING:
    from .machine import Lab

# Switch B is switch A with other names: `switch2`, its LAN peer in the namespace `lan2`, 172.16.8.0/24.
_FILES = r"""
set -e
{links}
cat >/etc/NetworkManager/conf.d/lab-2.conf <<'END'
[keyfile]
unmanaged-devices+=mac:{sw3};mac:{sw4}
[main]
no-auto-default=*
END
udevadm control --reload
nmcli general reload conf

b='s/\bswitch\b/switch2/g; s/\blan\b/lan2/g; s/\bsw1\b/sw3/g; s/\bsw2\b/sw4/g; s/\bem1\b/em2/g; s/\bp4p1\b/p4p2/g
s/\bdnsmasq\.conf/dnsmasq2.conf/; s/172\.16\.4\./172.16.8./g; s/52:54:00:bb:00:/52:54:00:bb:01:/g'
for file in /usr/local/lib/lab/switch /usr/local/lib/lab/dnsmasq.conf \
    /etc/systemd/system/lab-switch.service /etc/systemd/system/lab-lan-dns.service; do
    sed "$b" "$file" >"$(echo "$file" | sed "$b")"
done

cat >/usr/local/lib/lab/vlans <<'END'
#!/bin/sh
# Each VLAN has a network namespace on a tagged link behind both switches: gateway, DNS, LAN peer and DHCP server.
set -eu
for vlan in 20 30; do
    ip netns add "lan$vlan"
    ip -n lan link add link lan0 name to-a netns "lan$vlan" type vlan id "$vlan"
    ip -n lan2 link add link lan0 name to-b netns "lan$vlan" type vlan id "$vlan"
    ip -n "lan$vlan" -batch - <<BATCH
link set lo up
link add lan0 address 52:54:00:bb:02:$vlan type bridge mcast_snooping 0
link set to-a master lan0 up
link set to-b master lan0 up
address add 172.16.$vlan.50/24 dev lan0
address add 172.16.$vlan.1/24 dev lan0
address add 172.16.$vlan.2/24 dev lan0
link set lan0 up
BATCH
    sed "s/172\.16\.4\./172.16.$vlan./g; s/\bsw0\b/lan0/; s/\blan\b/lan$vlan/g" /usr/local/lib/lab/dnsmasq.conf |
        ip netns exec "lan$vlan" dnsmasq --conf-file=-
done
END
chmod +x /usr/local/lib/lab/switch2 /usr/local/lib/lab/vlans
cat >/etc/systemd/system/lab-vlans.service <<'END'
[Unit]
Description=Lab: VLANs 20 and 30
Requires=lab-switch.service lab-switch2.service
After=lab-switch.service lab-switch2.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/lab/vlans

[Install]
WantedBy=multi-user.target
END
systemctl --quiet enable lab-switch2 lab-lan2-dns lab-vlans
"""
_LINK = "printf '[Match]\\nPermanentMACAddress={mac}\\n[Link]\\nName={name}\\n' >/etc/systemd/network/10-{name}.link"
_START = """\
set -e
for link in em2 p4p2; do
    until [ -e /sys/class/net/$link ]; do sleep 0.1; done
done
systemctl start lab-switch2 lab-lan2-dns lab-vlans
udevadm settle
sync
"""
# Within the switch the LAN is untagged as ever. Its ports to the host send and take it tagged.
_TAGGED = """\
set -e
cat >>/usr/local/lib/lab/switch <<'END'
ip -n switch link set sw0 type bridge vlan_default_pvid 10
ip -n switch link set sw0 type bridge vlan_filtering 1
for vlan in 10 20 30; do
    for port in sw1 sw2 lag one two; do bridge -n switch vlan add dev "$port" vid "$vlan" 2>/dev/null || :; done
    [ "$vlan" = 10 ] || bridge -n switch vlan add dev peer vid "$vlan"
done
END
/usr/local/lib/lab/switch show
nmcli connection modify lan connection.id trunk ipv4.method disabled ipv4.addresses '' ipv4.gateway '' ipv4.dns '' \
    ipv6.method disabled
nmcli connection add type vlan con-name lan ifname em1.10 dev em1 id 10 ipv4.method manual \
    ipv4.addresses 172.16.4.3/24 ipv4.gateway 172.16.4.1 ipv4.dns 172.16.4.2 ipv6.method link-local
nmcli connection up trunk
nmcli connection up lan
ping -q -c 1 -W 10 172.16.4.1
ip netns exec lan ping -q -c 1 -W 10 172.16.4.3
sync
"""


def plug_in(lab: Lab) -> None:
    """Plug in em2 and p4p2, on which the host has nothing, and start switch B and the VLANs."""
    links = "\n".join(_LINK.format(name=name, mac=mac) for name, mac in qemu.SECOND_MAC.items())
    lab.run(["sh", "-c", _FILES.format(links=links, **qemu.SECOND_MAC)])
    with lab.monitor() as monitor:
        for netdev, device in qemu.second_pair():
            monitor.command("netdev_add", **netdev)
            monitor.command("device_add", **device)
    lab.run(["sh", "-c", _START])


def tag(lab: Lab) -> None:
    """Make the LAN VLAN 10: the host's address moves from em1 to em1.10."""
    lab.run(["sh", "-c", _TAGGED])
