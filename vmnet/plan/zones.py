"""The firewalld zone of the bridge: that of its NIC, so that the same ports stay open."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.shell_words import command

if TYPE_CHECKING:
    from vmnet.facts import Facts
    from vmnet.plan.adopt import Layer3

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
