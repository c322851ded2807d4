"""Write a file whole or not at all, with a mode of its own, and never into what somebody else has put there.

Others may own the directory, or may write in it as in /tmp. So the content goes to a new file whose name nobody can
guess, and that gets its name afterwards: a link or a pipe of that name is never written into.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from vmnet.errors import SpecError
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

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
