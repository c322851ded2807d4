"""Rules about the next boot: what would come up then, and is not as it is now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from vmnet.checks.commands import activate_profile, modify_profile, show_profile
from vmnet.checks.findings import FILES, NMCLI, Finding
from vmnet.checks.fixes import by_host_setup
from vmnet.checks.goal import layers_of
from vmnet.checks.registry import verified
from vmnet.facts import CONNECTED, Device, Facts, Profile, ProfileFile
from vmnet.plan.host.layer3 import plain
from vmnet.plan.host.profiles import PULLS_PORTS, competes, is_default
from vmnet.shell_words import Command, command, root
from vmnet.spec import BridgeSpec

COMMAND_LINE = "/proc/cmdline"
_MAKES_LINKS = re.compile(r"(?:ip|bond|bridge|team|rd\.neednet)=")
"""What makes an initrd configure links (dracut.cmdline(7), initramfs-tools(7))."""
_NO_LINK = re.compile(r"ip=(?:off|none)?|rd\.neednet=0")
_ADDRESS_FAMILY = re.compile(r"\[[^]]*\]")
_CLONED_MAC = "802-3-ethernet.cloned-mac-address"


def _known(goal: BridgeSpec, facts: Facts) -> tuple[tuple[str, str], ...]:
    """The wanted profiles, as (ifname, uuid); none while NetworkManager does not answer: nm.running says so once."""
    return goal.profiles if facts.nm_version is not None else ()


def _profiles(goal: BridgeSpec, facts: Facts) -> Iterator[tuple[str, Profile]]:
    """Yield the wanted profiles that are there, as (ifname, profile); profile.active misses the others."""
    return ((ifname, profile) for ifname, uuid in _known(goal, facts) if (profile := facts.profile(uuid)) is not None)


@verified("boot.kernel-address")
def kernel_address(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The kernel's command line has the initrd configure none of the bridge's links."""
    words = facts.boot.kernel_arguments if facts.boot else ()
    ours = [word for word in words if _MAKES_LINKS.match(word) and not _NO_LINK.fullmatch(word)]
    names = {link.ifname for link in facts.links} - set(layers_of(goal))
    # One that names another link, the management one say, is no matter.
    ours = [word for word in ours if not names & set(_ADDRESS_FAMILY.sub("", word).replace("=", ":").split(":"))]
    if ours:
        yield Finding(
            subject="host", wanted="no ip=, bond= or bridge=", seen=" ".join(ours), source=COMMAND_LINE,
            shown_by=command("cat", COMMAND_LINE),
            hint="remove it from the boot loader's configuration (GRUB_CMDLINE_LINUX in /etc/default/grub)",
            fix=(root("editor", "/etc/default/grub"), root("update-grub")),
        )  # fmt: skip


