"""Read the file that describes the wanted host."""

from __future__ import annotations

from pathlib import Path

from vmnet.errors import SpecError
from vmnet.spec.words import HostWords, parse_file

MOST = 64 * 1024
"""Bytes. A file with every key is shorter than 2 KiB."""
_EXAMPLE = "give a TOML file such as docs/examples/host.toml"


def read_host_words(file: str) -> HostWords:
    """Return what a TOML file wants of a host. `vmnet.spec.words.parse_host` makes a HostSpec of it.

    Raises:
        SpecError: the file cannot be read, or a key or value is wrong; the message names the key.
    """
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(MOST + 1)
        text = content.decode()
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SpecError(f"vmnet cannot read {file}: {why}", _EXAMPLE) from None
    if len(content) > MOST:
        raise SpecError(f"{file} is longer than {MOST >> 10} KiB", _EXAMPLE)
    return parse_file(text, file)
