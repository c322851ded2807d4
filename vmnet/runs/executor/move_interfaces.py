"""Move a domain's interface in one document, and see to it that the kernel has its tap where it belongs."""

from __future__ import annotations

from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING

from vmnet.documents.domains import find_interface, parse_domain_interfaces, pick_interface
from vmnet.documents.interfaces import HOSTDEV, with_filter, with_source
from vmnet.errors import Conflict, HypervisorError, LinkError
from vmnet.host.kernel import link_changes, sysfs
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vmnet.facts import Interface
    from vmnet.host.libvirt.hypervisor import Hypervisor
    from vmnet.plan.steps import LearnAgain, MoveInterface, RemoveInterface

RELEASE_S = 20.0
RELEASE_POLL_S = 0.2
RUNNING = "running"
PERSISTENT = "persistent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Taps:
    """What is read and set of taps in the kernel, past libvirt."""

    read_controller: Callable[[str], str | None] = sysfs.read_controller
    read_mtu: Callable[[str], int | None] = sysfs.read_mtu
    set_controller: Callable[[str, str | None], None] = link_changes.set_controller
    set_mtu: Callable[[str, int], None] = link_changes.set_mtu
    sleep: Callable[[float], None] = sleep


HOST_TAPS = Taps()

NO_TAPS = Taps(read_controller=lambda _: None, read_mtu=lambda _: None)
"""For a hypervisor on another machine: links of this one that happen to have its taps' names are left alone."""


class InterfaceGone(Conflict):
    """The domain has no such interface any more."""


def _find(step: MoveInterface, document: str | None) -> Interface | None:
    """Return the interface as `document` has it; None when the domain has none of that kind, being shut off or
    transient by now."""
    return None if document is None else _pick(step, parse_domain_interfaces(document))


def _pick(step: MoveInterface, interfaces: Sequence[Interface]) -> Interface:
    interface = pick_interface(interfaces, step.mac, step.address)
    if interface is None:
        raise InterfaceGone(
            f"{step.domain} has no interface {step.mac} any more ({step.scope})",
            "another program changed the domain during the run: check it, then run the command again",
        )
    if interface.source not in (step.was, step.wanted):
        raise Conflict(
            f"interface {step.mac} of {step.domain} was moved by another program during the run ({step.scope})",
            "another program changed the domain during the run: check it, then run the command again",
        )
    return interface


def move_persistent(moves: Sequence[MoveInterface], hypervisor: Hypervisor) -> None:
    """Move interfaces of one domain in its persistent document. Those that are there already stay as they are."""
    uuid = moves[0].domain_uuid
    document = hypervisor.read_document(uuid, PERSISTENT)
    if document is None:
        return
    interfaces = parse_domain_interfaces(document)
    found = [(step, _pick(step, interfaces)) for step in moves]
    # Not read back one by one, as the running one is: libvirt's word can be trusted here, and what is stored in the end
    # is compared for all domains at once (`vmnet.checks.rules.moves`).
    for step, interface in found:
        if interface.source != step.wanted:
            element = step.after if step.wanted.type == HOSTDEV else with_source(interface.document, step.wanted)
            hypervisor.update_interface(uuid, PERSISTENT, element)


def _check_moved(step: MoveInterface, document: str | None) -> None:
    seen = _find(step, document)
    if seen is not None and seen.source != step.wanted:
        raise HypervisorError(
            f"libvirt reports no error, but interface {step.mac} of {step.domain} has not moved ({step.scope})",
            "check it with virsh dumpxml, then run the command again",
        )


def move_running(step: MoveInterface, hypervisor: Hypervisor, taps: Taps) -> None:
    """Move the interface in the running document and its tap in the kernel; a domain that is off is passed over.

    Raises:
        HypervisorError: libvirt failed; document and kernel are as they were.
        Conflict, LinkError: as `execute_libvirt`.
    """
    if step.replug:
        _replug(step, hypervisor, taps)
        return
    interface = _find(step, hypervisor.read_document(step.domain_uuid, RUNNING))
    if interface is None:
        return
    tap = interface.target
    if interface.source == step.wanted:
        # libvirt ignores a call with the same source, so the tap is set in the kernel directly.
        _put_tap(tap, step.wanted_bridge, taps)
        return
    before = taps.read_controller(tap) if tap else None
    mtu = _match_mtu(tap, step.wanted_bridge, taps)
    try:
        hypervisor.update_interface(step.domain_uuid, RUNNING, with_source(interface.document, step.wanted))
        _check_moved(step, hypervisor.read_document(step.domain_uuid, RUNNING))
    except HypervisorError:
        # libvirt 11.3 can fail with the tap moved or without any controller, and believe it is where it was.
        _take_back(step, interface, hypervisor)
        if tap and mtu is not None:
            taps.set_mtu(tap, mtu)
        _put_tap(tap, before, taps)
        raise
    _put_tap(tap, step.wanted_bridge, taps)


