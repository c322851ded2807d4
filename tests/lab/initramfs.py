"""Small initramfs archives: busybox, a few kernel modules in loading order, and a script."""

from __future__ import annotations

import gzip
import lzma
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import process
from .errors import LabError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

EXECUTABLE = stat.S_IFREG | 0o755
PLAIN = stat.S_IFREG | 0o644
DIRECTORY = stat.S_IFDIR | 0o755


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file or directory of the archive."""

    name: str
    mode: int
    content: bytes = b""


def _record(inode: int, entry: Entry) -> bytes:
    """One member in the kernel's "newc" format: thirteen hexadecimal fields, the name, the content."""
    name = entry.name.encode() + b"\0"
    fields = (inode, entry.mode, 0, 0, 1, 0, len(entry.content), 0, 0, 0, 0, len(name), 0)
    head = b"070701" + b"".join(b"%08x" % field for field in fields) + name
    return _padded(head) + _padded(entry.content)


def _padded(content: bytes) -> bytes:
    return content + b"\0" * (-len(content) % 4)


def archive(entries: Sequence[Entry]) -> bytes:
    """A gzipped archive; the same entries always give the same bytes."""
    directories = sorted({part for entry in entries for part in _parents(entry.name)})
    members = [Entry(name=name, mode=DIRECTORY) for name in directories]
    members += [*entries, Entry(name="TRAILER!!!", mode=0)]
    body = b"".join(_record(number, entry) for number, entry in enumerate(members, start=1))
    return gzip.compress(body, compresslevel=6, mtime=0)


def _parents(name: str) -> list[str]:
    parts = name.split("/")[:-1]
    return ["/".join(parts[:end]) for end in range(1, len(parts) + 1)]


def _dependencies(modules: Path) -> dict[str, list[str]]:
    """Module path -> the paths it needs, from modules.dep (the last one there is to be loaded first)."""
    needs = {}
    for line in (modules / "modules.dep").read_text().splitlines():
        path, _, rest = line.partition(":")
        needs[path] = rest.split()
    return needs


def _name_of(path: str) -> str:
    return path.rsplit("/", 1)[-1].split(".ko", maxsplit=1)[0].replace("-", "_")


def loading_order(modules: Path, wanted: Sequence[str]) -> list[str]:
    """The module files that loading ``wanted`` takes, each after what it needs; what is built in is left out."""
    needs = _dependencies(modules)
    by_name = {_name_of(path): path for path in needs}
    builtin = {_name_of(path) for path in (modules / "modules.builtin").read_text().split()}
    order: list[str] = []
    for name in wanted:
        if name in builtin:
            continue
        if name not in by_name:
            raise LabError(f"the kernel has no module {name}", f"looked in {modules}")
        path = by_name[name]
        order += [part for part in (*reversed(needs[path]), path) if part not in order]
    return order


def _module(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


def program(tree: Path, path: str) -> list[Entry]:
    """A program of the tree with the libraries that it loads."""
    listing = process.run(["chroot", str(tree), "ldd", path], timeout=30).stdout
    libraries = [word for line in listing.splitlines() for word in line.split() if word.startswith("/")]
    return [
        Entry(name=name.lstrip("/"), mode=EXECUTABLE, content=(tree / name.lstrip("/")).resolve().read_bytes())
        for name in (path, *libraries)
    ]


def build(tree: Path, modules: Sequence[str], scripts: Mapping[str, Path], extra: Sequence[Entry] = ()) -> bytes:
    """An initramfs from a root tree: its busybox, its kernel's modules, and scripts (name in the archive -> file)."""
    directory = next(iter(sorted((tree / "lib/modules").iterdir())))
    order = loading_order(directory, modules)
    names = [_name_of(path) + ".ko" for path in order]
    entries = [Entry(name="bin/busybox", mode=EXECUTABLE, content=(tree / "bin/busybox").read_bytes())]
    for path, name in zip(order, names, strict=True):
        entries.append(Entry(name=f"modules/{name}", mode=PLAIN, content=_module(directory / path)))
    listing = "".join(f"{name}\n" for name in names).encode()
    entries.append(Entry(name="modules/order", mode=PLAIN, content=listing))
    entries += [Entry(name=name, mode=EXECUTABLE, content=path.read_bytes()) for name, path in scripts.items()]
    return archive([*entries, *extra])
