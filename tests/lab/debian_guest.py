"""A whole Debian as a guest of a chamber: four interfaces, each with another DHCP client, and a guest agent.

Its disk is a copy of the chamber's own root tree, with what makes a guest of it on top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .base import find_or_build
from .domains import nic
from .progress import step
from .recipe import RELEASES

if TYPE_CHECKING:
    from .chamber import Chamber

NAME = "debian"
CLIENTS = ("systemd-networkd", "NetworkManager", "dhclient", "udhcpc")
PACKAGES = ("qemu-guest-agent", "isc-dhcp-client")
IMAGE = "/var/lib/libvirt/images/debian.img"
_BOOT = "/var/lib/libvirt/images/debian-initrd"
# The clients in the order of CLIENTS, on eth0 to eth3. One that waits for its address holds nobody up.
_MAKE = r"""
set -eu
rm -rf etc/NetworkManager/system-connections/* etc/NetworkManager/conf.d/* etc/systemd/network/* etc/netns
rm etc/systemd/system/lab-*
systemctl --root=. -q mask libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket \
    libvirt-guests.service ssh.service systemd-networkd-wait-online.service virtlogd.socket virtlockd.socket
systemctl --root=. -q enable systemd-networkd.service NetworkManager.service
cat >etc/systemd/network/10-eth0.network <<'END'
[Match]
Name=eth0
[Network]
DHCP=ipv4
LinkLocalAddressing=no
END
printf '[keyfile]\nunmanaged-devices=*,except:interface-name:eth1\n' >etc/NetworkManager/conf.d/guest.conf
cat >etc/NetworkManager/system-connections/eth1.nmconnection <<'END'
[connection]
id=eth1
uuid=10000000-0000-4000-8000-0000000000e1
type=ethernet
interface-name=eth1
[ipv4]
method=auto
may-fail=false
[ipv6]
method=disabled
END
chmod 600 etc/NetworkManager/system-connections/eth1.nmconnection
cat >etc/systemd/system/dhclient.service <<'END'
[Unit]
BindsTo=sys-subsystem-net-devices-eth2.device
After=sys-subsystem-net-devices-eth2.device
[Service]
Type=forking
ExecStart=/sbin/dhclient -4 -nw -pf /run/dhclient.eth2.pid -lf /var/lib/dhcp/dhclient.eth2.leases eth2
[Install]
WantedBy=multi-user.target
END
ln -sf busybox usr/bin/udhcpc
cat >etc/udhcpc.sh <<'END'
#!/bin/sh
case $1 in
deconfig) ip address flush dev "$interface" && ip link set "$interface" up ;;
bound | renew) ip address flush dev "$interface" && ip address add "$ip/$mask" dev "$interface" ;;
esac
END
chmod 755 etc/udhcpc.sh
cat >etc/systemd/system/udhcpc.service <<'END'
[Unit]
BindsTo=sys-subsystem-net-devices-eth3.device
After=sys-subsystem-net-devices-eth3.device
[Service]
ExecStart=/usr/bin/udhcpc -f -i eth3 -s /etc/udhcpc.sh
[Install]
WantedBy=multi-user.target
END
systemctl --root=. -q enable dhclient.service udhcpc.service
"""


def make_disk(chamber: Chamber) -> None:
    """Write the guest's disk into the chamber."""
    build = find_or_build(RELEASES[chamber.release])
    with step(f"{chamber.release}: making the disk of a Debian guest"):
        chamber.copy_in(build / "root.img", IMAGE)
        chamber.copy_in(build / "initrd", _BOOT)
        chamber.run(f"mkdir -p /mnt/guest && mount -o loop {IMAGE} /mnt/guest")
        chamber.install(*PACKAGES, within="mnt/guest")
        chamber.run(f"cd /mnt/guest\n{_MAKE}\ncd / && umount /mnt/guest")


def document() -> str:
    """The domain: like any Debian guest of a KVM host, but booted with the lab's small initramfs."""
    interfaces = "".join(nic(number) for number in range(1, 5))
    return f"""
<domain type='qemu'>
  <name>{NAME}</name>
  <memory unit='MiB'>512</memory><vcpu>1</vcpu>
  <cpu mode='maximum'/>
  <os>
    <type arch='x86_64' machine='pc'>hvm</type>
    <kernel>/var/lib/libvirt/images/guest/vmlinux</kernel><initrd>{_BOOT}</initrd>
    <cmdline>console=ttyS0 quiet rw mitigations=off no5lvl tsc=reliable cryptomgr.notests net.ifnames=0</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <controller type='usb' model='none'/>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw' cache='unsafe'/><source file='{IMAGE}'/><target dev='vda' bus='virtio'/>
    </disk>
    {interfaces}
    <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
    <serial type='file'><source path='/var/log/guests/{NAME}.log' append='on'/><target port='0'/></serial>
    <memballoon model='none'/>
  </devices>
</domain>"""
