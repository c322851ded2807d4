"""Find what this host needs the network for: remote filesystems, network disks, cluster and storage daemons.

Read from /proc, /sys and two configuration files; a file that is not there, or not as expected, means nothing found.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from vmnet.facts import Dependent
from vmnet.host.kernel.mounts import Mount, read_mounts, read_users
from vmnet.host.kernel.sockets import Socket, read_connections, read_udp
from vmnet.host.kernel.sysfs import read_text
from vmnet.host.outside import Sources
from vmnet.lines import address_of
from vmnet.spec import IpAddress

_FILESYSTEMS = {
    "nfs": "NFS", "nfs4": "NFS", "cifs": "SMB", "smb3": "SMB", "ceph": "CephFS", "fuse.ceph": "CephFS",
    "fuse.glusterfs": "GlusterFS",
}  # fmt: skip
# Where a client connects to: IANA's numbers; those of Ceph and GlusterFS from their manuals.
_SERVICES = {
    445: "SMB", 2049: "NFS", 3260: "iSCSI", 3300: "Ceph", 4420: "NVMe/TCP", 6789: "Ceph", 10809: "NBD",
    24007: "GlusterFS",
}  # fmt: skip
_MONITOR_PORTS = (3300, 6789)
_CEPH_PORTS = range(6800, 7569)
"""ms_bind_port_min and ms_bind_port_max of Ceph's OSDs and metadata servers."""
_DRBD_PORTS = range(7788, 7800)
_COROSYNC_PORTS = range(5404, 5413)
"""mcastport 5405, the one below it for multicast, and one more for each knet link (corosync.conf(5))."""

_ADDRESS_OPTION = re.compile(r"(?:^|,)(?:mon_)?addr=([^,]+)")
_RING = re.compile(r"^[ \t]*(?:ring\d+_addr|bindnetaddr)[ \t]*:[ \t]*(\S+)", re.MULTILINE)
_PORT = re.compile(r"^[ \t]*(?:mcastport|port)[ \t]*:[ \t]*([0-9]{1,5})\b", re.MULTILINE)
_DRBD_ADDRESS = re.compile(r"\baddress\s+(?:ipv[46]\s+)?\[?([0-9a-fA-F.:]+?)\]?:\d+\s*;")


def read_dependents(sources: Sources, root: Path = Path("/")) -> tuple[Dependent, ...]:
    """Return what this host needs the network for.

    Args:
        sources: where it is listed what could not be read.
        root: where /proc, /sys and /etc are.
    """
    mounts = sources.collect("mounted filesystems", lambda: read_mounts(root))
    nobody: dict[str, tuple[str, ...]] = {}
    users = sources.read("users of network disks", lambda: read_users(root, mounts), nobody)
    parts: dict[str, Callable[[], Iterator[Dependent]]] = {
        "network filesystems": lambda: _mounted(mounts),
        "iSCSI sessions": lambda: _iscsi(root, users),
        "NVMe disks": lambda: _nvme(root, users),
        "RBD images": lambda: _rbd(root, users),
        "NBD disks": lambda: _nbd(root, users),
        "DRBD": lambda: _drbd(root),
        "corosync": lambda: _corosync(root),
    }
    found = [one for what, part in parts.items() for one in sources.collect(what, part)]
    known = {dependent.peer for dependent in found}
    connected = sources.collect("connections to storage", lambda: _connected(root))
    return tuple(dict.fromkeys((*found, *(one for one in connected if one.peer not in known))))


def _addresses(text: str) -> tuple[IpAddress, ...]:
    """Return the addresses in `text`, which may have ports and be joined by commas or slashes; names are left out."""
    found: list[IpAddress] = []
    for word in re.split(r"[,/;\s]+", text):
        candidates = (word, word.rpartition(":")[0], word.partition(":")[0])
        addresses = (address_of(candidate.strip("[]").partition("%")[0]) for candidate in candidates)
        found += [address for address in addresses if address][:1]
    return tuple(dict.fromkeys(found))


def _each(what: str, evidence: str, peers: tuple[IpAddress, ...]) -> Iterator[Dependent]:
    for peer in peers or (None,):
        yield Dependent(what=what, evidence=evidence, peer=peer)


def _mounted(mounts: tuple[Mount, ...]) -> Iterator[Dependent]:
    for mount in mounts:
        kind = _FILESYSTEMS.get(mount.fstype)
        if kind is not None:
            named = _ADDRESS_OPTION.search(mount.options)
            evidence = f"/proc/self/mountinfo: {mount.source}"
            peers = _addresses(named[1]) if named else _addresses(mount.source.partition(":/")[0])
            yield from _each(f"the {kind} filesystem on {mount.mountpoint}", evidence, peers)


def _used(what: str, disk: str, users: dict[str, tuple[str, ...]]) -> str:
    return f"{what} (below {', '.join(users[disk])})" if disk in users else what


