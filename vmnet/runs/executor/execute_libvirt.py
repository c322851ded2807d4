"""Carry out the steps that change libvirt's networks and domains.

Each step looks first and does nothing where all is as wanted, so that it may run again after a crash. As an undo
step (`undoing`) it also passes over what is gone by now: a domain that was removed or shut off needs no move back.
"""

from __future__ import annotations

from functools import singledispatch
from typing import TYPE_CHECKING

from vmnet.documents.domains import find_interface, rewrite_sources
from vmnet.errors import Conflict, HypervisorError
from vmnet.host.libvirt.libvirt_calls import GONE
from vmnet.plan import steps
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
    step: steps.LibvirtStep, hypervisor: Hypervisor, *, undoing: bool = False, taps: Taps | None = None
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
        on_libvirt(step, hypervisor, taps)
    except HypervisorError as error:
        if not (undoing and error.code in GONE):
            raise
    except InterfaceGone:
        if not undoing:
            raise


@singledispatch
def on_libvirt(step: steps.LibvirtStep, _hypervisor: Hypervisor, _taps: Taps) -> None:
    """Carry out a step of its class."""
    raise TypeError(f"{type(step).__name__} is no call of libvirt's")


on_libvirt.register(steps.LearnAgain, learn_again)
on_libvirt.register(steps.BounceLinks, bounce_links)
on_libvirt.register(steps.RaiseLinks, raise_links)


@on_libvirt.register(steps.DefineNetwork)
def _(step: steps.DefineNetwork, hypervisor: Hypervisor, _: Taps) -> None:
    hypervisor.define_network(step.name, step.document)


@on_libvirt.register(steps.StartNetwork)
def _(step: steps.StartNetwork, hypervisor: Hypervisor, _: Taps) -> None:
    if step.restart:
        hypervisor.stop_network(step.name)
    hypervisor.start_network(step.name)


@on_libvirt.register(steps.StopNetwork)
def _(step: steps.StopNetwork, hypervisor: Hypervisor, _: Taps) -> None:
    hypervisor.stop_network(step.name)


@on_libvirt.register(steps.UndefineNetwork)
def _(step: steps.UndefineNetwork, hypervisor: Hypervisor, _: Taps) -> None:
    hypervisor.undefine_network(step.name)


@on_libvirt.register(steps.SetNetworkAutostart)
def _(step: steps.SetNetworkAutostart, hypervisor: Hypervisor, _: Taps) -> None:
    hypervisor.set_network_autostart(step.name, autostart=step.autostart)


@on_libvirt.register(steps.MoveInterface)
def _(step: steps.MoveInterface, hypervisor: Hypervisor, taps: Taps) -> None:
    if step.scope == RUNNING:
        move_running(step, hypervisor, taps)
    else:
        move_persistent((step,), hypervisor)


@on_libvirt.register(steps.ProveUnused)
def _(step: steps.ProveUnused, hypervisor: Hypervisor, _: Taps) -> None:
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


@on_libvirt.register(steps.RewriteSavedState)
def _(step: steps.RewriteSavedState, hypervisor: Hypervisor, _: Taps) -> None:
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


@on_libvirt.register(steps.AddInterface)
def _(step: steps.AddInterface, hypervisor: Hypervisor, _: Taps) -> None:
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


@on_libvirt.register(steps.RemoveInterface)
def _(step: steps.RemoveInterface, hypervisor: Hypervisor, taps: Taps) -> None:
    for scope in step.scopes:
        document = hypervisor.read_document(step.domain_uuid, scope)
        interface = find_interface(document, step.mac, None) if document else None
        if interface is None:
            continue
        hypervisor.detach_interface(step.domain_uuid, scope, interface.document)
        if scope == RUNNING:
            wait_released(step, None, hypervisor, taps)
