"""Read the file that says what a host is to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.errors import SpecError
from vmnet.spec_words import parse_file

if TYPE_CHECKING:
    from vmnet.spec_words import HostWords


def read_host_words(file: str) -> HostWords:
    """Return the words of a TOML file.

    Raises:
        SpecError: it cannot be read, or what it says is wrong.
    """
    try:
        text = Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise SpecError(f"{file} cannot be read: {why}", "give a TOML file: docs/examples/host.toml is one") from None
    return parse_file(text, file)
