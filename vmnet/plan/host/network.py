"""The libvirt network on the bridge: defined, started, with autostart; planned for host-setup."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.documents.networks import network_document, same_network
from vmnet.errors import HypervisorError, Refused
from vmnet.names import network_uuid
from vmnet.plan.steps import (
    DefineNetwork,
    Planned,
    SetNetworkAutostart,
    StartNetwork,
    Step,
    StopNetwork,
    UndefineNetwork,
)

if TYPE_CHECKING:
    from collections.abc import Collection

    from vmnet.facts import Facts, Network


def plan_network(
    name: str, bridge: str, facts: Facts, *, nics: Collection[str] = ()
) -> tuple[list[Planned], list[str]]:
    """Plan a persistent, active, autostarted libvirt network `name` that leads to `bridge`.

    An existing network of that name is compared. If it leads to another bridge, it is defined again under its own UUID,
    with its portgroups and metadata, and restarted.

    Args:
        nics: those below the bridge. A network is not taken from a bridge on other NICs.

    Returns:
        The steps, and a line for each thing that is as requested.

    Raises:
        HypervisorError: libvirt was out of reach when the facts were read.
        Refused: the network is of another kind (NAT), or leads elsewhere and is in use there.
    """
    require_libvirt(facts)
    seen = facts.network(name)
    if seen is None:
        document = network_document(name, bridge, network_uuid(facts.machine_id, name))
        return [_define(name, document), _start(name), _set_autostart(name)], []
    _refuse_other_bridge(seen, bridge, nics, facts)
    return _mend(seen, bridge, facts)


def _mend(seen: Network, bridge: str, facts: Facts) -> tuple[list[Planned], list[str]]:
    name = seen.name
    if seen.forward_mode != "bridge":
        raise Refused(
            f"network {name} exists already and is of another kind ({seen.forward_mode or 'isolated'})",
            "choose another name with --network: the domains on this one would lose it",
        )
    planned: list[Planned] = []
    kept: list[str] = []
    wanted = network_document(name, bridge, seen.uuid, was=seen.document)
    if seen.persistent and same_network(seen.document, wanted):
        kept.append(f"network {name} is defined and leads to {bridge}")
    else:
        planned.append(_define(name, wanted, seen))
    if not seen.active:
        planned.append(_start(name))
    elif seen.bridge == bridge:
        kept.append(f"network {name} is active")
    else:
        _refuse_users(seen, bridge, facts)
        planned.append(_restart(seen, bridge))
    if seen.autostart:
        kept.append(f"network {name} has autostart")
    else:
        planned.append(_set_autostart(name))
    return planned, kept


def require_libvirt(facts: Facts) -> None:
    """Raise HypervisorError if libvirt was out of reach when the facts were read."""
    if facts.libvirt_version is None:
        raise HypervisorError(
            facts.libvirt_problem or "libvirt does not answer",
            "install and start libvirt (apt install libvirt-daemon-system; systemctl start libvirtd), then run again",
        )


def _define(name: str, document: str, seen: Network | None = None) -> Planned:
    if seen is None:
        step = DefineNetwork(name=name, document=document)
        return Planned(step=step, why=f"network {name} does not exist yet", undo=(UndefineNetwork(name=name),))
    step = DefineNetwork(name=name, document=document, was=seen.document)
    if not seen.persistent:
        return Planned(step=step, why=f"network {name} is transient", undo=(UndefineNetwork(name=name),))
    back: tuple[Step, ...] = (DefineNetwork(name=name, document=seen.document, was=document),)
    leads_to = seen.bridge or "no bridge"
    return Planned(step=step, why=f"network {name} leads to {leads_to}", undo=back)


def _start(name: str) -> Planned:
    return Planned(step=StartNetwork(name=name), why=f"network {name} is not active", undo=(StopNetwork(name=name),))


def _restart(seen: Network, bridge: str) -> Planned:
    step = StartNetwork(name=seen.name, restart=True)
    # Undo runs newest first: this restart would come before the old document is back, so that one is put first.
    back = (DefineNetwork(name=seen.name, document=seen.document), StartNetwork(name=seen.name, restart=True))
    why = f"network {seen.name} runs on {seen.bridge or 'no bridge'}, not on {bridge}, until it restarts"
    return Planned(step=step, why=why, undo=back)


def _set_autostart(name: str) -> Planned:
    return Planned(
        step=SetNetworkAutostart(name=name, autostart=True),
        why=f"without autostart, domains on network {name} do not start after a reboot",
        undo=(SetNetworkAutostart(name=name, autostart=False),),
    )


def _refuse_other_bridge(seen: Network, bridge: str, nics: Collection[str], facts: Facts) -> None:
    there = facts.nics_below(seen.bridge) if seen.bridge else frozenset()
    if seen.bridge != bridge and there and there.isdisjoint(nics):
        raise Refused(
            f"network {seen.name} leads to {seen.bridge} on {', '.join(sorted(there))}, which stays as it is",
            f"give the network on {bridge} a name of its own with --network",
        )


def _refuse_users(seen: Network, bridge: str, facts: Facts) -> None:
    """Refuse if running domains use the network: when it stops, their taps stay where they are or lose their bridge."""
    users = [
        domain.name
        for domain in facts.domains
        if any(interface.source.network == seen.name for interface in domain.running)
    ]
    if users:
        raise Refused(
            f"network {seen.name} leads to {seen.bridge or 'no bridge'}, not to {bridge}, "
            f"and running domains are on it: {', '.join(users)}",
            "choose another name with --network, or shut these domains down first",
        )
