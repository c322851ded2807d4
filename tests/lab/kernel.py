"""The kernel as a plain ELF file: under emulation, unpacking one takes longer than booting it."""

from __future__ import annotations

import lzma
import struct
from typing import TYPE_CHECKING

from . import process
from .errors import LabError

if TYPE_CHECKING:
    from pathlib import Path

# Offsets in the header of a bzImage: Documentation/arch/x86/boot.rst.
SETUP_SECTORS = 0x1F1
PAYLOAD = 0x248
XZ = b"\xfd7zXZ"
ZSTD = b"\x28\xb5\x2f\xfd"


def _payload(image: bytes) -> bytes:
    start = ((image[SETUP_SECTORS] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", image, PAYLOAD)
    return image[start + offset : start + offset + length]


def unpacked(tree: Path) -> bytes:
    """The ELF file inside the tree's vmlinuz; zstd is the tree's own, for Python knows it only from 3.14 on."""
    vmlinuz = next(iter(sorted((tree / "boot").glob("vmlinuz-*"))))
    payload = _payload(vmlinuz.read_bytes())
    if payload.startswith(XZ):
        return lzma.LZMADecompressor().decompress(payload)
    if not payload.startswith(ZSTD):
        raise LabError(f"{vmlinuz.name} is packed in a way that the lab does not know")
    packed, plain = tree / "tmp/kernel.zst", tree / "tmp/kernel"
    # The last four bytes are the unpacked size, for the kernel's own use.
    packed.write_bytes(payload[:-4])
    process.run(["chroot", str(tree), "zstd", "-q", "-d", "--rm", "/tmp/kernel.zst", "-o", "/tmp/kernel"], timeout=120)
    content = plain.read_bytes()
    plain.unlink()
    return content
