"""The new profiles of host-setup: added in memory, and saved at the end so that one file switches the boot."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.plan import steps
from vmnet.plan.host.build import routes_back
from vmnet.plan.host.existing_links import profile_on
from vmnet.plan.host.profiles import PULLS_PORTS, STARTS
from vmnet.plan.host.upper_links import wanted_vlans
from vmnet.plan.steps import Planned

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        no_address = (("ipv4.method", "disabled"), ("ipv6.method", "disabled")) if wanted is build.bridge else ()
        alone = ((PULLS_PORTS, "0"),) if wanted.type != "ethernet" else ()
        step = steps.AddProfile(
            uuid=wanted.uuid,
            name=wanted.ifname,
            type=wanted.type,
            ifname=wanted.ifname,
            settings=(*wanted.shape, *alone, *no_address),
        )
        undo: tuple[steps.Step, ...] = (steps.DeleteProfile(uuid=wanted.uuid, name=wanted.ifname),)
        if wanted.type != "ethernet" and (old := profile_on(wanted, build)) is not None:
            undo = (*undo, steps.ActivateProfile(uuid=old.uuid, name=old.name, ifname=wanted.ifname))
        if wanted is build.bridge and (routes := routes_back(build)):
            undo = (*undo, steps.RemoveRoutes(routes=routes))
        why = f"profile of {wanted.ifname}, in memory only: a reboot removes it"
        planned.append(Planned(step=step, why=why, undo=undo))
    return planned


def save_profiles(build: Build) -> list[Planned]:
    """Save them so that one file alone decides what a reboot boots.

    That file is the port profile of the live NIC. At boot it wins over the old profile of its NIC and activates its
    controllers, which activate the other ports. All other profiles are saved without autoconnect first, and get it only
    after that file.
    """
    turning = build.port(build.live or build.nics[0].ifname)
    others = [wanted for wanted in (*build.wanted[1:], build.bridge) if wanted is not turning]
    quiet = [
        save_profile(wanted, _quiet(wanted, build), "is saved, with autoconnect still disabled") for wanted in others
    ]
    why = f"is saved with autoconnect and starts {build.bridge.ifname}, too: from here on a reboot boots the new state"
    # The files of VLANs that move decide, too.
    turn = replace(save_profile(turning, turning.boot, why), turns_boot=not wanted_vlans(build))
    return [*quiet, turn, *(save_profile(wanted, STARTS, "gets autoconnect, too") for wanted in others)]


def _quiet(wanted: WantedProfile, build: Build) -> steps.Settings:
    dad = {"ipv4.dad-timeout": "-1"} if wanted is build.bridge else {}
    return tuple({**dad, **dict(wanted.boot), "connection.autoconnect": "no"}.items())


def save_profile(wanted: WantedProfile, settings: steps.Settings, why: str) -> Planned:
    """Save a profile with settings that say how a boot starts it; `why` goes on after its name."""
    step = steps.ModifyProfile(uuid=wanted.uuid, name=wanted.ifname, settings=settings, save=True)
    return Planned(step=step, why=f"{wanted.ifname} {why}")
