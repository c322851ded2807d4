"""Readers of files, of /proc, /sys, /etc and /run or of any name, with good inputs to begin with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.host import test_bonding, test_bridge_netfilter, test_dependents, test_owners
from tests.host.machine import lay_out
from tests.hostile.reader import Reader, every, text
from tests.plan.hosts import nic
from vmnet.host import gather
from vmnet.host.files import boot, dependents, owners, ssh
from vmnet.host.firewall import filters
from vmnet.host.kernel import sysfs
from vmnet.host.libvirt import surroundings
from vmnet.host.networkmanager import profile_files
from vmnet.host.outside import Sources
from vmnet.redact.known import secrets_of_keyfile
from vmnet.spec.file import parse_spec

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


class Machine:
    """A root directory in which the content of one file is fuzzed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.made = 0

    def reader(self, name: str, path: str, seed: str, read: Callable[[Path], object], **others: str) -> Reader:
        """Return the reader of a file.

        Args:
            others: the other files of its machine.
        """
        self.made += 1
        root = self.root / str(self.made)

        def read_content(content: bytes) -> object:
            if not root.exists():
                lay_out(root, {path: seed} | others)
            (root / path).write_bytes(content)
            return every(read(root))

        return Reader(name, (seed.encode(),), read_content)


COROSYNC = "nodelist {\n  node {\n    ring0_addr: 192.0.2.8\n  }\n}\ntotem {\n  mcastport: 5405\n}\n"
DRBD = "resource r0 {\n  on a {\n    address ipv4 192.0.2.3:7788;\n  }\n  on b {\n    address 192.0.2.9:7788;\n}}\n"
MOUNTS = """\
60 29 0:50 / /mnt/nfs\\040x rw shared:1 - nfs4 192.0.2.9:/srv rw,vers=4.2,addr=192.0.2.9
29 1 8:1 / / rw - ext4 /dev/sda1 rw
"""
UDP = f"{test_dependents.TCP_HEAD}   1: 030200C0:151D 00000000:0000 07 00000000:00000000 00:0 0 0 0 1 2 0 0\n"
TCP = test_dependents.TCP_HEAD + test_dependents.ISCSI + test_dependents.CEPH
ENVIRONMENT = "TERM=xterm\0SSH_CONNECTION=192.0.2.9 50000 192.0.2.3 22\0LANG=C\0"
LINKS = (nic("em1", 2), nic("em2", 3), *test_bridge_netfilter.BRIDGE)


def machine_readers(folder: Path) -> list[Reader]:
    """Return the readers of a host's files, which are made in `folder` once they are read."""
    machine = Machine(folder)
    return [*storage_readers(machine), *owner_readers(machine), *other_readers(machine)]


def storage_readers(machine: Machine) -> list[Reader]:
    def reader(path: str, seed: str, **others: str) -> Reader:
        return machine.reader(path, path, seed, _dependents, **others)

    nvme = "sys/class/nvme/nvme0"
    return [
        reader("proc/self/mountinfo", MOUNTS),
        reader("proc/swaps", "Filename Type Size Used Priority\n/dev/dm-1 partition 1 0 -2\n"),
        reader("proc/net/tcp", TCP),
        reader("proc/net/udp", UDP, **{"etc/corosync/corosync.conf": COROSYNC}),
        reader("etc/corosync/corosync.conf", COROSYNC, **{"proc/net/udp": UDP}),
        reader("etc/drbd.d/r0.res", DRBD, **{"sys/block/drbd0/x": ""}),
        reader("sys/class/iscsi_connection/connection1:0/address", "192.0.2.9"),
        reader(f"{nvme}/address", "traddr=192.0.2.9,trsvcid=4420", **{f"{nvme}/transport": "tcp"}),
        reader("sys/bus/rbd/devices/0/client_addr", "192.0.2.3:0/1234"),
        reader("sys/block/nbd0/pid", "7", **{"proc/7/cmdline": "nbd-client\x00192.0.2.9"}),
        reader("proc/7/cmdline", "nbd-client\x00192.0.2.9\x0010809", **{"sys/block/nbd0/pid": "7"}),
    ]


