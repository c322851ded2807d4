"""Carry out the steps that change libvirt's networks and domains.

Each step looks first and does nothing where all is as wanted, so that it may run again after a crash. As an undo
step (`undoing`) it also passes over what is gone by now: a domain that was removed or shut off needs no move back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.documents.domains import find_interface, rewrite_sources
from vmnet.errors import Conflict, HypervisorError
from vmnet.host.libvirt.libvirt_calls import GONE
from vmnet.plan.steps import (
    AddInterface,
    BounceLinks,
    DefineNetwork,
    LearnAgain,
    LibvirtStep,
    MoveInterface,
    Pause,
    ProveUnused,
    RaiseLinks,
    RemoveInterface,
    RewriteSavedState,
    SetNetworkAutostart,
    StartNetwork,
    StopNetwork,
    UndefineNetwork,
    WaitGuests,
)
from vmnet.runs.executor.bounce_links import bounce_links, raise_links
from vmnet.runs.executor.move_interfaces import (
    HOST_TAPS,
    NO_TAPS,
    PERSISTENT,
    RUNNING,
    InterfaceGone,
    Taps,
    learn_again,
    move_persistent,
    move_running,
    wait_released,
)

if TYPE_CHECKING:
    from vmnet.facts import Domain, Interface
    from vmnet.host.libvirt.hypervisor import Hypervisor


def execute_libvirt(
    step: LibvirtStep, hypervisor: Hypervisor, *, undoing: bool = False, taps: Taps | None = None
) -> None:
    """Carry out one step.

    Args:
        undoing: the step undoes an earlier one: what it would change and is gone is passed over.
        taps: the kernel's side (tests hand in their own); None: this machine's, if the hypervisor runs on it.

    Raises:
        HypervisorError: libvirt refused or is out of reach.
        Conflict: an interface is not where the plan saw it.
        LinkError: the kernel refused to put a tap where it belongs.
    """
    if taps is None:
        taps = HOST_TAPS if hypervisor.local else NO_TAPS
    try:
        _execute(step, hypervisor, taps)
    except HypervisorError as error:
        if not (undoing and error.code in GONE):
            raise
    except InterfaceGone:
        if not undoing:
            raise


def _execute(step: LibvirtStep, hypervisor: Hypervisor, taps: Taps) -> None:  # noqa: C901, PLR0912 - one match
    match step:
        case DefineNetwork(name=name, document=document):
            hypervisor.define_network(name, document)
        case StartNetwork(name=name, restart=restart):
            if restart:
                hypervisor.stop_network(name)
            hypervisor.start_network(name)
        case StopNetwork(name=name):
            hypervisor.stop_network(name)
        case UndefineNetwork(name=name):
            hypervisor.undefine_network(name)
        case SetNetworkAutostart(name=name, autostart=autostart):
            hypervisor.set_network_autostart(name, autostart=autostart)
        case MoveInterface(scope="running"):
            move_running(step, hypervisor, taps)
        case MoveInterface():
            move_persistent((step,), hypervisor)
        case LearnAgain():
            learn_again(step, hypervisor)
        case RewriteSavedState():
            _rewrite(step, hypervisor)
        case AddInterface():
            _add(step, hypervisor)
        case RemoveInterface():
            _remove(step, hypervisor, taps)
        case BounceLinks():
            bounce_links(step, hypervisor, taps)
        case RaiseLinks(links=links):
            raise_links(links, hypervisor)
        case ProveUnused():
            _prove_unused(step, hypervisor)
        case WaitGuests() | Pause():
            raise TypeError(f"{type(step).__name__} is no call of libvirt's")


def _prove_unused(step: ProveUnused, hypervisor: Hypervisor) -> None:
    """Raise Conflict where a document names the network, or its bridge: one that was not there, or elsewhere, when the
    run was planned."""
    users = sorted(
        {
            domain.name
            for domain in hypervisor.read_domains()
            for interface in (*domain.running, *domain.persistent, *(domain.saved or ()), *_of_snapshots(domain))
            if interface.source.network == step.network
            or (step.bridge is not None and interface.source.bridge == step.bridge)
        }
    )
    if users:
        raise Conflict(
            f"network {step.network} is not retired: it is used again by {', '.join(users)}",
            "run the command again: it moves them, and then retires the network",
        )


def _of_snapshots(domain: Domain) -> tuple[Interface, ...]:
    return tuple(interface for snapshot in domain.snapshots for interface in snapshot.interfaces)


def _rewrite(step: RewriteSavedState, hypervisor: Hypervisor) -> None:
    uuid, snapshot = step.domain_uuid, step.snapshot
    if snapshot is None:
        document = hypervisor.read_saved_document(uuid)
    else:
        document = hypervisor.read_snapshot_document(uuid, snapshot)
    if document is None:
        return  # started, or deleted meanwhile: nothing is left that would come back
    wanted = rewrite_sources(document, step.macs, step.was, step.wanted)
    if wanted == rewrite_sources(document, (), step.was, step.wanted):
        return
    if snapshot is None:
        hypervisor.write_saved_document(uuid, wanted)
    else:
        hypervisor.write_snapshot_document(uuid, snapshot, wanted)


def _add(step: AddInterface, hypervisor: Hypervisor) -> None:
    """Add to the persistent document first. The running document then gets the PCI address that libvirt chose there, so
    that the guest sees the same device after a power cycle."""
    element = step.document
    for scope in (PERSISTENT, RUNNING):
        document = hypervisor.read_document(step.domain_uuid, scope) if scope in step.scopes else None
        if document is None:
            continue
        if find_interface(document, step.mac, None) is None:
            hypervisor.attach_interface(step.domain_uuid, scope, element)
            document = hypervisor.read_document(step.domain_uuid, scope) or document
        added = find_interface(document, step.mac, None)
        element = added.document if added and scope == PERSISTENT else element


def _remove(step: RemoveInterface, hypervisor: Hypervisor, taps: Taps) -> None:
    for scope in step.scopes:
        document = hypervisor.read_document(step.domain_uuid, scope)
        interface = find_interface(document, step.mac, None) if document else None
        if interface is None:
            continue
        hypervisor.detach_interface(step.domain_uuid, scope, interface.document)
        if scope == RUNNING:
            wait_released(step, None, hypervisor, taps)
