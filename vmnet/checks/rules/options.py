"""Rules about the options of bond and bridge: each wanted one is in the kernel, and in the profile."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks.commands import modify_profile, show_profile
from vmnet.checks.findings import NMCLI, SYSFS, Finding
from vmnet.checks.fixes import by_host_setup
from vmnet.checks.registry import verified
from vmnet.facts import Facts, Profile
from vmnet.plan.host.layer3 import plain
from vmnet.shell_words import command, pipe, root
from vmnet.spec import BridgeSpec
from vmnet.spec.options import BOND_OPTIONS, BRIDGE_OPTIONS, Option

_AT_BOOT = "the kernel takes it only while the bond is down: reboot once the profile has it"
_NEXT_BOOT = "it changes at the next boot; to correct the profile: sudo vmnet host-setup"


@verified("bond.option", fix=by_host_setup)
def bond_options(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each wanted option of the bond; bond.miimon speaks of miimon in the kernel."""
    link = facts.link(goal.bond_name)
    if link is None or link.bond is None or goal.bond is None:
        return
    seen = dict(link.bond.options)
    profile = _profile(link.ifname, goal, facts)
    stored = profile.bond_options if profile else {}
    for name, wanted in goal.bond.options:
        option = BOND_OPTIONS.get(name)
        if option is None:
            continue
        if name in seen and name != "miimon":
            yield _in_kernel(link.ifname, option, wanted, seen[name])
        if profile is not None:
            change = ("+bond.options", f"{name}={wanted}")
            yield _in_profile(link.ifname, option, wanted, stored.get(name, option.default), profile, change)


@verified("bridge.option", fix=by_host_setup)
def bridge_options(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each wanted option of the bridge; bridge.stp and profile.stp speak of STP."""
    link = facts.link(goal.ifname)
    if link is None or link.bridge is None:
        return
    seen = dict(link.bridge.options)
    profile = _profile(link.ifname, goal, facts)
    for name, wanted in goal.options:
        option = BRIDGE_OPTIONS.get(name)
        if option is None or name == "stp":
            continue
        if name in seen:
            yield _in_kernel(link.ifname, option, wanted, seen[name])
        if profile is not None:
            stored = plain(profile.get(option.setting)) or option.default
            change = (option.setting, wanted)
            yield _in_profile(link.ifname, option, wanted, stored, profile, change)


def _profile(ifname: str, goal: BridgeSpec, facts: Facts) -> Profile | None:
    return facts.profile(dict(goal.profiles).get(ifname)) if facts.nm_version is not None else None


def _in_kernel(ifname: str, option: Option, wanted: str, seen: str) -> Finding:
    path = f"/sys/class/net/{ifname}/{option.file}"
    set_it = pipe(command("echo", option.written(wanted)), root("tee", path))
    return Finding(
        subject=ifname, wanted=f"{option.name} {wanted}", seen=f"{option.name} {seen or 'unset'}", source=SYSFS,
        hint="" if option.running else _AT_BOOT, shown_by=command("cat", path), fix=(set_it,) if option.running else (),
    ).judged(option.same(wanted, seen))  # fmt: skip


def _in_profile(
    ifname: str, option: Option, wanted: str, stored: str, profile: Profile, change: tuple[str, str]
) -> Finding:
    seen = option.stored(stored)
    return Finding(
        subject=ifname, wanted=f"{option.name} {wanted}", seen=f"{option.name} {seen or 'unset'}", source=NMCLI,
        hint=_NEXT_BOOT, shown_by=show_profile(profile.uuid, option.setting or "bond.options"),
        fix=(modify_profile(profile.uuid, *change),),
    ).judged(seen == wanted)  # fmt: skip
