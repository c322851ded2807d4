"""/proc, /sys and /etc of hosts that live on the network -> what they depend on."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import pytest

from tests.host.machine import lay_out
from vmnet.host.files.dependents import read_dependents
from vmnet.host.kernel.mounts import parse_mounts
from vmnet.host.kernel.sockets import Socket, parse_sockets
from vmnet.host.outside import Sources

if TYPE_CHECKING:
    from pathlib import Path

    from vmnet.facts import Dependent


def dependents(root: Path) -> tuple[Dependent, ...]:
    sources = Sources()
    found = read_dependents(sources, root)
    assert sources.unread == []
    return found


TCP_HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
# 192.0.2.3:40000 to 192.0.2.9:3260, on a little-endian machine.
ISCSI = (
    "   0: 030200C0:9C40 090200C0:0CBC 01 00000000:00000000 02:000A 00000000     0        0 4711 2 0 20 4 30 10 -1\n"
)
LISTENING = (
    "   1: 00000000:0801 00000000:0000 0A 00000000:00000000 00:0000 00000000     0        0 4712 1 0 100 0 0 10 0\n"
)
# 2001:db8::3 to 2001:db8::9, port 3300, and an IPv4 one in IPv6's clothes: 192.0.2.3 to 192.0.2.9, port 6789.
CEPH = (
    "   0: B80D0120000000000000000003000000:9C41 B80D0120000000000000000009000000:0CE4 01 00000000:00000000 00:0\n"
    "   1: 0000000000000000FFFF0000030200C0:9C42 0000000000000000FFFF0000090200C0:1A85 01 00000000:00000000 00:0\n"
)
# 192.0.2.3:5405.
KNET = "  100: 030200C0:151D 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4713 2 0 0\n"

ROOT = "29 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw,errors=remount-ro\n"
NFS = (
    "61 29 0:48 / /srv/my\\040data rw,relatime shared:31 - nfs4 files.example:/data rw,vers=4.2,hard,proto=tcp,"
    "clientaddr=192.0.2.3,local_lock=none,addr=192.0.2.9\n"
)
NFS_BY_ADDRESS = "62 29 0:49 / /mnt rw - nfs 192.0.2.9:/data rw,vers=3\n"
CIFS = "63 29 0:50 / /mnt/win rw - cifs //files/win rw,vers=3.1.1,addr=2001:db8::9\n"
CEPHFS = "64 29 0:51 / /ceph rw - ceph 192.0.2.9:6789,[2001:db8::9]:6789:/ rw,name=admin\n"
GLUSTER = "65 29 0:52 / /gluster rw - fuse.glusterfs files:/volume rw\n"


def peers(root: Path, what: str) -> list[str]:
    return [str(d.peer or d.local) for d in dependents(root) if what in d.what]


@pytest.mark.parametrize(
    ("line", "what", "ends"),
    [
        (NFS, "the NFS filesystem on /srv/my data", ["192.0.2.9"]),
        (NFS_BY_ADDRESS, "the NFS filesystem on /mnt", ["192.0.2.9"]),
        (CIFS, "the SMB filesystem on /mnt/win", ["2001:db8::9"]),
        (CEPHFS, "the CephFS filesystem on /ceph", ["192.0.2.9", "2001:db8::9"]),
        (GLUSTER, "the GlusterFS filesystem on /gluster", ["None"]),
    ],
)
def test_remote_filesystems(tmp_path: Path, line: str, what: str, ends: list[str]) -> None:
    root = lay_out(tmp_path, {"proc/self/mountinfo": ROOT + line})
    assert peers(root, what) == ends
    assert {d.evidence.partition(":")[0] for d in dependents(root)} == {"/proc/self/mountinfo"}


def test_mounts_with_and_without_optional_fields() -> None:
    assert [
        (m.device, m.mountpoint, m.fstype, m.source) for m in parse_mounts(ROOT + NFS_BY_ADDRESS + "cut off -")
    ] == [
        ("8:1", "/", "ext4", "/dev/sda1"),
        ("0:49", "/mnt", "nfs", "192.0.2.9:/data"),
    ]


def test_an_iscsi_session_below_root_and_swap(tmp_path: Path) -> None:
    disk = "sys/devices/platform/host2/session1/target2:0:0/2:0:0:0/block/sda"
    root = lay_out(
        tmp_path,
        {
            "proc/self/mountinfo": "29 1 253:0 / / rw - ext4 /dev/mapper/vg-root rw\n",
            "proc/swaps": "Filename\t\t\tType\t\tSize\n/dev/sda2                partition\t999\n/swapfile file 9\n",
            f"{disk}/sda1/dev": "8:1",
            f"{disk}/sda2/dev": "8:2",
            "sys/devices/virtual/block/dm-0/slaves/sda1": f"-> ../../../../../../{disk}/sda1",
            "sys/dev/block/253:0": "-> ../../devices/virtual/block/dm-0",
            "sys/class/block/sda2": f"-> ../../../{disk}/sda2",
            "sys/class/iscsi_connection/connection1:0/address": "192.0.2.9\n",
            "sys/class/iscsi_connection/connection1:0/persistent_address": "192.0.2.10\n",
            "sys/class/iscsi_session/session1/targetname": "iqn.2026-01.example:disk\n",
        },
    )
    assert peers(root, "the iSCSI session iqn.2026-01.example:disk (below /, swap)") == ["192.0.2.9", "192.0.2.10"]


def test_other_network_disks(tmp_path: Path) -> None:
    root = lay_out(
        tmp_path,
        {
            "sys/class/nvme/nvme0/transport": "pcie",
            "sys/class/nvme/nvme1/transport": "tcp",
            "sys/class/nvme/nvme1/address": "traddr=192.0.2.9,trsvcid=4420,src_addr=192.0.2.3",
            "sys/bus/rbd/devices/0/pool": "rbd",
            "sys/bus/rbd/devices/0/name": "image",
            "sys/bus/rbd/devices/0/client_addr": "192.0.2.3:0/3238472",
            "sys/block/nbd0/size": "0",
            "sys/block/nbd1/pid": "812",
            "proc/812/cmdline": "nbd-client\x00192.0.2.9\x0010809\x00/dev/nbd1\x00",
            "sys/block/drbd0/size": "1",
            "etc/drbd.d/r0.res": "on a { address 192.0.2.3:7788; }\non b { address ipv6 [2001:db8::9]:7788; }",
        },
    )
    assert peers(root, "NVMe disk nvme1") == ["192.0.2.9"]
    assert peers(root, "RBD image rbd/image") == ["192.0.2.3"]
    assert peers(root, "network disk nbd1") == ["192.0.2.9"]
    assert peers(root, "DRBD") == ["192.0.2.3", "2001:db8::9"]
    assert len(dependents(root)) == 5


CLUSTER = (
    "totem { interface {\n linknumber: 0\n mcastport: 5409\n} }\nnode {\n ring0_addr: 192.0.2.9\n ring1_addr: b\n}\n"
)


def test_a_cluster_counts_while_it_runs(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {"etc/corosync/corosync.conf": CLUSTER})
    assert dependents(root) == ()
    lay_out(root, {"proc/net/udp": KNET})
    assert peers(root, "corosync") == ["192.0.2.3", "192.0.2.9"]


def test_connections_to_storage(tmp_path: Path) -> None:
    root = lay_out(tmp_path, {"proc/net/tcp": TCP_HEAD + ISCSI + LISTENING, "proc/net/tcp6": TCP_HEAD + CEPH})
    assert [d.what for d in dependents(root)] == [
        "a connection to iSCSI at 192.0.2.9",
        "a connection to Ceph at 2001:db8::9",
        "a connection to Ceph at 192.0.2.9",
    ]
    assert dependents(root)[0].evidence == "/proc/net/tcp: 192.0.2.3:40000 to 192.0.2.9:3260"
    lay_out(root, {"proc/self/mountinfo": NFS})
    assert peers(root, "a connection to iSCSI") == []  # it is named by its mount


def test_ports_of_ceph_and_drbd_count_where_they_are_at_home(tmp_path: Path) -> None:
    osd = "   0: 030200C0:1A90 090200C0:9C40 01 00000000:00000000 00:0000 00000000     0        0 1 1 0 20 4 30 10 -1\n"
    root = lay_out(tmp_path, {"proc/net/tcp": osd + osd})
    assert dependents(root) == ()
    lay_out(root, {"etc/ceph/ceph.conf": ""})
    assert peers(root, "a connection to Ceph") == ["192.0.2.9"]


def test_what_is_not_as_expected_is_nothing(tmp_path: Path) -> None:
    assert dependents(tmp_path) == ()
    assert list(parse_sockets("  0: 0302 xyz 01 x\n  1: 030200C0:ZZ 090200C0:0CBC 01 x\n", None)) == []


def test_an_address_in_the_machines_byte_order() -> None:
    address = ipaddress.ip_address
    assert list(parse_sockets(ISCSI, ("01",))) == [
        Socket(local=address("192.0.2.3"), local_port=40000, peer=address("192.0.2.9"), peer_port=3260)
    ]


def test_a_mount_of_any_source_is_passed_over(tmp_path: Path) -> None:
    long = "/dev/" + "x" * 4080
    sources = (long, "/dev/../../home/eve", "/dev/loop", "/dev/a\\000b", "/dev/", "x" * 100_000, "nfs:/a")
    lines = (f"{n} 1 0:{n} / /mnt/{n} rw - fuse.x {source} rw\n" for n, source in enumerate(sources, start=50))
    odd = f"60 1 ../../../etc / /mnt/60 rw - ext4 /dev/sda rw\n61 1 0:61 / /mnt/61 rw - nfs4 {'n' * 5000}:/x rw\n"
    files = {"proc/self/mountinfo": "".join(lines) + odd, "dev/loop": "-> loop", "proc/swaps": "x\n\n/dev/\n"}
    (one,) = dependents(lay_out(tmp_path, files))
    assert one.what == "the NFS filesystem on /mnt/61"
