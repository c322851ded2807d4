"""A bond and bridge that exist already: find what differs, and change only that, without dropping a port."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import Refused
from vmnet.plan import steps
from vmnet.plan.profiles import differing, stray_settings
from vmnet.plan.steps import Planned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmnet.facts import Facts, Profile
    from vmnet.plan.adopt import Layer3
    from vmnet.plan.profiles import WantedProfile

_MTU = "802-3-ethernet.mtu"
# `nmcli device reapply` refuses these: they need the link created again, which drops every guest's tap.
_FIXED = ("bond.options", "802-3-ethernet.cloned-mac-address", "connection.master", "connection.slave-type")


def missing_of(wanted: Sequence[WantedProfile], holder: str | None, facts: Facts) -> tuple[str, ...] | None:
    """Return the NICs that are still to join the existing bridge and bond; None where those do not exist.

    What exists has its profile active, and is under its controller in the kernel. If a NIC is missing, no other link
    has the address (`holder`), which would have to move otherwise.
    """
    by_uuid = {profile.uuid: profile.ifname for profile in wanted}
    missing = tuple(profile.ifname for profile in wanted if not _exists(profile, by_uuid, facts))
    controllers = {profile.ifname for profile in wanted if profile.type != "ethernet"}
    if controllers & set(missing) or (missing and holder not in (None, wanted[0].ifname)):
        return None
    return missing


def _exists(profile: WantedProfile, by_uuid: dict[str, str], facts: Facts) -> bool:
    link, device = facts.link(profile.ifname), facts.device(profile.ifname)
    if link is None or device is None or device.profile != profile.uuid:
        return False
    controller = dict(profile.shape).get("connection.master")
    return controller is None or link.controller == by_uuid[controller]


def mend_stack(wanted: Sequence[WantedProfile], layer3: Layer3, facts: Facts) -> tuple[list[Planned], list[str]]:
    """Return the steps that change the existing profiles as requested, and a line for each that needs no change.

    Raises:
        Refused: something differs that cannot be changed on a running bond or bridge.
    """
    planned: list[Planned] = []
    kept: list[str] = []
    for want in wanted:
        profile = facts.profile(want.uuid)
        assert profile is not None
        changes = differing(want.final, profile, facts)
        if want.layer3:
            changes = (*changes, *stray_settings(profile, want.layer3))
        _check_changeable(want, changes, profile)
        if not changes and not profile.volatile:
            kept.append(f"{want.type} {want.ifname}: profile {profile.name!r} is active and as requested")
            continue
        planned += _change(want, profile, changes or want.boot, facts)
    if planned:
        planned += _prove(wanted[0], layer3)
    return planned, kept


def _check_changeable(want: WantedProfile, changes: steps.Settings, profile: Profile) -> None:
    fixed = [(key, value) for key, value in changes if key in _FIXED]
    if fixed:
        key, value = fixed[0]
        raise Refused(
            f"{want.ifname} runs with {key} {profile.get(key) or 'unset'}, and {value} is requested: "
            "NetworkManager cannot change that while it runs",
            "undo the run that made it (sudo vmnet undo), then run host-setup again",
        )


def _change(want: WantedProfile, profile: Profile, changes: steps.Settings, facts: Facts) -> list[Planned]:
    restore = steps.RestoreProfile(uuid=profile.uuid, name=profile.name, filename=profile.filename)
    reapply = steps.ReapplyDevice(ifname=want.ifname)
    modify = steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=changes, save=True)
    link = facts.link(want.ifname)
    # The file of before may name no MTU: to reapply it would leave the link with the new one.
    mtu = [steps.SetMtu(ifname=want.ifname, mtu=link.mtu)] if link and _MTU in dict(changes) else []
    return [
        Planned(step=modify, why=f"{want.ifname} differs from the request", undo=(restore, reapply, *mtu)),
        Planned(step=reapply, why="takes effect without dropping a port"),
    ]


def _prove(bridge: WantedProfile, layer3: Layer3) -> list[Planned]:
    addresses = tuple(a for a in layer3.addresses if a.version == 4)
    wait = steps.WaitAddress(ifname=bridge.ifname, addresses=addresses, timeout_s=15)
    planned = [Planned(step=wait, why="the address must exist")] if layer3.has_ipv4 else []
    for gateway in layer3.gateways:
        step = steps.WaitNeighbour(ifname=bridge.ifname, address=gateway, timeout_s=30)
        planned.append(Planned(step=step, why="the gateway must answer through the bridge"))
    return planned
