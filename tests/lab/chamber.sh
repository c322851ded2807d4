# Runs as process 1 of new namespaces: a release's root tree with a libvirtd of its own, until standard input ends.
# $1: the tree's image, $2: a directory for what is written, $3: the checkout, whose vmnet is the one in it.
set -eu
image=$1 own=$2 checkout=$3
mount --make-rprivate /
mkdir -p "$own/tree" "$own/upper" "$own/work" "$own/root"
mount -o ro,loop,noload "$image" "$own/tree"
mount -t overlay overlay -o "lowerdir=$own/tree,upperdir=$own/upper,workdir=$own/work" "$own/root"
cd "$own/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t tmpfs tmpfs run
mount --rbind /dev dev
mkdir -p checkout run/lock run/dbus
mount --bind "$checkout" checkout
mount -o remount,bind,ro checkout
for packages in usr/local/lib/python3.*/dist-packages; do echo /checkout >"$packages/checkout.pth"; done
printf '#!/usr/bin/python3\nfrom vmnet.cli import main\n\nraise SystemExit(main())\n' >usr/local/bin/vmnet
chmod +x usr/local/bin/vmnet
printf '%s\n' 'user = "root"' 'group = "root"' 'security_driver = "none"' 'cgroup_controllers = []' >etc/libvirt/qemu.conf

# The LAN: br0 with an uplink, and behind that a gateway with a DHCP server.
in_tree() { chroot . "$@"; }
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
ip link add br0 address 52:54:00:bb:00:10 type bridge stp_state 0
in_tree ip netns add gate
ip link add uplink type veth peer name gate0
in_tree ip link set gate0 netns gate
ip link set uplink master br0 up
ip link set br0 up
ip address add 172.16.4.3/24 dev br0
ip route add default via 172.16.4.1
in_tree ip -n gate address add 172.16.4.1/24 dev gate0
in_tree ip -n gate link set lo up
in_tree ip -n gate link set gate0 up
in_tree ip netns exec gate dnsmasq --conf-file=/dev/null --port=0 --interface=gate0 --bind-interfaces --pid-file= \
    --dhcp-range=172.16.4.100,172.16.4.199,10m --dhcp-leasefile=/run/gate.leases

in_tree dbus-daemon --system --fork
in_tree virtlogd --daemon
in_tree libvirtd --daemon
until in_tree virsh --quiet net-info default 2>/dev/null | grep -q 'Active: *yes'; do sleep 0.1; done
in_tree virsh --quiet net-define /dev/stdin <<'XML' >/dev/null
<network><name>host-bridge</name><forward mode='bridge'/><bridge name='br0'/></network>
XML
in_tree virsh --quiet net-start host-bridge >/dev/null
in_tree virsh --quiet net-autostart host-bridge >/dev/null
echo ready
# Not exec: process 1 is the parent of all orphans, and waits for them. A dead QEMU that nobody waits for is alive to
# libvirt, for 40 s each time.
exec 3<&0
cat <&3 >/dev/null &
wait $!
