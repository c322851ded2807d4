"""Have guests ask for new addresses: through their agents, or by taking their links down and up, in the running
documents only, so that none is left down."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from typing import TYPE_CHECKING

from vmnet.documents.domains import find_interface
from vmnet.documents.interfaces import with_link_state, with_source
from vmnet.errors import HypervisorError
from vmnet.host.libvirt.libvirt_calls import GONE
from vmnet.runs.executor.move_interfaces import RUNNING, Taps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from vmnet.host.libvirt.hypervisor import Hypervisor
    from vmnet.plan.steps import BouncedLink, BounceLinks, RaiseLinks


def bounce_links(step: BounceLinks, hypervisor: Hypervisor, taps: Taps) -> None:
    """Links down together, one pause, and each back with exactly the element it had; whatever happens meanwhile. Those
    whose guest's agent has done it stay up."""
    done = renew_by_agents([link for link in step.links if link.agent], hypervisor)
    if step.seconds > 0:
        _bounce([link for link in step.links if link not in done], step.seconds, hypervisor, taps)


def _bounce(links: Iterable[BouncedLink], seconds: int, hypervisor: Hypervisor, taps: Taps) -> None:
    lowered: list[tuple[str, str]] = []
    try:
        for link in links:
            element = _link_element(link, hypervisor, up=True)
            if element is not None:
                lowered.append((link.domain_uuid, element))
                _set_link(link.domain_uuid, with_link_state(element, "down"), hypervisor)
        if lowered:
            taps.sleep(seconds)
    finally:
        _put_links_back(lowered, hypervisor)


def _put_links_back(lowered: list[tuple[str, str]], hypervisor: Hypervisor) -> None:
    """Put back one by one, from the end of the list, so that an interruption loses none but the one in hand."""
    failed: HypervisorError | None = None
    try:
        while lowered:
            uuid, element = lowered[-1]
            try:
                _set_link(uuid, element, hypervisor)
            except HypervisorError as error:
                failed = error
            lowered.pop()
    except KeyboardInterrupt:
        _put_links_back(lowered, hypervisor)
        raise
    if failed is not None:
        raise failed


def _link_element(link: BouncedLink, hypervisor: Hypervisor, *, up: bool) -> str | None:
    """Return the running interface's element, fit to be handed back, if its link is as `up` says; else None.

    `portid` and `bridge` of the running document go: handed back, they would take the network from it.
    """
    try:
        document = hypervisor.read_document(link.domain_uuid, RUNNING)
    except HypervisorError as error:
        if error.code in GONE:
            return None
        raise
    interface = find_interface(document, link.mac, link.address) if document else None
    if interface is None or interface.link_up is not up:
        return None
    return with_source(interface.document, interface.source)


def _set_link(uuid: str, element: str, hypervisor: Hypervisor) -> None:
    """Change the running document; a domain that was shut off meanwhile has no link to set."""
    try:
        hypervisor.update_interface(uuid, RUNNING, element)
    except HypervisorError:
        if _is_running(uuid, hypervisor):
            raise


def _is_running(uuid: str, hypervisor: Hypervisor) -> bool:
    try:
        return hypervisor.read_document(uuid, RUNNING) is not None
    except HypervisorError as error:
        return error.code not in GONE


def raise_links(step: RaiseLinks, hypervisor: Hypervisor, _: Taps) -> None:
    """Put up what a bounce that was cut short left down; links that are up stay as they are."""
    for link in step.links:
        element = _link_element(link, hypervisor, up=False)
        if element is not None:
            _set_link(link.domain_uuid, with_link_state(element, "up" if link.stated_up else None), hypervisor)


# Have guests' DHCP clients ask for new addresses by a command that their agents carry out.

AT_ONCE = 8
DEADLINE_S = 20.0
"""systemd-networkd and NetworkManager answer at once; dhclient first tells the old server, which nobody hears."""
POLL_S = 0.2


def renew_by_agents(links: Sequence[BouncedLink], hypervisor: Hypervisor) -> frozenset[BouncedLink]:
    """Run `renew_guest.sh` in the guests, several at a time, and return the links where it was done.

    Where there is no agent, or one that carries out no commands (distributions block guest-exec), where the guest has
    no shell or a DHCP client that is not known, the link is not among them.
    """
    if not links:
        return frozenset()
    script = (files("vmnet.runs.executor") / "renew_guest.sh").read_text("utf-8")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = pool.map(lambda link: _renew(link, script, hypervisor), links)
        return frozenset(link for link, well in zip(links, done, strict=True) if well)


def _renew(link: BouncedLink, script: str, hypervisor: Hypervisor) -> bool:
    words = ["-c", script, "vmnet", link.mac]
    deadline = time.monotonic() + DEADLINE_S
    try:
        begun = hypervisor.command_agent(link.domain_uuid, "guest-exec", path="/bin/sh", arg=words)
        if not isinstance(begun, dict):
            return False
        while time.monotonic() < deadline:
            ended = hypervisor.command_agent(link.domain_uuid, "guest-exec-status", pid=begun.get("pid"))
            if not isinstance(ended, dict):
                return False
            if ended.get("exited"):
                return ended.get("exitcode") == 0
            time.sleep(POLL_S)
    except HypervisorError:
        return False
    return False
