"""Rules about the next boot: what would come up then, and is not as it is now."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vmnet.checks.findings import FILES, NMCLI, Finding
from vmnet.checks.ways import modify_profile, show_profile
from vmnet.plan.adopt import plain
from vmnet.plan.profiles import PULLS_PORTS
from vmnet.shell_words import command, root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts, Profile, ProfileFile
    from vmnet.plan.steps import HostGoal
    from vmnet.shell_words import Command

COMMAND_LINE = "/proc/cmdline"
_MAKES_LINKS = re.compile(r"(?:ip|bond|bridge|team|rd\.neednet)=")
"""What makes an initrd configure links (dracut.cmdline(7), initramfs-tools(7))."""
_NO_LINK = re.compile(r"ip=(?:off|none)?|rd\.neednet=0")
_ADDRESS_FAMILY = re.compile(r"\[[^]]*\]")
_CLONED_MAC = "802-3-ethernet.cloned-mac-address"


def _wanted(goal: HostGoal) -> tuple[str, ...]:
    return (*goal.nics, *((goal.bond,) if goal.bond else ()), goal.bridge)


def _profiles(goal: HostGoal, facts: Facts) -> Iterator[tuple[str, Profile]]:
    """Yield the wanted profiles that are there, as (ifname, profile); verify's own rules miss the others."""
    for ifname, uuid in goal.profiles:
        profile = facts.profile(uuid)
        if profile is not None:
            yield ifname, profile


def kernel_address(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """boot.kernel-address: the kernel's command line has the initrd configure none of the bridge's links."""
    words = facts.boot.kernel_arguments if facts.boot else ()
    ours = [word for word in words if _MAKES_LINKS.match(word) and not _NO_LINK.fullmatch(word)]
    names = {link.ifname for link in facts.links} - set(_wanted(goal))
    # One that names another link, the management one say, is no matter.
    ours = [word for word in ours if not names & set(_ADDRESS_FAMILY.sub("", word).replace("=", ":").split(":"))]
    if ours:
        yield Finding(
            rule="boot.kernel-address", layer="boot", subject="host", wanted="no ip=, bond= or bridge=",
            seen=" ".join(ours), source=COMMAND_LINE, ok=False,
            shown_by=command("cat", COMMAND_LINE),
            hint="remove it from the boot loader's configuration (GRUB_CMDLINE_LINUX in /etc/default/grub)",
            fix=(root("editor", "/etc/default/grub"), root("update-grub")),
        )  # fmt: skip


def manager_starts(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """boot.manager: systemd starts NetworkManager."""
    starts = facts.boot.manager_starts if facts.boot else None
    if starts is None or facts.nm_version is None:
        return
    yield Finding(
        rule="boot.manager", layer="boot", subject="host", wanted="NetworkManager starts",
        seen="it starts" if starts else "it runs, but does not start at boot", source=FILES, ok=starts,
        hint="" if starts else "after a reboot nothing configures bond and bridge",
        shown_by=command("systemctl", "is-enabled", "NetworkManager"),
        fix=() if starts else tuple(root("systemctl", verb, "NetworkManager") for verb in ("unmask", "enable")),
    )  # fmt: skip


def profile_files(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """boot.profile-file: each wanted profile's file is one that NetworkManager will read."""
    files = {file.path: file for file in facts.boot.profile_files} if facts.boot else {}
    stored = [(ifname, p, files[p.filename]) for ifname, p in _profiles(goal, facts) if p.filename in files]
    wanted = "owned by root, mode 600"
    bad = [(ifname, profile, file) for ifname, profile, file in stored if _unreadable(file)]
    for ifname, profile, file in bad:
        yield Finding(
            rule="boot.profile-file", layer="boot", subject=ifname, wanted=f"file {wanted}",
            seen=_unreadable(file), source=FILES, ok=False,
            hint="NetworkManager uses what it read before; at its next start it ignores this file",
            shown_by=command("ls", "-l", profile.filename), fix=_write_again(file, profile),
        )  # fmt: skip
    if stored and not bad:
        yield Finding(
            rule="boot.profile-file", layer="boot", subject="profiles", wanted=wanted, seen=wanted, source=FILES,
            ok=True,
        )  # fmt: skip


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


def pulls_ports(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """profile.pulls-ports: when bridge and bond come up, they bring their ports with them."""
    controllers = (goal.bond, goal.bridge)
    for ifname, profile in _profiles(goal, facts):
        if ifname not in controllers:
            continue
        ok = plain(profile.get(PULLS_PORTS)) in ("1", "yes", "true")
        yield Finding(
            rule="profile.pulls-ports", layer="boot", subject=ifname, wanted="activates its ports",
            seen="activates its ports" if ok else f"{PULLS_PORTS} {profile.get(PULLS_PORTS) or 'unset'}", source=NMCLI,
            ok=ok, hint="" if ok else f"if another profile takes a port first, {ifname} comes up without it",
            shown_by=show_profile(profile.uuid, PULLS_PORTS),
            fix=() if ok else (modify_profile(profile.uuid, PULLS_PORTS, "1"),),
        )  # fmt: skip


def pinned_mac(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """profile.mac: bridge and bond get their MAC from their profiles, not from udev or the first port."""
    controllers = (goal.bond, goal.bridge)
    for ifname, profile in _profiles(goal, facts):
        if ifname not in controllers or not goal.mac:
            continue
        stored = profile.get(_CLONED_MAC).lower()
        ok = stored == goal.mac
        yield Finding(
            rule="profile.mac", layer="boot", subject=ifname, wanted=f"MAC {goal.mac}",
            seen=f"MAC {stored}" if stored else "no MAC in its profile", source=NMCLI, ok=ok,
            hint="" if ok else "at the next boot udev computes a MAC, or the link takes its first port's",
            shown_by=show_profile(profile.uuid, _CLONED_MAC),
            fix=() if ok else (modify_profile(profile.uuid, _CLONED_MAC, goal.mac),),
        )  # fmt: skip


CHECKS = (manager_starts, kernel_address, profile_files, pulls_ports, pinned_mac)
"""What verify looks at; who else configures the links at boot is in `owners`."""
