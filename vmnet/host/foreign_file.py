"""Read files that somebody else than root may write, without doing what that somebody wants.

Between two looks at a path its owner may put something else there, so a file is opened once and everything is asked of
the open file. Nothing that is opened can block, lead elsewhere, or be longer than what is read of it.
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack, contextmanager
from itertools import islice
from typing import TYPE_CHECKING

from vmnet.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST_BYTES = 1024 * 1024
MOST_FILES = 256
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


@contextmanager
def open_folder(path: Path, owner: int) -> Iterator[int]:
    """Open a directory, and return its descriptor for the time of the block.

    Args:
        path: absolute. None of its parts may be a link.
        owner: the user id of whom the directory is. Each part must be this user's or root's.

    Raises:
        FileNotFoundError: there is no such directory.
        PermissionError: this process may not look into it.
        ToolError: a part is a link or no directory, or somebody else's.
    """
    with ExitStack() as stack:
        directory = _open("/", None)
        stack.callback(os.close, directory)
        for part in path.parts[1:]:
            directory = _open(part, directory)
            stack.callback(os.close, directory)
            status = os.fstat(directory)
            if not stat.S_ISDIR(status.st_mode) or status.st_uid not in (0, owner):
                raise ToolError(f"{path}: {part!r} is not a directory of that user or of root")
        yield directory


def names_in(directory: int, suffix: str) -> tuple[str, ...]:
    """Return the names in an open directory that end in `suffix`, sorted; `MOST_FILES` at most are looked at."""
    with os.scandir(directory) as entries:
        return tuple(sorted(entry.name for entry in islice(entries, MOST_FILES) if entry.name.endswith(suffix)))


def read_file(name: str, directory: int, owner: int) -> str:
    """Return the text of a regular file in an open directory.

    Args:
        owner: the user id of whom the file must be.

    Raises:
        FileNotFoundError, PermissionError: it is gone, or this process may not read it.
        ToolError: it is a link or no regular file, somebody else's, or longer than `MOST_BYTES`.
    """
    handle = _open(name, directory)
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise ToolError("it is not a regular file")
        if status.st_uid != owner:
            raise ToolError(f"it belongs to user {status.st_uid}")
        content = bytearray()
        while len(content) <= MOST_BYTES and (more := os.read(handle, MOST_BYTES + 1 - len(content))):
            content += more
    finally:
        os.close(handle)
    if len(content) > MOST_BYTES:
        raise ToolError(f"it is longer than {MOST_BYTES >> 20} MiB")
    return content.decode("utf-8", "replace")


def _open(name: str, directory: int | None) -> int:
    try:
        return os.open(name, _FLAGS, dir_fd=directory)
    except (FileNotFoundError, PermissionError):
        raise
    except OSError as error:
        # ELOOP, "Too many levels of symbolic links", is what is said of a single link.
        raise ToolError(f"{name!r} cannot be opened: {os.strerror(error.errno or 0)}") from None
