# Runs as process 1 of new namespaces: the release's root tree with libvirtd and a bridge br0, until standard input
# ends. $1: the tree's image, $2: a directory for what is written, $3: the checkout.
set -eu
image=$1 own=$2 checkout=$3
mkdir -p "$own/tree" "$own/upper" "$own/work" "$own/root"
mount --make-rprivate /
mount -o ro,loop,noload "$image" "$own/tree"
mount -t overlay overlay -o "lowerdir=$own/tree,upperdir=$own/upper,workdir=$own/work" "$own/root"
cd "$own/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup 2>/dev/null || :
mount -t tmpfs tmpfs run
mount --rbind /dev dev
mkdir -p checkout
mount --bind "$checkout" checkout
mount -o remount,bind,ro checkout
cat >etc/libvirt/qemu.conf <<'CONF'
user = "root"
group = "root"
security_driver = "none"
cgroup_controllers = []
CONF
printf '#!/usr/bin/python3\nfrom vmnet.cli import main\nraise SystemExit(main())\n' >usr/local/bin/vmnet
chmod +x usr/local/bin/vmnet
for packages in usr/local/lib/python3.*/dist-packages; do echo /checkout >"$packages/checkout.pth"; done
ip link set lo up
echo 1 >/proc/sys/net/ipv4/ip_forward
# An uplink of the bridge with a gateway behind it, in a namespace of its own.
ip link add br0 address 52:54:00:bb:00:10 type bridge stp_state 0
ip link add uplink type veth peer name gate0
ip link set uplink master br0 up
ip link set br0 up
ip address add 172.16.4.3/24 dev br0
mkdir -p run/lock run/dbus run/libvirt
chroot . ip netns add gate
ip link set gate0 netns "$(readlink -f run/netns/gate | sed 's|.*|gate|')" 2>/dev/null || chroot . ip link set gate0 netns gate
chroot . ip -n gate address add 172.16.4.1/24 dev gate0
chroot . ip -n gate link set gate0 up
chroot . dbus-daemon --system --fork
chroot . virtlogd --daemon
chroot . libvirtd --daemon
chroot . sh -c 'until virsh --quiet list >/dev/null 2>&1; do sleep 0.1; done; virsh --quiet net-start default || :'
echo ready
cat >/dev/null
