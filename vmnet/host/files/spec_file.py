"""Read the file that describes the wanted host."""

from __future__ import annotations

from pathlib import Path

from vmnet.errors import SpecError
from vmnet.spec import HostSpec
from vmnet.spec.file import parse_spec
from vmnet.spec.words import HostWords, parse_toml, parse_words

MOST = 64 * 1024
"""Bytes. A file with every key is shorter than 2 KiB."""
_EXAMPLE = "give a TOML file such as docs/examples/host.toml"


def read_spec(file: str) -> HostSpec:
    """Return what a TOML file wants.

    Raises:
        SpecError: it cannot be read, or a value in it is wrong.
    """
    return parse_spec(_text_of(file), file)


def read_host_words(file: str) -> HostWords:
    """Return the words of a TOML file with one bridge, `[host]`.

    Raises:
        SpecError: it cannot be read, or a value in it is wrong.
    """
    return parse_words(parse_toml(_text_of(file), file), file)


def _text_of(file: str) -> str:
    """Return the text of a file.

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
    return text
