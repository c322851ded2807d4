"""The documents of domains and networks, kept in one archive before a run changes them: the last resort."""

from __future__ import annotations

import io
import tarfile
import time
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable


def write_documents(documents: Iterable[tuple[str, str]], file: BinaryIO) -> None:
    """Write documents, each with its file name, as a tar archive whose members only their owner may read."""
    stamp = int(time.time())
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for name, document in documents:
            content = document.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o600, stamp
            archive.addfile(member, io.BytesIO(content))
