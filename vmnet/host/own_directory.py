"""Directories that are vmnet's own: made with modes that no umask changes, trusted only where nobody else can write."""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import suppress
from typing import TYPE_CHECKING

from vmnet.errors import Refused
from vmnet.shell_words import root

if TYPE_CHECKING:
    from pathlib import Path

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
