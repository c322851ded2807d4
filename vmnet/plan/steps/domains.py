"""Steps on the interfaces of one domain."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.documents.interfaces import HOSTDEV, parse_interface, with_filter, with_source
from vmnet.documents.text import parse_document
from vmnet.facts import Source
from vmnet.names import Mac
from vmnet.plan.steps.base import Call, LibvirtStep, document_diff, listed, with_document
from vmnet.shell_words import command, virsh_domain

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmnet.shell_words import Command

LIVE = "VIR_DOMAIN_AFFECT_LIVE"
_FLAGS = {"running": LIVE, "persistent": "VIR_DOMAIN_AFFECT_CONFIG"}
_OPTIONS = {"running": "--live", "persistent": "--config"}


class DomainStep(LibvirtStep):
    """Changes domains, or waits for their guests."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OfDomain:
    """What has a domain."""

    domain: str
    domain_uuid: str

    def virsh(self, verb: str, *words: str) -> Command:
        """Return a command of virsh on the domain."""
        return command("virsh", verb, virsh_domain(self.domain, self.domain_uuid), *words)


@dataclass(frozen=True, slots=True, kw_only=True)
class _OneDomainStep(OfDomain, DomainStep):
    @property
    def domains(self) -> tuple[str, ...]:
        return (self.domain_uuid,)

    def _device(self, verb: str, file: str, element: str, *scopes: str) -> Call:
        """An interface that is updated, attached or detached."""
        flags = " | ".join(_FLAGS.get(scope, scope) for scope in scopes)
        options = (_OPTIONS.get(scope, f"--{scope}") for scope in scopes)
        return Call(
            call=f"virDomain{verb}DeviceFlags({self.domain}, {element}, {flags})",
            virsh=self.virsh(f"{verb.lower()}-device", file, *options),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class IndependentStep(_OneDomainStep):
    """Touches nothing but its domain: those of several domains may be taken at the same time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveInterface(IndependentStep):
    """Change the source of one interface in one document of a domain, and nothing else.

    `scope` is "running" or "persistent"; mac and address (PCI) find the interface. `document` is the `<interface>`
    element as it was when the run was planned; the executor edits the one that is there by then. `replug`: libvirt
    cannot change this type while the domain runs, so the interface is unplugged and plugged in again.
    """

    scope: str
    mac: Mac
    address: str | None
    was: Source
    wanted: Source
    document: str
    wanted_bridge: str | None = None
    replug: bool = False

    @property
    def before(self) -> str:
        """The element with its old source, for people to compare."""
        there = parse_interface(parse_document(self.document)).source == self.was
        return self.document if there else with_source(self.document, self.was)

    @property
    def after(self) -> str:
        """The element on its new source."""
        whole = self.replug or self.wanted.type == HOSTDEV
        if whole and parse_interface(parse_document(self.document)).source == self.wanted:
            # Moved back, it must also have what the other type cannot express.
            return self.document
        return with_source(self.document, self.wanted)

    def text(self) -> str:
        verb = "replug" if self.replug else "move"
        return f"{verb} {self.domain} {self.mac} to {self.wanted} ({self.scope})"

    def calls(self) -> tuple[Call, ...]:
        element = _element(self.mac, self.document)
        if not self.replug:
            return (self._device("Update", "interface.xml", element, self.scope),)
        detach = self._device("Detach", "interface.xml", element, "running")
        return (detach, self._device("Attach", "wanted.xml", element, "running"))

    def diff(self) -> tuple[str, ...]:
        return document_diff(self.before, self.after, f"{self.domain} {self.mac} ({self.scope})")

    def undo_lines(self) -> Iterable[str]:
        uuid, unless = shlex.quote(self.domain_uuid), unless_off(self.domain_uuid, self.scope)
        if self.replug:
            yield f"{unless}unplug {uuid} {shlex.quote(self.mac)} --live"
        verb = "attach-device" if self.replug else "update-device"
        yield from with_document(f"{unless}try", f"virsh {verb} {uuid} {_OPTIONS[self.scope]} --file", self.after)


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnAgain(IndependentStep):
    """Remove the filter from a running interface and add it again, so that it learns the guest's new address; it keeps
    the first one that it has seen. `document` is the `<interface>` element with the filter."""

    mac: Mac
    address: str | None
    document: str

    def text(self) -> str:
        return f"make the filter of {self.domain} {self.mac} learn the guest's address again"

    def calls(self) -> tuple[Call, ...]:
        element = _element(self.mac, self.document)
        files = {"without": "without-filter.xml", "with": "interface.xml"}
        return tuple(
            self._device("Update", file, f"{element} {how} <filterref>", "running") for how, file in files.items()
        )

    def undo_lines(self) -> Iterable[str]:
        update = shlex.join(("virsh", "update-device", self.domain_uuid, "--live", "--file"))
        for text in (with_filter(self.document, None), self.document):
            yield from with_document(f"{unless_off(self.domain_uuid, 'running')}try", update, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class RewriteSavedState(IndependentStep):
    """Change the source of interfaces inside a managed save image (`snapshot` None) or a snapshot.

    Every interface in it whose mac is in `macs` and whose source is `was` gets `wanted`.
    """

    snapshot: str | None
    macs: tuple[Mac, ...]
    was: Source
    wanted: Source

    def text(self) -> str:
        what = "the managed save" if self.snapshot is None else f"snapshot {self.snapshot}"
        return f"change {what} of {self.domain} to {self.wanted}"

    def calls(self) -> tuple[Call, ...]:
        if self.snapshot is None:
            call = f"virDomainManagedSaveDefineXML({self.domain}, <domain>)"
            return (Call(call=call, virsh=self.virsh("managedsave-edit")),)
        snapshot = f"<domainsnapshot> {self.snapshot}"
        call = f"virDomainSnapshotCreateXML({self.domain}, {snapshot}, VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE)"
        return (Call(call=call, virsh=self.virsh("snapshot-create", "snapshot.xml", "--redefine")),)

    def undo_lines(self) -> Iterable[str]:
        uuid, snapshot = self.domain_uuid, self.snapshot
        what = ("snapshot-edit", "--", uuid, snapshot) if snapshot is not None else ("managedsave-edit", uuid)
        source = self.wanted.network or self.wanted.bridge
        text = f"by hand: {shlex.join(('virsh', *what))}    # {self.domain}: its interfaces move back to {source}"
        return (shlex.join(("say", text)), "failed=$((failed + 1))")


@dataclass(frozen=True, slots=True, kw_only=True)
class AddInterface(_OneDomainStep):
    """Give a domain a new interface; `scopes` are the documents that get it ("persistent", "running")."""

    mac: Mac
    document: str
    scopes: tuple[str, ...]

    def text(self) -> str:
        return f"add interface {self.mac} to {self.domain} ({listed(self.scopes)})"

    def calls(self) -> tuple[Call, ...]:
        return (self._device("Attach", "interface.xml", _element(self.mac, self.document), *self.scopes),)

    def diff(self) -> tuple[str, ...]:
        return document_diff("", self.document, f"{self.domain} {self.mac}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveInterface(_OneDomainStep):
    """Remove an interface that vmnet added to a domain."""

    mac: Mac
    scopes: tuple[str, ...]

    def text(self) -> str:
        return f"remove interface {self.mac} from {self.domain} ({listed(self.scopes)})"

    def calls(self) -> tuple[Call, ...]:
        return (self._device("Detach", "interface.xml", _element(self.mac), *self.scopes),)

    def undo_lines(self) -> Iterable[str]:
        for scope in self.scopes:
            unplug = shlex.join(("unplug", self.domain_uuid, self.mac, _OPTIONS[scope]))
            yield f"{unless_off(self.domain_uuid, scope)}{unplug}"


def _element(mac: str, document: str = "") -> str:
    kind = " type='network'" if "type='network'" in document or 'type="network"' in document else ""
    return f"<interface{kind}> {mac}"


def unless_off(uuid: str, scope: str = "running") -> str:
    """Return what is before a command on a domain's document in a script: the running one goes with the guest."""
    asked = f"virsh domstate {shlex.quote(uuid)} 2>/dev/null"
    return f'[ "$({asked})" = "shut off" ] || ' if scope == "running" else ""
