"""Whether KVM really works here: its device may be there, its machine may even start, and yet run nothing."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from . import process
from .errors import LabError

# The first sector of a disk. It enters 64-bit mode with paging, counts, and leaves QEMU by its debug-exit port: a few
# hundredths of a second where the processor does the work, for ever where a nested hypervisor only pretends to.
BOOT_CODE = bytes.fromhex(
    "fa 31c0 8ed8 8ec0 8ed0 bc007c"  # no interrupts; segments and stack
    "bf0010 b90030 fc f3aa"  # clear three pages of tables at 0x1000
    "c70600100320 c70600200330 c70600308300"  # PML4 -> PDPT -> PD -> one page of 2 MiB
    "0f0116807c"  # lgdt [0x7c80]
    "66b800100000 0f22d8"  # cr3 = 0x1000
    "0f20e0 6683c820 0f22e0"  # cr4: PAE
    "66b9800000c0 0f32 660d00010000 0f30"  # EFER: long mode
    "0f20c0 660d01000080 0f22c0"  # cr0: protection and paging
    "ea627c0800"  # jump into the 64-bit segment, to the next line
    "b900e1f505 ffc9 75fc"  # count from 100 000 000
    "b010 e6f4 f4 ebfd"  # out 0xf4, 0x10; then halt
)
GDT = bytes.fromhex("0000000000000000 00000000009a2000")
GDT_AT = 0x70
DEBUG_EXIT = 2 * 0x10 + 1


def boot_sector() -> bytes:
    """The whole sector: code, descriptor table and its pointer, signature."""
    code = BOOT_CODE.ljust(GDT_AT, b"\0") + GDT
    pointer = (len(GDT) - 1).to_bytes(2, "little") + (0x7C00 + GDT_AT).to_bytes(4, "little")
    return (code + pointer).ljust(510, b"\0") + b"\x55\xaa"


def works(qemu: str, accelerator: str = "kvm", seconds: float = 1.5) -> bool:
    """Let the boot sector run under an accelerator and see whether it comes to its end in time."""
    if accelerator == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    with tempfile.NamedTemporaryFile(prefix="vmnet-lab-") as disk:
        Path(disk.name).write_bytes(boot_sector())
        argv = [
            *(qemu, "-accel", accelerator, "-cpu", "max", "-m", "64", "-nodefaults", "-display", "none"),
            *("-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-drive", f"file={disk.name},format=raw"),
        ]
        try:
            return process.run(argv, timeout=seconds, check=False).returncode == DEBUG_EXIT
        except LabError:
            return False
