"""Wait for what the kernel must show: carrier, LACP, ports, addresses, neighbours. Each has a deadline."""

from __future__ import annotations

import time
from contextlib import suppress
from functools import singledispatch
from typing import TYPE_CHECKING

from vmnet.errors import LinkError
from vmnet.facts.proof import proof_of
from vmnet.host.gather import read_link_facts
from vmnet.host.kernel import link_changes, netlink, sysfs
from vmnet.host.lan import arp_probe
from vmnet.host.lan.probes import provoke, try_probe
from vmnet.host.networkmanager import nmcli
from vmnet.host.networkmanager.profile_files import is_as_copied
from vmnet.plan import steps
from vmnet.plan.host.answers import AT_THE_SWITCH

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from vmnet.facts.proof import Proof
    from vmnet.spec import IpAddress, IpInterface

POLL_S = 0.05
_SOON_S = 0.005
"""After the first look: a neighbour answers within milliseconds."""
_OFTEN_S = 2.0
"""For so long a neighbour is asked at each look: a switch may listen a moment later than its LACP says."""
CABLE_S = 10.0
"""A NIC that joins a bond is down for a moment, and negotiates for some seconds."""
_DEFAULTED = 0x40
"""Bit 6 of a LACP port state: the partner's values are defaults, nobody has spoken."""


def wait(step: steps.WaitStep, alive: Callable[[float], None], is_confirmed: Callable[[], bool]) -> None:
    """Wait until what the step says holds.

    Args:
        alive: called at each look with the seconds that are left, so that a longer timer elsewhere can be kept from
            running out.
        is_confirmed: whether the admin has confirmed the run.

    Raises:
        LinkError: it did not come within the step's time; the message says what is missing.
    """
    lacking = _wait(step, step.timeout_s, alive, is_confirmed)
    waited_s, hint = step.timeout_s, step.hint
    if lacking and isinstance(step, steps.WaitAnswer) and step.others:
        lacking = _with_others_down(step, alive)
        waited_s, hint = waited_s + 2 * steps.LINK_DOWN_S, AT_THE_SWITCH
    if lacking:
        raise LinkError(f"{lacking} (waited {waited_s} s)", hint)


def _with_others_down(step: steps.WaitAnswer, alive: Callable[[float], None]) -> str:
    """Take the other links down for a while, so that the switch sees that they are no way, and return what is missing
    when they are up again."""
    others = [ifname for ifname in step.others if sysfs.read_carrier(ifname)]
    for up in (False, True):
        for ifname in others:
            with suppress(LinkError):
                link_changes.set_up(ifname, up=up)
        lacking = _wait(step, steps.LINK_DOWN_S, alive, lambda: False)
    return lacking


def _wait(
    step: steps.WaitStep, seconds: float, alive: Callable[[float], None], is_confirmed: Callable[[], bool]
) -> str:
    """Return "" as soon as all is as wanted, or what is missing when the time has run out."""
    started = time.monotonic()
    deadline = started + seconds
    pause_s = _SOON_S
    while lacking := missing(step, is_confirmed, time.monotonic() - started):
        if time.monotonic() > deadline:
            return lacking
        alive(deadline - time.monotonic())
        time.sleep(pause_s)
        pause_s = min(2 * pause_s, POLL_S)
    return ""


