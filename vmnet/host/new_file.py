"""Write a file that only its owner may read, whole or not at all, and never over another one."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from vmnet.errors import SpecError

if TYPE_CHECKING:
    from pathlib import Path

_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK)


def check_new(path: Path) -> None:
    """Raise SpecError where the file is there already, or cannot be made."""
    if path.exists() or path.is_symlink():
        raise SpecError(f"{path} is there already, and nothing is written over it", "give another name, or remove it")
    if not path.parent.is_dir():
        raise SpecError(f"there is no directory {path.parent}", f"mkdir -p {path.parent}")
    if not os.access(path.parent, os.W_OK):
        raise SpecError(f"no file may be made in {path.parent}", "give a file in a directory of your own")


def write_new(path: Path, content: bytes) -> None:
    """Write `content` to the new file `path`, with mode 0600.

    Raises:
        SpecError: it is there by now.
        OSError: it cannot be written; nothing of it is left.
    """
    begun = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(handle, "wb") as file:  # noqa: PTH123 - the descriptor carries the mode
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _give_name(begun, path)
    finally:
        with suppress(FileNotFoundError):
            begun.unlink()


def _give_name(begun: Path, path: Path) -> None:
    try:
        # Unlike a rename, a link never takes the place of a file.
        os.link(begun, path)
    except FileExistsError:
        check_new(path)
        raise
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # A USB stick's file system has no links.
        check_new(path)
        begun.rename(path)
