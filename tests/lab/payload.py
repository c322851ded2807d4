"""This checkout's vmnet, as a tar stream that the lab host unpacks onto its own Python."""

from __future__ import annotations

import io
import tarfile
import time
from typing import TYPE_CHECKING

from . import recipe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

SCRIPT = """\
#!/usr/bin/python3
import sys

from vmnet.cli import main

if __name__ == "__main__":
    sys.exit(main())
"""
WARM = "/usr/local/lib/lab/warm.py"
# Bytecode is compiled and read once, so that the first command of a test is as quick as the second.
INSTALL = """\
set -e
packages=/usr/local/lib/{python}/dist-packages
rm -rf "$packages/vmnet"
mkdir -p "$packages"
tar -C / -x
python3 -m compileall -q "$packages/vmnet" || :
timeout 60 vmnet --version > /dev/null 2>&1 || echo 'vmnet --version does not work yet'
systemctl stop lab-warm.service 2>/dev/null || :
systemd-run --quiet --collect --unit lab-warm {python} -P {warm} serve
timeout 60 sh -c 'until grep -q @vmnet-warm /proc/net/unix; do sleep 0.2; done' || echo 'lab-warm does not start'
"""


def package_files() -> list[Path]:
    """The files of the package; the symlink to the XML documents is followed."""
    package = recipe.CHECKOUT / "vmnet"
    found = [path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    documents = package / "xml"
    if documents.is_symlink():
        found += [path for path in documents.glob("**/*") if path.is_file() and path not in found]
    return sorted(set(found))


def digest() -> str:
    """A hash of what would be installed."""
    files = [*package_files(), recipe.HERE / "warm.py"]
    return recipe.file_digest(files, recipe.CHECKOUT)


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    member.mode = mode
    member.mtime = int(time.time())
    archive.addfile(member, io.BytesIO(content))


def package_archive(release: recipe.Release) -> bytes:
    """The package and its console script, by their places on the lab host."""
    buffer = io.BytesIO()
    place = f"usr/local/lib/{release.python}/dist-packages"
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in package_files():
            _add(archive, f"{place}/{path.relative_to(recipe.CHECKOUT)}", path.read_bytes(), 0o644)
        _add(archive, "usr/local/bin/vmnet", SCRIPT.encode(), 0o755)
        _add(archive, WARM.removeprefix("/"), (recipe.HERE / "warm.py").read_bytes(), 0o644)
    return buffer.getvalue()


def file_archive(paths: Sequence[Path]) -> bytes:
    """Files and directories by their own last names."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for path in paths:
            archive.add(path, arcname=path.resolve().name)
    return buffer.getvalue()