def watch_lease(
    ifname: str, lease: IpAddress | None, end_before: str, seconds: float, alive: Callable[[float], None]
) -> None:
    """Watch that a link keeps its address while NetworkManager renews its lease.

    That is until the lease has another end, or has stood for so many seconds: some servers give no more than is left.

    Args:
        lease: the address that a server had given to it, as `nmcli.read_lease` says.
        end_before: when that lease ended (`nmcli.read_lease_end`).

    Raises:
        LinkError: the address is gone.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if lease not in [address.ip for address in _global_addresses(ifname)]:
            raise LinkError(
                f"{ifname} has lost its DHCP address",
                "check that the DHCP server answers: journalctl -u NetworkManager",
            )
        if nmcli.read_lease_end(ifname) not in ("", end_before):
            return
        alive(deadline - time.monotonic())
        time.sleep(POLL_S)


@singledispatch
def missing(step: steps.WaitStep, _is_confirmed: Callable[[], bool], _waited_s: float) -> str:
    """Return what is not yet as wanted, "" when all is."""
    raise TypeError(f"nothing tells when {type(step).__name__} is over")


@missing.register(steps.WaitCarrier)
def _(step: steps.WaitCarrier, *_: object) -> str:
    return "" if sysfs.read_carrier(step.ifname) else f"{step.ifname} has no carrier"


@missing.register(steps.WaitLacp)
def _(step: steps.WaitLacp, _: object, waited_s: float) -> str:
    ports = _with_cable(step.ports, waited_s)
    return next((text for port in ports if (text := _lacp_missing(port, step.this_end))), "")


@missing.register(steps.WaitPorts)
def _(step: steps.WaitPorts, *_: object) -> str:
    return next((text for port in step.ports if (text := _port_missing(port, step.controller))), "")


@missing.register(steps.WaitNeighbour)
def _(step: steps.WaitNeighbour, _: object, waited_s: float) -> str:
    provoke(step.address, step.ifname)
    if waited_s < _OFTEN_S:
        # The kernel asks once a second, and what it sends before the switch listens is lost.
        arp_probe.send_once(step.address, step.ifname)
    there = netlink.read_neighbour(step.address, step.ifname)
    return "" if there else f"{step.address} does not answer on {step.ifname}"


@missing.register(steps.WaitAnswer)
def _(step: steps.WaitAnswer, *_: object) -> str:
    return try_probe(step.probe, fresh=True)


@missing.register(steps.WaitConfirmation)
def _(_: steps.WaitConfirmation, is_confirmed: Callable[[], bool], __: float) -> str:
    return "" if is_confirmed() else "nobody has confirmed the change"


def _with_cable(ports: tuple[str, ...], waited_s: float) -> tuple[str, ...]:
    """Return the ports that can have LACP. If a cable was pulled during the run, the other ports go on without it: a
    rollback to that port would cut off the host."""
    with_carrier = tuple(port for port in ports if sysfs.read_carrier(port))
    return with_carrier if with_carrier and waited_s > CABLE_S else ports


def _lacp_missing(port: str, this_end: bool) -> str:
    lacp = sysfs.read_lacp(port)
    if lacp is None:
        return f"{port} is not a port of an 802.3ad bond"
    passes = lacp.forwarding if this_end else lacp.both_forwarding
    if lacp.actor_state & _DEFAULTED or not passes:
        return f"the switch has not negotiated LACP with {port} (port state {lacp.actor_state})"
    return ""


def _port_missing(port: str, controller: str) -> str:
    seen = sysfs.read_controller(port)
    if seen != controller:
        return f"{port} has the controller {seen or 'none'} instead of {controller}"
    state = sysfs.read_bridge_port_state(port)
    if state not in (None, "forwarding"):
        return f"{port} is {state} in {controller}"
    return "" if sysfs.read_carrier(port) else f"{port} has no carrier"


def _global_addresses(ifname: str) -> list[IpInterface]:
    return [
        a.interface for a in netlink.read_addresses() if a.ifname == ifname and a.scope == "global" and not a.tentative
    ]


@missing.register(steps.WaitAddress)
def _(step: steps.WaitAddress, *_: object) -> str:
    there = _global_addresses(step.ifname)
    if step.leased:
        lease = nmcli.read_lease(step.ifname)
        if not any(address.ip == lease for address in step.addresses or there):
            return f"{step.ifname} has no address from DHCP"
    if not step.addresses:
        return "" if any(a.version == 4 for a in there) else f"{step.ifname} has no IPv4 address"
    lacking = [str(a) for a in step.addresses if a not in there]
    return f"{step.ifname} does not have {', '.join(lacking)}" if lacking else ""


# Prove that a link which a run was not to touch is as it was.


def prove_untouched(step: steps.ProveUntouched, copies: Path) -> None:
    """Compare the link with what the plan saw of it, and its profile's file with the run's own copy.

    Raises:
        LinkError: something differs; the message says what.
    """
    changed = differences(step.proof, proof_of(step.ifname, read_link_facts(step.ifname))) if step.proof else []
    if step.profile is not None and not is_as_copied(step.profile, copies):
        changed.append("its keyfile changed")
    if changed:
        raise LinkError(
            f"{step.ifname} must not change during the run, but changed: {'; '.join(changed)}",
            "to see what changed it: journalctl -u NetworkManager\nwith --management none, vmnet does not check it",
        )


def differences(before: Proof, now: Proof) -> list[str]:
    """Return what differs, each as "MTU was 1500 and is 9000"."""
    was, seen = dict(before), dict(now)
    names = dict.fromkeys((*was, *seen))
    return [
        f"{name} was {was.get(name, 'none')} and is {seen.get(name, 'none')}"
        for name in names
        if was.get(name) != seen.get(name)
    ]