@verified("boot.manager")
def manager_starts(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """systemd starts NetworkManager."""
    starts = facts.boot.manager_starts if facts.boot else None
    if starts is None or facts.nm_version is None:
        return
    yield Finding(
        subject="host", wanted="NetworkManager starts",
        seen="it starts" if starts else "it runs, but does not start at boot", source=FILES,
        shown_by=command("systemctl", "is-enabled", "NetworkManager"),
        hint="after a reboot nothing configures bond and bridge",
        fix=tuple(root("systemctl", verb, "NetworkManager") for verb in ("unmask", "enable")),
    ).judged(starts)  # fmt: skip


@verified("boot.profile-file")
def profile_files(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each wanted profile's file is one that NetworkManager will read."""
    files = {file.path: file for file in facts.boot.profile_files} if facts.boot else {}
    stored = [(ifname, p, files[p.filename]) for ifname, p in _profiles(goal, facts) if p.filename in files]
    wanted = "owned by root, mode 600"
    bad = [(ifname, profile, file) for ifname, profile, file in stored if _unreadable(file)]
    for ifname, profile, file in bad:
        yield Finding(
            subject=ifname, wanted=f"file {wanted}", seen=_unreadable(file), source=FILES,
            shown_by=command("ls", "-l", profile.filename),
            hint="NetworkManager uses what it read before; at its next start it ignores this file",
            fix=_write_again(file, profile),
        )  # fmt: skip
    if stored and not bad:
        yield Finding(subject="profiles", wanted=wanted, seen=wanted, source=FILES, ok=True)


def _unreadable(file: ProfileFile) -> str:
    """Return what makes NetworkManager ignore a keyfile: it wants root's, and that nobody else may read it."""
    if not file.there:
        return "missing"
    if not file.size:
        return "empty"
    if file.uid:
        return f"owned by user {file.uid}"
    return f"mode {file.mode:04o}" if file.mode & 0o077 else ""


def _write_again(file: ProfileFile, profile: Profile) -> tuple[Command, ...]:
    if file.there and file.size:
        return root("chown", "root:root", file.path), root("chmod", "600", file.path)
    # Whatever is modified is saved whole.
    return (modify_profile(profile.uuid, "connection.autoconnect", "yes"),)


@verified("profile.pulls-ports")
def pulls_ports(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """When bridge and bond come up, they bring their ports with them."""
    for ifname, profile in _profiles(goal, facts):
        if ifname in (goal.bond_name, goal.ifname):
            ok = plain(profile.get(PULLS_PORTS)) in ("1", "yes", "true")
            yield Finding(
                subject=ifname, wanted="activates its ports",
                seen="activates its ports" if ok else f"{PULLS_PORTS} {profile.get(PULLS_PORTS) or 'unset'}",
                source=NMCLI, shown_by=show_profile(profile.uuid, PULLS_PORTS),
                hint=f"if another profile takes a port first, {ifname} comes up without it",
                fix=(modify_profile(profile.uuid, PULLS_PORTS, "1"),),
            ).judged(ok)  # fmt: skip


@verified("profile.mac")
def pinned_mac(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Bridge and bond get their MAC from their profiles, not from udev or the first port."""
    for ifname, profile in _profiles(goal, facts) if goal.mac else ():
        if ifname == goal.ifname or (goal.bond and goal.bond.pinned and ifname == goal.bond_name):
            stored = profile.get(_CLONED_MAC).lower()
            yield Finding(
                subject=ifname, wanted=f"MAC {goal.mac}", seen=f"MAC {stored}" if stored else "no MAC in its profile",
                source=NMCLI, shown_by=show_profile(profile.uuid, _CLONED_MAC),
                hint="at the next boot udev computes a MAC, or the link takes its first port's",
                fix=(modify_profile(profile.uuid, _CLONED_MAC, goal.mac),),
            ).judged(stored == goal.mac)  # fmt: skip


# Rules about NetworkManager: each profile active on its device, kept on disk, and alone in starting at boot.

LIST_PROFILES = command("nmcli", "-f", "NAME,UUID,AUTOCONNECT,AUTOCONNECT-PRIORITY,DEVICE", "connection", "show")
_STATES = {
    10: "unmanaged", 20: "unavailable", 30: "disconnected", 40: "preparing", 50: "configuring",
    60: "needs authentication", 70: "getting an address", 80: "checking the address", 90: "waiting for a port",
    100: "connected", 110: "disconnecting", 120: "failed",
}  # fmt: skip
"""NMDeviceState in nmcli's manner."""
_AT_NEXT_BOOT = "it changes at the next boot; to correct the profile: sudo vmnet host-setup"


@verified("nm.running")
def network_manager(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """NetworkManager answers."""
    version = facts.nm_version
    yield Finding(
        subject="host", wanted="running", seen=f"running, {version}" if version else facts.nm_problem or "not running",
        source=NMCLI, hint="sudo systemctl start NetworkManager",
    ).judged(version is not None)  # fmt: skip


@verified("profile.active", fix=by_host_setup)
def profile_active(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each wanted profile is active on its device."""
    for ifname, uuid in _known(goal, facts):
        device, profile = facts.device(ifname), facts.profile(uuid)
        yield Finding(
            layer=layers_of(goal).get(ifname, "NIC"), subject=ifname,
            wanted=f"connected, profile {profile.name if profile else uuid}", seen=_seen(device, facts), source=NMCLI,
            shown_by=command("nmcli", "device", "show", ifname), hint=_wake(ifname, uuid, profile, goal),
            fix=_take_back(ifname, uuid, device) if profile and ifname in goal.nics else (),
        ).judged(device is not None and device.profile == uuid and device.state == CONNECTED)  # fmt: skip


def _wake(ifname: str, uuid: str, profile: Profile | None, goal: BridgeSpec) -> str:
    if profile is None or ifname == goal.ifname:
        # To activate a bridge again throws all taps out.
        return "sudo vmnet host-setup"
    return activate_profile(uuid)


def _take_back(ifname: str, uuid: str, device: Device | None) -> tuple[Command, ...]:
    up = activate_profile(uuid)
    managed = device is None or device.managed
    return (up,) if managed else (root("nmcli", "device", "set", ifname, "managed", "yes"), up)


def _seen(device: Device | None, facts: Facts) -> str:
    if device is None:
        return "no such device"
    state = _STATES.get(device.state, f"state {device.state}") + (" (externally)" if device.external else "")
    profile = facts.profile(device.profile)
    if profile is None:
        # NMDeviceStateReason: 0 and 3 say no more than the state does.
        told = device.reason and device.reason.split(" ", maxsplit=1)[0] not in ("0", "3")
        return f"{state} (reason {device.reason})" if told else state
    made_up = ", which NetworkManager created itself" if is_default(profile) else ""
    return f"{state}, profile {profile.name}{made_up}"


@verified("profile.saved", fix=by_host_setup)
def profile_saved(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Each wanted profile is on disk, not in /run, and starts by itself."""
    for ifname, profile in _profiles(goal, facts):
        where = "in memory only" if profile.volatile else "on disk"
        start = modify_profile(profile.uuid, "connection.autoconnect", "yes")
        yield Finding(
            layer=layers_of(goal).get(ifname, "NIC"), subject=ifname, wanted="on disk, autoconnect",
            seen=f"{where}, {'' if profile.autoconnect else 'no '}autoconnect", source=NMCLI,
            shown_by=command("nmcli", "-f", "NAME,UUID,AUTOCONNECT,FILENAME", "connection", "show"),
            hint=f"a reboot loses it; to save it: {start}", fix=(start,),
        ).judged(profile.autoconnect and not profile.volatile)  # fmt: skip


@verified("profile.alone", fix=by_host_setup)
def profile_alone(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No profile but its own starts by itself on a NIC, so that a boot ends where we are now."""
    wanted = dict(_known(goal, facts))
    for nic in goal.nics:
        link, uuid = facts.link(nic), wanted.get(nic)
        if link is None or uuid is None:
            continue
        rivals = [
            p for p in facts.profiles if p.uuid != uuid and _rival(p, goal, facts) and competes(p, (link,), (nic,))
        ]
        seen = ", ".join(rival.name for rival in rivals)
        yield Finding(
            subject=nic, wanted="no other profile with autoconnect",
            seen=f"autoconnect on {seen}" if rivals else "no other", source=NMCLI, shown_by=LIST_PROFILES,
            hint="sudo vmnet host-setup disables autoconnect on the others and keeps them", fix=keep_down(rivals),
        ).judged(not rivals)  # fmt: skip


def keep_down(profiles: Iterable[Profile]) -> tuple[Command, ...]:
    """Return the commands after which the profiles do not start by themselves any more."""
    return tuple(modify_profile(profile.uuid, "connection.autoconnect", "no") for profile in profiles)


def _rival(profile: Profile, goal: BridgeSpec, facts: Facts) -> bool:
    """A profile that is at work on another link, the management link above all, does not come over at boot."""
    ours = {goal.ifname, goal.bond_name, *goal.nics}
    elsewhere = profile.device is not None and profile.device not in ours
    management = goal.management is not None and goal.management in (profile.device, profile.ifname)
    ports = {uuid for _, uuid in _known(goal, facts)}
    return profile.autoconnect and not elsewhere and not management and profile.uuid not in ports


@verified("profile.controller")
def profile_controller(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """nmcli agrees with the kernel about who is a port of whom."""
    above = goal.controllers
    for ifname, profile in _profiles(goal, facts):
        if ifname not in above:
            continue
        named = facts.profile(profile.controller)
        seen = named.ifname if named else profile.controller
        yield Finding(
            layer=layers_of(goal)[ifname], subject=ifname, wanted=f"port of {above[ifname]}",
            seen=f"port of {seen or 'nothing'}", source=NMCLI, shown_by=show_profile(profile.uuid, "connection.master"),
            hint="sudo vmnet host-setup makes it a port again", fix=(_put_under(profile.uuid, above[ifname], goal),),
        ).judged(seen == above[ifname])  # fmt: skip


def _put_under(uuid: str, controller: str, goal: BridgeSpec) -> Command:
    """The controller is named by UUID, as host-setup does, where that is known."""
    above = dict(goal.profiles).get(controller, controller)
    kind = "bridge" if controller == goal.ifname else "bond"
    return modify_profile(uuid, "connection.master", above, "connection.slave-type", kind)


@verified("profile.stp", fix=by_host_setup)
def profile_stp(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bridge's stored STP is what runs, and so what the next boot brings."""
    profile = facts.profile(dict(_known(goal, facts)).get(goal.ifname))
    if profile is not None:
        seen, wanted = profile.get("bridge.stp"), "yes" if goal.stp else "no"
        yield Finding(
            layer="bridge", subject=goal.ifname, wanted=f"STP {'on' if goal.stp else 'off'}",
            seen=f"bridge.stp {seen}", source=NMCLI, shown_by=show_profile(profile.uuid), hint=_AT_NEXT_BOOT,
            fix=(modify_profile(profile.uuid, "bridge.stp", wanted),),
        ).judged(seen == wanted)  # fmt: skip


@verified("profile.mode")
def profile_mode(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bond's stored mode is the wanted one, which the next boot brings."""
    profile = facts.profile(dict(_known(goal, facts)).get(goal.bond_name or ""))
    if profile is not None and goal.bond:
        seen = profile.bond_options.get("mode", "")
        yield Finding(
            layer="bond", subject=goal.bond.ifname, wanted=f"mode {goal.bond.mode}", seen=f"mode {seen}", source=NMCLI,
            shown_by=show_profile(profile.uuid), hint=_AT_NEXT_BOOT,
            fix=(modify_profile(profile.uuid, "+bond.options", f"mode={goal.bond.mode}"),),
        ).judged(seen == goal.bond.mode)  # fmt: skip
