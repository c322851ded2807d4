"""Links on top of a NIC, which stop receiving when the NIC becomes a port: VLANs move to the bridge on request, the
rest is refused.

The kernel cannot give a VLAN another parent: its link is created again, when the bridge has an uplink and before the
last NIC joins.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.errors import Refused
from vmnet.plan import steps
from vmnet.plan.host.existing_links import describe_link
from vmnet.plan.steps import Planned
from vmnet.shell_words import command
from vmnet.spec import BridgeSpec

if TYPE_CHECKING:
    from vmnet.facts import Facts, Link, Profile
    from vmnet.plan.host.build import Build
    from vmnet.plan.host.layer3 import Layer3
    from vmnet.spec import HostSpec

_MOVED_WITH_NIC = ("vlan", "macvlan", "macvtap", "ipvlan")


def check_children(nic: Link, asked: BridgeSpec, spec: HostSpec, facts: Facts) -> None:
    """Raise Refused where a link on top of the NIC is not asked to move, or cannot."""
    children = _children(nic, asked, facts)
    if not children:
        return
    movable = all(_vlan_profile(child, facts) for child in children)
    if movable and spec.move_vlans:
        return
    names = ", ".join(describe_link(child, facts) for child in children)
    raise Refused(
        f"{nic.ifname} carries {names}, which would stop receiving when {nic.ifname} becomes a port",
        f"use --move-vlans, which moves that to {asked.ifname}"
        if movable
        else "remove that first (shut domains down, stop containers)",
    )


def wanted_vlans(build: Build) -> tuple[tuple[Link, Profile], ...]:
    """Return the NICs' VLANs that are to move, each with the profile that makes it."""
    if not build.spec.move_vlans:
        return ()
    children = (child for nic in build.nics for child in _children(nic, build.asked, build.facts))
    found = ((child, _vlan_profile(child, build.facts)) for child in children)
    return tuple((child, profile) for child, profile in found if profile is not None)


def move_vlans(build: Build) -> list[Planned]:
    """Move the NICs' VLANs to the bridge, in memory: a reboot has them on their NICs again."""
    planned = []
    bridge = build.bridge.ifname
    for child, profile in wanted_vlans(build):
        name = profile.name
        down = steps.DeactivateProfile(uuid=profile.uuid, name=name)
        up = steps.ActivateProfile(uuid=profile.uuid, name=name, ifname=child.ifname)
        restore = steps.RestoreProfile(uuid=profile.uuid, name=name, filename=profile.filename)
        planned += [
            Planned(step=down, why=f"{child.ifname} leaves {child.parent}", undo=(restore, up)),
            Planned(step=_parent(child, profile, bridge, save=False), why=f"its new parent is {bridge}"),
            Planned(step=up, why=f"{child.ifname} comes up on {bridge}", undo=(down,)),
        ]
    return planned


def save_vlans(build: Build) -> list[Planned]:
    """Keep the VLANs on the bridge after a reboot, too."""
    why = f"is on {build.bridge.ifname} after a reboot, too"
    return [
        Planned(step=_parent(child, profile, build.bridge.ifname, save=True), why=f"{child.ifname} {why}")
        for child, profile in wanted_vlans(build)
    ]


def vlan_warnings(build: Build) -> tuple[str, ...]:
    """Return what the neighbours of a moved VLAN will notice."""
    mac = dict(build.bridge.shape).get("802-3-ethernet.cloned-mac-address", "")
    return tuple(
        f"{child.ifname} changes its MAC from {child.mac} to {mac}, the bridge's: a DHCP lease on it may change"
        for child, profile in wanted_vlans(build)
        if mac and mac.lower() != child.mac and not profile.get("802-3-ethernet.cloned-mac-address")
    )


def _parent(child: Link, profile: Profile, bridge: str, *, save: bool) -> steps.ModifyProfile:
    # Without a name of its own, NetworkManager would name the link after its new parent.
    settings = (("connection.interface-name", child.ifname), ("vlan.parent", bridge))
    return steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=settings, save=save)


def _children(nic: Link, asked: BridgeSpec, facts: Facts) -> list[Link]:
    """Return the links on top of the NIC, without the VLAN whose address goes to a bridge on this VLAN."""
    tag = asked.vlan.id if asked.vlan else None
    above = [link for link in facts.links if link.parent == nic.ifname and link.kind in _MOVED_WITH_NIC]
    return [link for link in above if tag is None or link.vlan_id != tag]


def _vlan_profile(child: Link, facts: Facts) -> Profile | None:
    """Return the profile that made a VLAN, if it can create it again: it names its parent, and no link is on
    top of the VLAN."""
    profile = facts.active_profile(child.ifname)
    if child.kind != "vlan" or profile is None or profile.type != "vlan" or profile.volatile:
        return None
    return profile if profile.get("vlan.parent") and not _children(child, BridgeSpec(), facts) else None


# The firewalld zone of the bridge: that of its NIC, so that the same ports stay open.

_ZONE = "connection.zone"


def in_zone(layer3: Layer3, bridge: str, facts: Facts) -> Layer3:
    """Return layer 3 with the zone of the link whose addresses the bridge gets; the default zone needs no setting.

    The zone of a link may differ from that of its profile: `firewall-cmd --change-interface` lasts until
    NetworkManager brings the profile up again and tells firewalld the profile's zone.
    """
    zone = _held(layer3.holder, bridge, facts) or _stored(layer3.holder, facts)
    return replace(layer3, settings=(*layer3.settings, (_ZONE, zone))) if zone else layer3


def zone_warnings(holder: str | None, bridge: str, facts: Facts) -> tuple[str, ...]:
    """Return a warning if that zone is not the one of the profile: no undo knows it."""
    zone = _held(holder, bridge, facts)
    profile = facts.active_profile(holder) if holder else None
    if not zone or profile is None or facts.firewalld is None:
        return ()
    back = profile.get(_ZONE) or facts.firewalld.default_zone
    keep = command("nmcli", "connection", "modify", "uuid", profile.uuid, _ZONE, zone)
    now = f"{holder} is in firewalld's zone {zone}, but its profile has the zone {back}"
    return (f"{now}. The bridge gets {zone}. After an undo, {holder} is in {back}, unless you run: {keep}",)


def _held(holder: str | None, bridge: str, facts: Facts) -> str:
    """Return the zone that the link is in, "" where that is the one of its profile, or not known. The bridge's
    own temporary zone is not made permanent."""
    if holder is None or holder == bridge or facts.firewalld is None:
        return ""
    zone = facts.firewalld.zone_of(holder)
    return "" if zone == (_stored(holder, facts) or facts.firewalld.default_zone) else zone


def _stored(holder: str | None, facts: Facts) -> str:
    profile = facts.active_profile(holder) if holder else None
    return profile.get(_ZONE) if profile else ""
