"""The destination of domains: the network, its bridge, and what must be true there before the first move."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING
from uuid import UUID

from vmnet.errors import Refused, SpecError
from vmnet.facts import Source
from vmnet.plan.host.network import require_libvirt
from vmnet.shell_words import both, command, last

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmnet.facts import Domain, Facts, Network

# The kernel's least forward delay is 2 s (BR_MIN_FORWARD_DELAY); a new port is silent for twice that.
_SILENCE_CS_ALLOWED = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The network or bridge that interfaces go to, as a source, and the bridge behind it; `warnings` for the plan.
    `on_lan`: no NAT is between the domains and the LAN."""

    source: Source
    bridge: str
    on_lan: bool
    warnings: tuple[str, ...] = ()


def find_destination(name: str, facts: Facts) -> Destination:
    """Return the network `name` as a destination.

    Raises:
        HypervisorError: libvirt was out of reach.
        Refused: it is missing, not active, or its bridge is missing, down or leads nowhere.
    """
    require_libvirt(facts)
    network = facts.network(name)
    if network is None:
        known = (network.name for network in facts.networks)
        raise Refused(f"there is no libvirt network {name!r}", closest(name, known) or "create it: vmnet host-setup")
    if not network.active:
        start = both(*(command("virsh", verb, *last(name)) for verb in ("net-start", "net-autostart")))
        raise Refused(f"network {name} is not active, so domains on it cannot start", f"start it: {start}")
    if network.bridge is None:
        raise Refused(
            f"network {name} has no bridge ({network.forward_mode}), so running domains cannot move there",
            "choose a network that leads to a bridge; vmnet host-setup creates one",
        )
    on_lan = network.forward_mode == "bridge"
    if on_lan and not facts.hypervisor_elsewhere:
        _check_bridge(network.bridge, f"network {name} leads to {network.bridge}, which", facts)
    source = Source(type="network", network=name)
    warnings = (*_warnings(network), *_unseen(facts))
    return Destination(source=source, bridge=network.bridge, on_lan=on_lan, warnings=warnings)


def find_bridge(bridge: str, facts: Facts) -> Destination:
    """Return the bridge as a destination of its own, without a network.

    Raises:
        HypervisorError: libvirt was out of reach.
        Refused: it is missing, down or leads nowhere.
    """
    require_libvirt(facts)
    if not facts.hypervisor_elsewhere:
        _check_bridge(bridge, bridge, facts)
    source = Source(type="bridge", bridge=bridge)
    return Destination(source=source, bridge=bridge, on_lan=True, warnings=_unseen(facts))


def _unseen(facts: Facts) -> tuple[str, ...]:
    if not facts.hypervisor_elsewhere:
        return ()
    return ("libvirt runs on another machine: vmnet cannot check that machine's bridge, taps and LAN from here",)


def _check_bridge(bridge: str, subject: str, facts: Facts) -> None:
    link = facts.link(bridge)
    if link is None or link.kind != "bridge":
        problem = "does not exist" if link is None else "is not a bridge"
        raise Refused(f"{subject} {problem}", "create a bridge: vmnet host-setup")
    if not link.admin_up:
        up = command("nmcli", "connection", "up", "id", bridge)
        raise Refused(f"the bridge {bridge} is down", f"bring it up: {up}; or run vmnet host-setup")
    uplinks = [port for port in facts.ports(bridge) if port.kind != "tun"]
    if not uplinks:
        raise Refused(f"the bridge {bridge} has no uplink, so domains on it reach nobody", "add one: vmnet host-setup")
    if not any(port.carrier for port in uplinks):
        names = ", ".join(port.ifname for port in uplinks)
        raise Refused(f"no uplink of the bridge {bridge} has carrier ({names})", "check the cable and the switch")


def refuse_silent_bridge(destination: Destination, facts: Facts) -> None:
    """Raise Refused where the bridge's STP would keep a port silent for long after a running domain joins it.

    With STP a new port listens and learns for two forward delays, 30 s by default, and the guest only notices
    that nobody answers. libvirt's own NAT bridges have STP on with a delay of 2 s, which is allowed.
    """
    link = facts.link(destination.bridge)
    if facts.hypervisor_elsewhere or link is None or link.bridge is None or not link.bridge.stp:
        return
    silence_cs = 2 * link.bridge.forward_delay_cs
    if silence_cs > _SILENCE_CS_ALLOWED:
        off = command("nmcli", "connection", "modify", "id", link.ifname, "bridge.stp", "no")
        raise Refused(
            f"STP on {link.ifname} would leave each moved domain without network for {silence_cs / 100:g} s",
            f"turn STP off: {both(off, command('nmcli', 'device', 'reapply', link.ifname))}; or run vmnet host-setup",
        )


def _warnings(network: Network) -> tuple[str, ...]:
    if not network.persistent:
        return (f"network {network.name} is transient: a reboot removes it, and domains on it then do not start",)
    if not network.autostart:
        return (f"network {network.name} has no autostart: after a reboot, domains on it do not start",)
    return ()


def find_domain(name: str, facts: Facts) -> Domain:
    """Return the domain called `name`, or else the one with that UUID; a number is a name, not an id.

    Raises:
        HypervisorError: libvirt was out of reach.
        SpecError: there is none.
    """
    require_libvirt(facts)
    for domain in facts.domains:
        if domain.name == name:
            return domain
    uuid = _as_uuid(name)
    for domain in facts.domains:
        if domain.uuid == uuid:
            return domain
    names = [domain.name for domain in facts.domains]
    hint = closest(name, names) or "list them with: virsh list --all"
    raise SpecError(f"there is no domain called {name!r}", hint)


def _as_uuid(text: str) -> str | None:
    try:
        return str(UUID(text))
    except ValueError:
        return None


def closest(name: str, known: Iterable[str]) -> str:
    """Return a hint that names what was probably meant, "" when nothing is near."""
    near = get_close_matches(name, list(known), n=3, cutoff=0.6)
    return f"did you mean {' or '.join(near)}?" if near else ""