def _replug(step: MoveInterface, hypervisor: Hypervisor, taps: Taps) -> None:
    """Take the interface out of the running domain and put it in on its new source; one that a kill has left out is put
    in. The guest must let go of it first, which is its own affair."""
    document = hypervisor.read_document(step.domain_uuid, RUNNING)
    if document is None:
        return
    if find_interface(document, step.mac, step.address) is not None:
        interface = _find(step, document)
        if interface is None or interface.source == step.wanted:
            return
        hypervisor.detach_interface(step.domain_uuid, RUNNING, interface.document)
        wait_released(step, step.address, hypervisor, taps)
    hypervisor.attach_interface(step.domain_uuid, RUNNING, step.after)


def wait_released(
    step: MoveInterface | RemoveInterface, address: str | None, hypervisor: Hypervisor, taps: Taps
) -> None:
    """Wait until the guest has let go of an interface that was taken out: libvirt returns before that.

    Raises:
        LinkError: it has not within `RELEASE_S` seconds.
    """
    for _ in range(int(RELEASE_S / RELEASE_POLL_S)):
        document = hypervisor.read_document(step.domain_uuid, RUNNING)
        if document is None or find_interface(document, step.mac, address) is None:
            return
        taps.sleep(RELEASE_POLL_S)
    raise LinkError(
        f"the guest of {step.domain} does not release {step.mac} (waited {RELEASE_S:.0f} s)",
        "the guest must be up and support hot-unplug. If it releases the interface later, the domain has it again at "
        "its next start, as in its persistent document",
    )


def learn_again(step: LearnAgain, hypervisor: Hypervisor, _: Taps) -> None:
    """Take the filter off and put it on again; one that a kill has left off is put on. A domain that is off, or an
    interface that is gone, has none that learns."""
    document = hypervisor.read_document(step.domain_uuid, RUNNING)
    seen = find_interface(document, step.mac, step.address) if document else None
    if seen is None:
        return
    element = with_source(seen.document, seen.source)
    hypervisor.update_interface(step.domain_uuid, RUNNING, with_filter(element, None))
    hypervisor.update_interface(step.domain_uuid, RUNNING, with_filter(element, step.document))


def _match_mtu(tap: str | None, bridge: str | None, taps: Taps) -> int | None:
    """Give the tap the bridge's MTU before it joins: a smaller one would lower the bridge's, for everybody. libvirt
    does the same at the domain's next start. Returns the MTU that the tap had, None where nothing changed."""
    if tap is None or bridge is None:
        return None
    was, wanted = taps.read_mtu(tap), taps.read_mtu(bridge)
    if was is None or wanted is None or was == wanted:
        return None
    taps.set_mtu(tap, wanted)
    return was


def _take_back(step: MoveInterface, interface: Interface, hypervisor: Hypervisor) -> None:
    """After a failed move: where libvirt took the new source into the running document all the same, put back the
    old one, so that the document and the kernel agree."""
    document = hypervisor.read_document(step.domain_uuid, RUNNING)
    seen = find_interface(document, step.mac, step.address) if document else None
    if seen is not None and seen.source == step.wanted:
        hypervisor.update_interface(step.domain_uuid, RUNNING, with_source(interface.document, step.was))


def _put_tap(tap: str | None, bridge: str | None, taps: Taps) -> None:
    """Make `bridge` the tap's controller in the kernel if it is not; libvirt does not look after that (11.3, 12.8)."""
    if tap is None or bridge is None or taps.read_mtu(tap) is None or taps.read_controller(tap) == bridge:
        return
    taps.set_controller(tap, bridge)
    seen = taps.read_controller(tap)
    if seen != bridge:
        raise LinkError(
            f"{tap} has the controller {seen or 'none'} instead of {bridge}",
            command("ip", "link", "set", "dev", tap, "master", bridge),
        )