def owner_readers(machine: Machine) -> list[Reader]:
    def reader(path: str, seed: str, **others: str) -> Reader:
        return machine.reader(path, path, seed, lambda root: owners.read_owners(LINKS, root), **others)

    own = test_owners
    interfaces = "auto lo em1\nsource interfaces.d/*\niface em2.5 inet dhcp\n  bridge_ports em1\n"
    netplan = "network:\n  ethernets:\n    em1:\n      match: {macaddress: '00:00:5e:00:53:01'}\n"
    unmanaged = "[keyfile]\nunmanaged-devices=interface-name:em1;except:mac:00:11\n"
    return [
        reader("etc/network/interfaces", interfaces),
        reader("etc/netplan/1.yaml", netplan),
        reader("etc/NetworkManager/conf.d/a.conf", unmanaged),
        reader("run/systemd/netif/links/2", own.NETWORKD.format("configured", own.FILE), **own.RUNS),
        reader("etc/sysconfig/network-scripts/ifcfg-em1", 'DEVICE=em1\nNM_CONTROLLED="no"\n'),
        reader("run/udev/data/n2", "I:1\nE:NM_UNMANAGED=1\n"),
        reader("etc/cloud/cloud.cfg", "network:\n  config: disabled\n", **own.ENABLED),
    ]


def other_readers(machine: Machine) -> list[Reader]:
    def switches(path: str, seed: str) -> Reader:
        kernel = test_bridge_netfilter.KERNEL
        return machine.reader(path, path, seed, lambda root: filters.read_netfilter(LINKS, root), **kernel)

    def session(path: str, seed: str, **others: str) -> Reader:
        return machine.reader(path, path, seed, lambda root: ssh.read_ssh_session({}, 30, root), **others)

    family = {"proc/30/stat": "30 (vmnet) S 20 1", "proc/20/stat": "20 (sh) S 10 1"}
    keyfile = "[connection]\nid=lan\nuuid=1-2\nautoconnect=false\n"
    return [
        switches("etc/sysctl.d/10-b.conf", "-net/bridge/bridge-nf-call-iptables=1\nnet.bridge.bridge-nf-call-* = 1\n"),
        switches("etc/modules-load.d/bridge.conf", "# for VMs\nbr_netfilter\n"),
        switches("etc/udev/rules.d/99-bridge.rules", 'KERNEL=="br_netfilter", RUN+="/lib/systemd/systemd-sysctl"\n'),
        switches("proc/sys/net/bridge/bridge-nf-call-iptables", "1\n"),
        session("proc/20/environ", ENVIRONMENT, **family),
        session("proc/30/stat", "30 (v) m) S 20 1"),
        machine.reader("kernel arguments", "proc/cmdline", "quiet\n", lambda root: boot.read_boot((), root)),
        machine.reader("keyfiles", "a.nmconnection", keyfile, _keyfiles),
    ]


def _dependents(root: Path) -> object:
    """The parts go through the wrapper, which would hide what they raise; here its list must stay empty."""
    sources = Sources()
    found = dependents.read_dependents(sources, root)
    bugs = [unread for unread in sources.unread if "a bug in vmnet" in unread.why]
    if bugs:
        raise AssertionError(bugs)
    return found


def _keyfiles(root: Path) -> object:
    return [profile_files.starts_by_itself(uuid, root) for uuid in profile_files.read_saved(root)]


def file_readers() -> list[Reader]:
    told = test_bonding.HEAD + test_bonding.PORT + test_bonding.DETAILS + test_bonding.SECOND
    examples = [path.read_text("utf-8") for path in sorted(EXAMPLES.glob("*.toml"))]
    keyfile = "[vpn-secrets]\npassword=a\\nb\n[wifi-security]\npsk=s3cret\npsk-flags=1\n"
    return [
        text("proc/net/bonding", lambda t: sysfs.parse_bond("bond0", t, Path("/nowhere")), told),
        text("resolv.conf", gather.parse_resolvers, "nameserver 192.0.2.2\nnameserver fe80::1%em1\n# x\n"),
        text("bridge.conf", surroundings.parse_bridge_conf, "# ours\nallow br0\ndeny all\n"),
        text("SSH_CONNECTION", ssh.parse_ssh_connection, "192.0.2.9 50000 fe80::1%em1 22"),
        text("a TOML file", lambda t: parse_spec(t, "host.toml"), *examples),
        text("secrets of keyfiles", secrets_of_keyfile, keyfile),
    ]
