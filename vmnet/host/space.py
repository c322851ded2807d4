"""Room on the disk for what a run writes: asked for before the first step, and kept for the journal."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from vmnet.errors import Refused
from vmnet.host import process
from vmnet.shell_words import command, in_turn, pipe, root

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from vmnet.shell_words import Command

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
