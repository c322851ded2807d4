"""The new profiles of host-setup: added in memory, and saved at the end so that one file switches the boot. And the
profiles that compete with them: their autoconnect is disabled, and undo restores it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.errors import Refused, SpecError
from vmnet.plan import steps
from vmnet.plan.host.build import routes_back
from vmnet.plan.host.existing_links import profile_on
from vmnet.plan.host.layer3 import controllers_of
from vmnet.plan.host.profiles import NO_ADDRESS, PULLS_PORTS, STARTS, competes
from vmnet.plan.host.upper_links import wanted_vlans
from vmnet.plan.steps import Planned

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vmnet.facts import Facts, Profile
    from vmnet.plan.host.build import Build
    from vmnet.plan.host.profiles import WantedProfile


def clear_stale(some: Sequence[WantedProfile], build: Build) -> list[Planned]:
    """Delete what an earlier run has left: inactive profiles with the same UUIDs."""
    planned = []
    for wanted in some:
        stale = build.facts.profile(wanted.uuid)
        if stale is None:
            continue
        restore = steps.RestoreProfile(uuid=stale.uuid, name=stale.name, filename=stale.filename)
        step = steps.DeleteProfile(uuid=stale.uuid, name=stale.name)
        why = f"profile {stale.name} is left over from an earlier run and is created again"
        planned.append(Planned(step=step, why=why, undo=(restore,)))
    return planned


def add_profiles(some: Sequence[WantedProfile], build: Build) -> list[Planned]:
    """Add profiles in memory; a bridge or bond that has another profile gets that back when the new one is deleted."""
    planned = []
    for wanted in some:
        no_address = NO_ADDRESS if wanted is build.bridge else wanted.layer3
        alone = ((PULLS_PORTS, "0"),) if wanted.type in ("bridge", "bond") else ()
        step = steps.AddProfile(
            uuid=wanted.uuid,
            name=wanted.ifname,
            type=wanted.type,
            ifname=wanted.ifname,
            settings=(*wanted.shape, *alone, *no_address),
        )
        undo: tuple[steps.Step, ...] = (steps.DeleteProfile(uuid=wanted.uuid, name=wanted.ifname),)
        if wanted.ifname not in build.ports and (old := profile_on(wanted, build)) is not None:
            undo = (*undo, steps.ActivateProfile(uuid=old.uuid, name=old.name, ifname=wanted.ifname))
        if wanted is build.bridge and (routes := routes_back(build)):
            undo = (*undo, steps.RemoveRoutes(routes=routes))
        why = f"profile of {wanted.ifname}, in memory only: a reboot removes it"
        planned.append(Planned(step=step, why=why, undo=undo))
    return planned


def save_profiles(build: Build, *, turns: bool) -> tuple[list[Planned], list[Planned], list[Planned]]:
    """Return the steps that save them so that one file alone decides what a reboot boots, the step that saves this
    file, and those that come after it.

    That file is the port profile of the live NIC. At boot it wins over the old profile of its NIC and activates its
    controllers, which activate the other ports. All other profiles are saved without autoconnect first, and get it only
    after that file.

    A bridge that takes no address over does no harm at a boot. Where another one's port switches the boot over, all its
    profiles are saved with autoconnect first. So a boot after the switch finds everything that the run still asks for.

    Args:
        turns: whether it is a port of this bridge that switches the boot over.
    """
    bottom_up = (*build.wanted[1:], build.bridge)
    if not turns:
        why = "is saved with autoconnect: it takes no address over, and harms no boot"
        return [save_profile(wanted, _stored(wanted, build), why) for wanted in bottom_up], [], []
    turning = build.port(build.live or build.ports[0])
    others = [wanted for wanted in bottom_up if wanted is not turning]
    first = [
        save_profile(wanted, _without_start(wanted, build), "is saved, with autoconnect still disabled")
        for wanted in others
    ]
    after = [save_profile(wanted, STARTS, "gets autoconnect, too") for wanted in others]
    why = f"is saved with autoconnect and starts {build.bridge.ifname}, too: from here on a reboot boots the new state"
    # The files of VLANs that move decide, too.
    turn = replace(save_profile(turning, turning.boot, why), turns_boot=not wanted_vlans(build))
    return first, [turn], after


def _without_start(wanted: WantedProfile, build: Build) -> steps.Settings:
    return tuple((dict(_stored(wanted, build)) | {"connection.autoconnect": "no"}).items())


def _stored(wanted: WantedProfile, build: Build) -> steps.Settings:
    """Return what a profile gets when it is saved; the bridge may look for duplicates of its address again."""
    return ((("ipv4.dad-timeout", "-1"),) if wanted is build.bridge else ()) + wanted.boot


def save_profile(wanted: WantedProfile, settings: steps.Settings, why: str) -> Planned:
    """Save a profile with settings that say how a boot starts it; `why` goes on after its name."""
    step = steps.ModifyProfile(uuid=wanted.uuid, name=wanted.ifname, settings=settings, save=True)
    return Planned(step=step, why=f"{wanted.ifname} {why}")


def find_displaced(build: Build) -> list[tuple[Profile, str]]:
    """Return the profiles whose autoconnect is to be disabled, each with the reason."""
    wanted = {profile.uuid for profile in build.wanted}
    ours = {profile.ifname for profile in build.wanted}
    named = _named_profiles(build.spec.displace, build.facts)
    found = []
    for profile in build.facts.profiles:
        if profile.uuid in wanted:
            continue
        reason = "named with --displace" if profile.uuid in named else competes(profile, build.nics, tuple(ours))
        reason = reason or _left(profile, build)
        if not reason or (build.management and build.management in (profile.device, profile.ifname)):
            continue
        elsewhere = profile.device is not None and profile.device not in ours
        if elsewhere and profile.uuid not in named and not _left(profile, build):
            continue
        if profile.autoconnect or profile.device is not None:
            found.append((profile, reason))
    return found


def _left(profile: Profile, build: Build) -> str:
    """Return why the profile is no longer needed: its address moves, or its ports do; "" if it is needed."""
    if profile.device is None or profile.device in {wanted.ifname for wanted in build.wanted}:
        return ""
    if profile.device == build.layer3.holder:
        return f"its address moves to {build.bridge.ifname}"
    return f"its ports move to {build.uplinks[0]}" if profile.device in _over_nics(build) else ""


def _over_nics(build: Build) -> set[str]:
    return {name for nic in build.nics for name in controllers_of(nic, build.facts)}


def _on_nics(build: Build) -> set[str]:
    nics = {nic.ifname for nic in build.nics}
    return {link.ifname for link in build.facts.links if link.vlan_id is not None and link.parent in nics}


def _named_profiles(names: tuple[str, ...], facts: Facts) -> set[str]:
    found = set()
    for name in names:
        matches = [profile for profile in facts.profiles if name in (profile.uuid, profile.name)]
        if not matches:
            raise SpecError(f"there is no profile {name!r} for --displace", "list the profiles: nmcli connection show")
        if len(matches) > 1:
            uuids = ", ".join(profile.uuid for profile in matches)
            raise SpecError(f"{len(matches)} profiles are called {name!r}", f"give the UUID of one: {uuids}")
        found.add(matches[0].uuid)
    return found


def disable_autoconnect(build: Build, displaced: list[tuple[Profile, str]]) -> list[Planned]:
    """Return the steps that disable their autoconnect, and take down those that are active elsewhere."""
    planned = []
    ours = {profile.ifname for profile in build.wanted}
    for profile, reason in displaced:
        restore = steps.RestoreProfile(uuid=profile.uuid, name=profile.name, filename=profile.filename)
        if profile.autoconnect:
            off = (("connection.autoconnect", "no"),)
            step = steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=off, save=True)
            why = f"autoconnect of {profile.name!r} is disabled ({reason}); the profile is kept, and undo restores it"
            planned.append(Planned(step=step, why=why, undo=(restore,)))
        if profile.device is not None and profile.device not in ours:
            back = steps.ActivateProfile(uuid=profile.uuid, name=profile.name, ifname=profile.device)
            down = steps.DeactivateProfile(uuid=profile.uuid, name=profile.name)
            # The NIC that becomes its port again activates it; a VLAN comes up when its NIC is back.
            undo = () if profile.device in _over_nics(build) | _on_nics(build) else (back,)
            planned.append(Planned(step=down, why=f"profile {profile.name!r} goes down ({reason})", undo=undo))
            _refuse_ports(profile, build)
    return planned


def _refuse_ports(profile: Profile, build: Build) -> None:
    going = {*(nic.ifname for nic in build.nics), *_over_nics(build)}
    ports = [link.ifname for link in build.facts.ports(profile.device or "") if link.ifname not in going]
    above = [link.ifname for link in build.facts.links if link.parent and link.parent == profile.device]
    if ports or above:
        raise Refused(
            f"{profile.device} ({profile.name!r}) would go down, and cut off {', '.join((*ports, *above))}",
            f"move them off {profile.device} first",
        )


def fix_management(build: Build) -> list[Planned]:
    """Return the step that keeps the management link off the default route, if requested."""
    profile = build.facts.active_profile(build.management) if build.management else None
    if not build.spec.fix_management or profile is None:
        return []
    wanted = (("ipv4.never-default", "yes"), ("ipv4.may-fail", "yes"))
    settings = tuple((key, value) for key, value in wanted if profile.get(key) != value)
    if not settings:
        return []
    step = steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=settings, save=True)
    restore = steps.RestoreProfile(uuid=profile.uuid, name=profile.name, filename=profile.filename)
    return [Planned(step=step, why="the management link must not take the default route", undo=(restore,))]
