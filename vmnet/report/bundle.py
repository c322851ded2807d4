"""What a support bundle holds, and what it lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.report.blocks import Line, Style
from vmnet.shell_words import command, pipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts.evidence import Bundle


def render_bundle(bundle: Bundle) -> Iterator[Line]:
    """Yield where it is and how to look through it, before that what could not be read."""
    if bundle.unread:
        yield Line("missing, because it could not be read:", Style.WARNING)
        for item in bundle.unread:
            first, *rest = item.why.splitlines() or [""]
            yield Line(f"  - {item.what}: {first}", Style.WARNING)
            yield from (Line(f"    {line}", Style.WARNING) for line in rest)
        yield Line()
    size = f"{bundle.size_bytes / 1000:.0f} kB" if bundle.size_bytes >= 1000 else f"{bundle.size_bytes} bytes"
    yield Line(f"{bundle.file}: {len(bundle.files)} files, {size}, only you can read it (mode 0600)", Style.GOOD)
    yield Line(
        "passwords and keys were removed. Names, IP addresses and MACs are in it: read it before you hand it on:"
    )
    yield Line(f"  {pipe(command('tar', '-xzOf', _as_file(bundle.file)), command('less'))}", Style.COMMAND)


def _as_file(name: str) -> str:
    """A name with a dash or a colon in front would be something else to tar."""
    return name if name.startswith("/") else f"./{name}"
