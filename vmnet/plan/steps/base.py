"""What every step has: its words, its commands, what libvirt is called for it, and its lines in a script.

A step is a frozen record. `vmnet.runs.executor` carries it out. Every undo is idempotent: it may run although its step
never did, or ran half.
"""

from __future__ import annotations

import difflib
import shlex
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.names import printable
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmnet.shell_words import Command

Argv = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A libvirt call as text, and how the same is done with virsh."""

    call: str
    virsh: Command


class Step(ABC):
    """What a run does in one go. A new class has `text`, and of the rest what applies to it."""

    __slots__ = ()

    def __str__(self) -> str:
        return printable(self.text())

    @abstractmethod
    def text(self) -> str:
        """Return what the step does, in the imperative and without a full stop."""

    def commands(self) -> tuple[Argv, ...]:
        """Return the commands that carry out the step: `--plan` prints what the executor runs. Empty: none does it."""
        return ()

    def shell_lines(self) -> tuple[Command, ...]:
        """Return the commands, each ready to paste."""
        return tuple(command(*argv) for argv in self.commands())

    def calls(self) -> tuple[Call, ...]:
        """Return the libvirt calls of the step, in order."""
        return ()

    def by_hand(self) -> tuple[Command, ...]:
        """Return what a person types to carry the step out. Empty: no command does it."""
        return (*self.shell_lines(), *(call.virsh for call in self.calls()))

    def diff(self) -> tuple[str, ...]:
        """Return the unified diff of the step's XML document, without line ends. Empty: it has none."""
        return ()

    @property
    def domains(self) -> tuple[str, ...]:
        """The UUIDs of the domains that the step changes."""
        return ()

    def run_lines(self) -> Iterable[str]:
        """Return the lines that carry out the step in `vmnet.report.host_script`."""
        return (shlex.join(("run", *argv)) for argv in self.commands())

    def undo_lines(self) -> Iterable[str]:
        """Return the lines that carry out the step as an undo, with the functions of `vmnet.plan.shell`."""
        return (shlex.join(("try", *argv)) for argv in self.commands())


class HostStep(Step):
    """Changes or waits for the host: NetworkManager's profiles and devices, and links."""

    __slots__ = ()


class LibvirtStep(Step):
    """Changes or waits for libvirt's networks and domains."""

    __slots__ = ()


def listed(items: Iterable[object], *, nothing: str = "none") -> str:
    """Return the items with commas between them."""
    return ", ".join(map(str, items)) or nothing


def document_diff(before: str, after: str, what: str) -> tuple[str, ...]:
    """Return the unified diff of two documents, the first of which may be empty."""
    was, wanted = _lines(before), _lines(after)
    names = (f"{what} as it is" if was else "/dev/null", f"{what} as wanted")
    return tuple(difflib.unified_diff(was, wanted, *names, lineterm=""))


def _lines(document: str) -> list[str]:
    """The document's lines. An element cut out of a larger document keeps its depth there in all lines but the
    first: it goes, with the depth of the closing tag for measure."""
    lines = document.strip().splitlines()
    depth = len(lines[-1]) - len(lines[-1].lstrip()) if lines else 0
    return [line[depth:] if line[:depth].isspace() else line for line in lines]


def with_document(run: str, command: str, text: str) -> Iterable[str]:
    """Yield the lines that have the function `run` run a command with `text` as its input, without a file: the disk may
    be full.

    All lines are indented: none ends the text, and dash 0.5.12 loses a byte of a line that begins
    as the end does and continues with non-ASCII letters.
    """
    yield f"{run} with_input {command} /dev/stdin <<'END'"
    yield from (f" {line}" for line in text.rstrip("\n").split("\n"))
    yield "END"