def _iscsi(root: Path, users: dict[str, tuple[str, ...]]) -> Iterator[Dependent]:
    for connection in sorted((root / "sys/class/iscsi_connection").glob("connection*")):
        session = "session" + connection.name.removeprefix("connection").partition(":")[0]
        target = read_text(root / "sys/class/iscsi_session" / session / "targetname") or session
        texts = [read_text(connection / name) or "" for name in ("address", "persistent_address")]
        what = _used(f"the iSCSI session {target}", session, users)
        yield from _each(what, f"/sys/class/iscsi_connection/{connection.name}", _addresses(" ".join(texts)))


def _nvme(root: Path, users: dict[str, tuple[str, ...]]) -> Iterator[Dependent]:
    for controller in sorted((root / "sys/class/nvme").glob("nvme*")):
        if read_text(controller / "transport") in ("tcp", "rdma"):
            named = re.search(r"traddr=([^,]+)", read_text(controller / "address") or "")
            what = _used(f"the NVMe disk {controller.name}", controller.name, users)
            yield from _each(what, f"/sys/class/nvme/{controller.name}/address", _addresses(named[1] if named else ""))


def _rbd(root: Path, users: dict[str, tuple[str, ...]]) -> Iterator[Dependent]:
    for device in sorted((root / "sys/bus/rbd/devices").glob("*")):
        image = f"{read_text(device / 'pool')}/{read_text(device / 'name')}"
        # "192.0.2.3:0/1234": our address, a port and a number of Ceph's.
        ours = _addresses((read_text(device / "client_addr") or "").partition("/")[0])
        yield Dependent(
            what=_used(f"the RBD image {image}", f"rbd{device.name}", users),
            evidence=f"/sys/bus/rbd/devices/{device.name}",
            local=next(iter(ours), None),
        )


def _nbd(root: Path, users: dict[str, tuple[str, ...]]) -> Iterator[Dependent]:
    """The kernel has a `pid` for a connected device, and the client's command line names the server."""
    for device in sorted((root / "sys/block").glob("nbd*")):
        pid = read_text(device / "pid")
        if pid:
            words = read_text(root / "proc" / pid / "cmdline") or ""
            what = _used(f"the network disk {device.name}", device.name, users)
            yield from _each(what, f"/sys/block/{device.name}/pid", _addresses(words.replace("\0", " ")))


def _drbd(root: Path) -> Iterator[Dependent]:
    """The configuration names both ends, ours too."""
    if not any((root / "sys/block").glob("drbd*")):
        return
    for path in (root / "etc/drbd.conf", *sorted((root / "etc/drbd.d").glob("*.res"))):
        addresses = _DRBD_ADDRESS.findall(read_text(path) or "")
        for address in _addresses(" ".join(addresses)):
            yield Dependent(what="DRBD", evidence=f"/{path.relative_to(root)}", peer=address)


def _corosync(root: Path) -> Iterator[Dependent]:
    """Corosync runs where a socket has its port, and its configuration names the members of the cluster."""
    text = read_text(root / "etc/corosync/corosync.conf")
    if text is None:
        return
    ports = {*_COROSYNC_PORTS, *(int(port) for port in _PORT.findall(text))}
    sockets = [socket for socket in read_udp(root) if socket.local_port in ports]
    for socket in sockets:
        if not socket.local.is_unspecified and not socket.local.is_multicast:
            evidence = f"/proc/net/udp: {socket.local}:{socket.local_port}"
            yield Dependent(what="the cluster (corosync)", evidence=evidence, local=socket.local)
    if sockets:
        for address in _addresses(" ".join(_RING.findall(text))):
            evidence = "/etc/corosync/corosync.conf"
            yield Dependent(what="the cluster (corosync)", evidence=evidence, peer=address)


def _connected(root: Path) -> Iterator[Dependent]:
    both: dict[int, str] = dict.fromkeys(_MONITOR_PORTS, "Ceph")
    if (root / "etc/ceph").is_dir():
        both |= dict.fromkeys(_CEPH_PORTS, "Ceph")
    if any((root / "sys/block").glob("drbd*")):
        both |= dict.fromkeys(_DRBD_PORTS, "DRBD")
    seen = set()
    for socket in read_connections(root):
        service = _SERVICES.get(socket.peer_port) or both.get(socket.peer_port) or both.get(socket.local_port)
        ends = (service, socket.peer, socket.local)
        if service and not socket.peer.is_loopback and ends not in seen:
            seen.add(ends)
            yield _connection(service, socket)


def _connection(service: str, socket: Socket) -> Dependent:
    return Dependent(
        what=f"a connection to {service} at {socket.peer}",
        evidence=f"/proc/net/tcp: {socket.local}:{socket.local_port} to {socket.peer}:{socket.peer_port}",
        peer=socket.peer,
        local=socket.local,
    )
