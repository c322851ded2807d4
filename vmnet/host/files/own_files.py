"""Write a file whole or not at all, with a mode of its own, and never into what somebody else has put there.

Others may own the directory, or may write in it as in /tmp. So the content goes to a new file whose name nobody can
guess, and that gets its name afterwards: a link or a pipe of that name is never written into.
"""

from __future__ import annotations

import errno
import os
import pwd
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vmnet.errors import Refused, SpecError
from vmnet.host import process
from vmnet.shell_words import Command, command, in_turn, pipe, root

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def check_new(path: Path) -> None:
    """Raise SpecError where the file exists already, or cannot be created."""
    if path.exists() or path.is_symlink():
        raise SpecError(f"{path} exists already, and vmnet does not overwrite it", "give another name, or remove it")
    if not path.parent.is_dir():
        raise SpecError(f"the directory {path.parent} does not exist", command("mkdir", "-p", "--", str(path.parent)))
    if not os.access(path.parent, os.W_OK):
        raise SpecError(f"vmnet cannot create a file in {path.parent}", "give a file in a directory of your own")


def write_new(path: Path, content: bytes) -> None:
    """Write `content` to the new file `path`, with mode 0600.

    Raises:
        SpecError: it is there by now.
        OSError: it cannot be written; nothing of it is left.
    """
    with _begun(path, content, 0o600) as (begun, directory):
        try:
            # Unlike a rename, a link never takes the place of a file.
            os.link(begun, path.name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except FileExistsError:
            check_new(path)
            raise
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
            # A USB stick's file system has no links.
            check_new(path)
            os.rename(begun, path.name, src_dir_fd=directory, dst_dir_fd=directory)


def write_over(path: Path, content: bytes, mode: int) -> None:
    """Have a new file take the place of `path`: of a file, a link (not of what it leads to) or a pipe.

    Args:
        mode: the new file's; a file of our own that is replaced hands on its mode instead.

    Raises:
        OSError: it cannot be written, or there is a directory of that name; what was there stays.
    """
    with suppress(FileNotFoundError):
        old = path.lstat()
        mode = old.st_mode & 0o777 if stat.S_ISREG(old.st_mode) and old.st_uid == os.geteuid() else mode
    with _begun(path, content, mode) as (begun, directory):
        os.rename(begun, path.name, src_dir_fd=directory, dst_dir_fd=directory)


@contextmanager
def _begun(path: Path, content: bytes, mode: int) -> Iterator[tuple[str, int]]:
    """Write a nameless file beside `path`; yield what it is called until it has a name, and its directory, open."""
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    begun = f".vmnet-{secrets.token_hex(8)}"
    try:
        handle = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=directory)
        with open(handle, "wb") as file:  # noqa: PTH123 - the descriptor carries the mode
            # Whatever the umask is. A USB stick's file system has no modes.
            with suppress(PermissionError):
                os.fchmod(handle, mode)
            file.write(content)
            file.flush()
            os.fsync(handle)
        yield begun, directory
    finally:
        with suppress(FileNotFoundError):
            os.unlink(begun, dir_fd=directory)
        os.close(directory)


def sync(path: Path) -> None:
    """Wait until a file, or a directory's entries, are on the disk: fsync(2) of a file does not do it for its entry."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


# Directories that are vmnet's own: made with modes that no umask changes, trusted only where nobody else can write.

_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def make_own_directory(path: Path, mode: int) -> None:
    """Make the directory with this mode, or check the one that exists (`check_own`).

    Raises:
        Refused: others own it, or can write to it.
        OSError: it cannot be made.
    """
    try:
        path.mkdir(mode=mode)
    except FileExistsError:
        check_own(path)
    else:
        path.chmod(mode)


def check_own(path: Path) -> None:
    """Raise Refused if others than root and the caller own the directory, or can write to it.

    Their files there could make root run commands of theirs. A directory that does not exist is safe.
    """
    with suppress(FileNotFoundError):
        status = path.lstat()
        owned = stat.S_ISDIR(status.st_mode) and status.st_uid in (0, os.geteuid())
        if not owned or status.st_mode & _OTHERS_WRITE:
            raise Refused(
                f"{path} is not safe to use: other users than root can write there (owner "
                f"{_name(status.st_uid)}, mode {stat.filemode(status.st_mode)})",
                f"check what is in it; then {root('mv', str(path), f'{path}.not-ours')}, and run the command again",
            )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


# Room on the disk for what a run writes: asked for before the first step, and kept for the journal.

MEBIBYTE = 1 << 20
_FULL = 64 * 1024
"""Bytes: with less than this free, a filesystem counts as full."""


def check_room(path: Path, size: int) -> None:
    """Raise Refused unless `size` bytes can be written below the directory."""
    free = _free(path)
    if free < 0:
        raise Refused(
            f"{path} is on a read-only filesystem", f"{command('findmnt', '--target', str(path))} and dmesg show why"
        )
    if free < size:
        raise Refused(
            f"{path} has {free / MEBIBYTE:.1f} MiB free, and this run may need {size / MEBIBYTE:.1f} MiB there for its "
            "journal and copies",
            f"make room: {_usage(path)}",
        )


def _usage(path: Path) -> Command:
    largest = pipe(root("du", "-xh", str(path)), command("sort", "-h"), command("tail"))
    return in_turn(command("df", "-h", str(path)), largest)


def reserve(path: Path, size: int) -> None:
    """Allocate `size` bytes for the file beyond its end, so that lines can be added although the disk is full by then.

    Raises:
        Refused: the disk has not so much.
        ToolError: fallocate(1) is missing.
    """
    out = process.run(("fallocate", "--keep-size", "--length", str(size), str(path)), accept=(0, 1))
    if out.exit_status:
        # Some filesystems cannot do it; there, room now is all that can be asked for.
        check_room(path.parent, size)


def trouble_with(paths: Iterable[Path]) -> str:
    """Return what keeps vmnet from writing below the directories ("/var/lib is full"), "" where nothing does."""
    for path in paths:
        free = _free(path)
        if free < _FULL:
            return f"{path} is {'read-only' if free < 0 else 'full'}"
    return ""


def _free(path: Path) -> int:
    """Return the bytes that root can write there; -1 on a read-only filesystem."""
    while not path.exists():
        path = path.parent
    status = os.statvfs(path)
    if status.f_flag & os.ST_RDONLY:
        return -1
    no_inodes = status.f_files > 0 and status.f_ffree == 0
    return 0 if no_inodes else status.f_bfree * status.f_frsize
