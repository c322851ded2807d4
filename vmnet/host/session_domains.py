"""Domains of users' own libvirt (qemu:///session), from the files that it keeps in their homes."""

from __future__ import annotations

import os
import pwd
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.documents.domains import parse_domain_interfaces
from vmnet.errors import ToolError, VmnetError, attempt
from vmnet.facts import SessionDomain
from vmnet.host.foreign_file import names_in, open_folder, read_file
from vmnet.host.mounts import read_mounts
from vmnet.names import is_ifname

if TYPE_CHECKING:
    from collections.abc import Collection

    from vmnet.host.outside import Sources

PEOPLE = range(1000, 65534)
"""The user ids of people (UID_MIN of login.defs; 65534 is nobody)."""
SESSION_DOMAINS = ".config/libvirt/qemu"
_DISTANT = ("9p", "afs", "autofs", "ceph", "cifs", "fuse", "glusterfs", "nfs", "smb3")
"""How filesystems begin whose server may be gone, or a user's own program: opening a file there may take for ever."""
_SHOWN = 5
"""How many files of one user are listed if they cannot be read."""


def read_session_domains(sources: Sources, *, everybody: bool) -> tuple[SessionDomain, ...]:
    """Return users' own domains. What cannot be read is listed in `sources`.

    Args:
        everybody: whether this process may look into all homes; if not, only its own user's is read.
    """
    people = [user for user in pwd.getpwall() if user.pw_uid in PEOPLE]
    mine = [user for user in people if everybody or user.pw_uid == os.geteuid()]
    if len(mine) < len(people):
        sources.missing("session domains of other users", "needs root")
    distant = [Path(mount.mountpoint) for mount in read_mounts(Path("/")) if mount.fstype.startswith(_DISTANT)]
    found: list[SessionDomain] = []
    for user in mine:
        read = partial(_domains_of, user, distant, sources)
        found += sources.read(f"session domains of {user.pw_name}", read, ())
    return tuple(found)


def _domains_of(user: pwd.struct_passwd, distant: Collection[Path], sources: Sources) -> tuple[SessionDomain, ...]:
    _check_near(Path(user.pw_dir, SESSION_DOMAINS), distant)
    # The admin may keep homes behind a link. From there on there is none.
    folder = Path(user.pw_dir).resolve() / SESSION_DOMAINS
    _check_near(folder, distant)
    try:
        with open_folder(folder, user.pw_uid) as directory:
            names = names_in(directory, ".xml")
            found = [attempt(partial(_domain, user, folder, name, directory)) for name in names]
    except FileNotFoundError:
        return ()
    bad = [(name, one.message) for name, one in zip(names, found, strict=True) if isinstance(one, VmnetError)]
    for name, why in bad[:_SHOWN]:
        sources.missing(_text(folder / name), why)
    if len(bad) > _SHOWN:
        sources.missing(f"{len(bad) - _SHOWN} more files in {folder}", bad[-1][1])
    return tuple(one for one in found if isinstance(one, SessionDomain))


def _check_near(folder: Path, distant: Collection[Path]) -> None:
    if any(folder.is_relative_to(mountpoint) for mountpoint in distant):
        raise ToolError(f"{folder} is on a filesystem that may not answer")


def _domain(user: pwd.struct_passwd, folder: Path, name: str, directory: int) -> SessionDomain:
    interfaces = parse_domain_interfaces(read_file(name, directory, user.pw_uid))
    bridges = {i.source.bridge for i in interfaces if i.source.bridge is not None and is_ifname(i.source.bridge)}
    file = _text(folder / name)
    return SessionDomain(user=user.pw_name, name=Path(file).stem, file=file, bridges=tuple(sorted(bridges)))


def _text(path: Path) -> str:
    """Return a path as text that can be printed, whatever bytes it has."""
    return os.fsencode(path).decode("utf-8", "replace")
