"""Read the file that says what a host is to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.errors import SpecError
from vmnet.spec_words import parse_file

if TYPE_CHECKING:
    from vmnet.spec_words import HostWords


MOST = 64 * 1024
"""Bytes. A file that says all that can be said is shorter than two KiB."""


def read_host_words(file: str) -> HostWords:
    """Return the words of a TOML file.

    Raises:
        SpecError: it cannot be read, or what it says is wrong.
    """
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(MOST + 1)
        text = content.decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise SpecError(f"{file} cannot be read: {why}", "give a TOML file: docs/examples/host.toml is one") from None
    if len(content) > MOST:
        raise SpecError(f"{file} is longer than {MOST >> 10} KiB", "give a TOML file: docs/examples/host.toml is one")
    return parse_file(text, file)
