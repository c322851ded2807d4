"""Run text in real shells in which every program is a stub that notes what it is given."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

SHELLS = ("bash", "dash")
PROGRAMS = (
    "apt", "bridge", "busctl", "cat", "cloud-init", "cut", "ebtables", "editor", "ethtool", "firewall-cmd", "grep",
    "ip", "journalctl", "less", "ls", "nft", "nmcli", "ovs-vsctl", "pwned", "sed", "sh", "sleep", "sudo", "sysctl",
    "systemctl", "systemd-detect-virt", "tar", "tcpdump", "touch", "udevadm", "virsh", "vmnet", "word",
)  # fmt: skip
NEXT = "next_line"
_NEXT = f"""{NEXT}() {{ printf '%s\\0' 0 {NEXT} >>"$NOTES"; }}
"""
# sudo tee notes what it would write, line by line.
_STUB = """#!/bin/dash
if [ "$1" = tee ]; then
    while IFS= read -r line; do set -- "$@" "$line"; done
fi
printf '%s\\0' "$#" "${0##*/}" "$@" >>"$NOTES"
"""

Argv = tuple[str, ...]


class Sandbox:
    """A directory in which nothing but stubs can be found and nothing may be made."""

    def __init__(self, folder: Path) -> None:
        self.here = folder / "here"
        self._programs = folder / "programs"
        self._notes = folder / "notes"
        self._script = folder / "script"
        for directory in (self.here, self._programs):
            directory.mkdir()
        for name in PROGRAMS:
            program = self._programs / name
            program.write_text(_STUB, "ascii")
            program.chmod(0o755)

    def run(self, shell: str, lines: Iterable[str]) -> list[list[Argv]]:
        """Run the lines as one script and return what each of them has called, in any order, as in a pipe."""
        self._notes.write_bytes(b"")
        # A line that is broken, or goes on in the next one, shows in what comes after it.
        text = "".join((_NEXT, *(f"{line}\n{NEXT}\n" for line in lines)))
        self._script.write_bytes(text.encode("utf-8", "surrogateescape"))
        environ = {"PATH": str(self._programs), "NOTES": str(self._notes), "HOME": "/nowhere", "LC_ALL": "C.UTF-8"}
        subprocess.run(
            (f"/bin/{shell}", str(self._script)), cwd=self.here, env=environ, check=False, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300,
        )  # fmt: skip
        assert os.listdir(self.here) == [], "something was made"  # noqa: PTH208
        return _by_line([*_parse(self._notes.read_bytes().split(b"\0")[:-1])])


def _parse(words: Sequence[bytes]) -> Iterable[Argv]:
    place = 0
    while place < len(words):
        end = place + 2 + int(words[place])
        yield tuple(word.decode("utf-8", "surrogateescape") for word in words[place + 1 : end])
        place = end


def _by_line(called: Iterable[Argv]) -> list[list[Argv]]:
    lines: list[list[Argv]] = [[]]
    for argv in called:
        if argv == (NEXT,):
            lines.append([])
        else:
            lines[-1].append(argv)
    return lines[:-1]
