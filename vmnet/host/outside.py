"""What all readers of the outside share: a source that fails is listed, and text is understood or said not to be.

A source is optional when the command can go on without it. Only the kernel's links, addresses and routes are not.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from vmnet.errors import ToolError, VmnetError, attempt
from vmnet.facts import Unread

T = TypeVar("T")
U = TypeVar("U")


class Sources:
    """Reads optional sources, and collects in `unread` which of them could not be read, and why."""

    def __init__(self) -> None:
        self.unread: list[Unread] = []

    def read(self, what: str, read: Callable[[], T], otherwise: U, *, allowed: bool = True) -> T | U:
        """Return what `read` returns, or `otherwise` where it raises anything at all.

        Args:
            what: the name of the source, for `unread`.
            allowed: False where only root may read the source, and this process is not root: that is the reason then.
        """
        found = attempt(read)
        if isinstance(found, VmnetError):
            self.missing(what, found.message if allowed else "needs root")
            return otherwise
        return found

    def collect(self, what: str, read: Callable[[], Iterable[T]], *, allowed: bool = True) -> tuple[T, ...]:
        """As `read`, of what `read` yields: all of it, or nothing where it raises on the way."""
        return self.read(what, lambda: tuple(read()), (), allowed=allowed)

    def missing(self, what: str, why: str) -> None:
        """Note that a source was not read."""
        self.unread.append(Unread(what=what, why=why))


@contextmanager
def understood(what: str) -> Iterator[None]:
    """Turn whatever text of an unexpected form makes a parser raise into a ToolError.

    Args:
        what: the text, as "the answer of nft".
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        raise ToolError(f"vmnet cannot read {what}: {type(error).__name__}: {error}"[:400]) from error


def parse_json(text: str, what: str) -> Any:
    """Return a JSON document.

    Args:
        what: the text, as "the answer of nft".

    Raises:
        ToolError: it is no JSON, or nested too deeply.
    """
    with understood(what):
        # Not strict: iproute2 writes the control characters in a link's name as they are.
        return json.loads(text, strict=False)


# Read files that somebody else than root may write, without doing what that somebody wants.
#
# Between two looks at a path its owner may put something else there, so a file is opened once and everything is asked
# of the open file. Nothing that is opened can block, lead elsewhere, or be longer than what is read of it.

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
