"""Steps on libvirt's networks."""

from __future__ import annotations

import shlex
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.plan.steps.base import Call, LibvirtStep, document_diff, with_document
from vmnet.shell_words import command, last

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkStep(LibvirtStep):
    """Changes a network."""

    name: str

    @abstractmethod
    def lines(self, run: str) -> Iterable[str]:
        """Return the step's lines in a script; `run` is the function that runs its commands."""

    def run_lines(self) -> Iterable[str]:
        return self.lines("run")

    def undo_lines(self) -> Iterable[str]:
        return self.lines("try")

    def _line(self, state: str, join: str, run: str, verb: str) -> str:
        """A command of virsh, which depends (`join`: && or ||) on a line of `virsh net-info`."""
        name = shlex.quote(self.name)
        return f"network {name} '{state}: *yes' {join} {run} virsh {verb} -- {name}"

    def _call(self, call: str, *virsh: str) -> Call:
        return Call(call=call, virsh=command("virsh", *virsh, *last(self.name)))

    def _stop(self) -> Call:
        return self._call(f"virNetworkDestroy({self.name})", "net-destroy")


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineNetwork(NetworkStep):
    """Define a libvirt network from its document, checked against libvirt's schema."""

    document: str
    was: str | None = None

    def text(self) -> str:
        return f"{'redefine' if self.was else 'define'} network {self.name}"

    def calls(self) -> tuple[Call, ...]:
        call = f"virNetworkDefineXMLFlags(<network> {self.name}, VIR_NETWORK_DEFINE_VALIDATE)"
        return (Call(call=call, virsh=command("virsh", "net-define", "network.xml", "--validate")),)

    def diff(self) -> tuple[str, ...]:
        return document_diff(self.was or "", self.document, f"network {self.name}")

    def lines(self, run: str) -> Iterable[str]:
        return with_document(run, "virsh net-define", self.document)


@dataclass(frozen=True, slots=True, kw_only=True)
class StartNetwork(NetworkStep):
    """Start a libvirt network; `restart` stops it first (taps stay in the bridge)."""

    restart: bool = False

    def text(self) -> str:
        return f"{'restart' if self.restart else 'start'} network {self.name}"

    def calls(self) -> tuple[Call, ...]:
        create = self._call(f"virNetworkCreate({self.name})", "net-start")
        return (self._stop(), create) if self.restart else (create,)

    def lines(self, run: str) -> Iterable[str]:
        if self.restart:
            yield self._line("Active", "&&", run, "net-destroy")
        yield self._line("Active", "||", run, "net-start")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopNetwork(NetworkStep):
    """Stop a libvirt network."""

    def text(self) -> str:
        return f"stop network {self.name}"

    def calls(self) -> tuple[Call, ...]:
        return (self._stop(),)

    def lines(self, run: str) -> Iterable[str]:
        return (self._line("Active", "&&", run, "net-destroy"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class UndefineNetwork(NetworkStep):
    """Remove a libvirt network's definition."""

    def text(self) -> str:
        return f"undefine network {self.name}"

    def calls(self) -> tuple[Call, ...]:
        return (self._call(f"virNetworkUndefine({self.name})", "net-undefine"),)

    def lines(self, run: str) -> Iterable[str]:
        return (self._line("Persistent", "&&", run, "net-undefine"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetNetworkAutostart(NetworkStep):
    """Set the autostart of a libvirt network."""

    autostart: bool

    def text(self) -> str:
        return f"{'enable' if self.autostart else 'disable'} the autostart of network {self.name}"

    def _virsh(self) -> tuple[str, ...]:
        return ("net-autostart",) if self.autostart else ("net-autostart", "--disable")

    def calls(self) -> tuple[Call, ...]:
        return (self._call(f"virNetworkSetAutostart({self.name}, {int(self.autostart)})", *self._virsh()),)

    def lines(self, run: str) -> Iterable[str]:
        return (self._line("Persistent", "&&", run, " ".join(self._virsh())),)
