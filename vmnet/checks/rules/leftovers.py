"""Rules about what earlier attempts, other programs and upgrades have left on a host, for doctor alone."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import PurePath

from vmnet.checks.commands import activate_profile, show_link, show_profile
from vmnet.checks.findings import FILES, LIBVIRT, NETLINK, NMCLI, SYSFS, Finding
from vmnet.checks.goal import layers_of
from vmnet.checks.registry import diagnosed, verified
from vmnet.checks.rules.boot import keep_down
from vmnet.facts import Facts, Owner, Profile, Tool
from vmnet.names import profile_uuid
from vmnet.shell_words import Command, command, in_turn, last, root, write
from vmnet.spec import BridgeSpec

_NM = ("org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager")
_ROLES = {"bridge": ("bridge",), "bond": ("bond",), "802-3-ethernet": ("port",)}
_IFCFG = "/network-scripts/ifcfg-"
_NETWORKD_WAIT = "systemd-networkd-wait-online.service"


@diagnosed("nm.checkpoint")
def open_checkpoint(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No change of the network waits to be taken back."""
    if facts.checkpoints:
        yield Finding(
            subject="checkpoint", wanted="none open", seen=f"open: {', '.join(facts.checkpoints)}", source=NMCLI,
            shown_by=command("busctl", "get-property", *_NM, "Checkpoints"),
            hint="if somebody is changing the network now, wait; otherwise this keeps the present state",
            fix=tuple(root("busctl", "call", *_NM, "CheckpointDestroy", "o", path) for path in facts.checkpoints),
        )  # fmt: skip


@diagnosed("run.unfinished")
def unfinished_run(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No run of vmnet waits to be concluded."""
    for path in facts.boot.worker_units if facts.boot else ():
        unit = PurePath(path).name
        yield Finding(
            subject=unit, wanted="no unit of an ended run", seen="the unit exists", source=path,
            shown_by=_status(unit), hint="wait if the run still works; this finishes or rolls back an interrupted run",
            fix=(root("systemctl", "start", *last(unit)),),
        )  # fmt: skip


def _status(unit: str) -> Command:
    return command("systemctl", "status", *last(unit))


@diagnosed("profile.left-over")
def left_profiles(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No profile that vmnet made for another goal starts by itself."""
    wanted = {uuid for _, uuid in goal.profiles}
    # What has ports, or is one, is at work for somebody, though the goal that was handed in is another.
    at_work = {name for link in facts.links if link.controller for name in (link.ifname, link.controller)}
    for profile in facts.profiles:
        if not profile.autoconnect or profile.uuid in wanted or profile.device in at_work:
            continue
        if _made_by_vmnet(profile, facts.machine_id):
            yield Finding(
                subject=profile.ifname or profile.name, wanted="no profile of an earlier run with autoconnect",
                seen=f"{profile.name} has autoconnect", source=NMCLI, shown_by=show_profile(profile.uuid),
                hint="this keeps the profile and disables its autoconnect", fix=keep_down((profile,)),
            )  # fmt: skip


def _made_by_vmnet(profile: Profile, machine_id: str) -> bool:
    """Its UUID is derived from what it is for: nobody else makes that one."""
    roles = [f"{role} {profile.ifname}{again}" for role in _ROLES.get(profile.type, ()) for again in ("", " again")]
    return any(profile.uuid == profile_uuid(machine_id, role) for role in roles)


@diagnosed("boot.wait-online")
def failed_wait(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No boot waits for a network that does not come."""
    for unit in facts.boot.failed_waits if facts.boot else ():
        waiting = [d.ifname for d in facts.devices if d.managed and 30 < d.state < 100]
        fix: tuple[Command, ...] = ()
        hint = "journalctl -b -u NetworkManager shows what it waited for"
        if waiting:
            hint = f"NetworkManager waits for {', '.join(waiting)}: set ipv4.may-fail and ipv6.may-fail to yes"
        if unit == _NETWORKD_WAIT and facts.nm_version is not None:
            fix = root("systemctl", "disable", "--now", unit), root("systemctl", "reset-failed", unit)
            hint = "NetworkManager has its own service for this; systemd-networkd never configures these links"
        yield Finding(
            subject=unit, wanted="the network is up in time", seen="gave up at this boot", source="systemd",
            shown_by=_status(unit), hint=hint, fix=fix,
        )  # fmt: skip


@diagnosed("profile.names")
def same_names(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A note on profiles that share a name."""
    names = Counter(profile.name for profile in facts.profiles)
    for name, number in names.items():
        if number > 1:
            yield Finding(
                subject=name, wanted="one profile of this name", seen=f"{number} profiles", source=NMCLI, ok=True,
                shown_by=command("nmcli", "-f", "NAME,UUID,DEVICE", "connection", "show"),
                hint="a command that uses the name changes any one of them: use the profile's UUID",
            )  # fmt: skip


@diagnosed("nm.holds-tap")
def held_taps(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """NetworkManager only looks at the taps of domains."""
    links = {link.ifname: link for link in facts.links}
    saved = {profile.uuid for profile in facts.profiles if not profile.volatile}
    held = []
    for device in facts.devices:
        link = links.get(device.ifname)
        if link is None or link.kind != "tun" or link.controller is None:
            continue
        if device.managed and not device.external and device.profile not in saved:
            held.append(device.ifname)
    if held:
        yield Finding(
            subject="taps", wanted="connected (externally), or unmanaged",
            seen=f"controlled by NetworkManager: {', '.join(held)}", source=NMCLI,
            shown_by=command("nmcli", "device", "status"), hint="this releases the taps; none leaves its bridge",
            fix=tuple(root("nmcli", "device", "set", name, "managed", "no") for name in held),
        )  # fmt: skip


@diagnosed("nm.versions")
def versions(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """A note where nmcli and the daemon are of different versions."""
    client, daemon = facts.nmcli_version, facts.nm_version
    if client and daemon and re.match(r"[\d.]*", daemon)[0] != client:  # type: ignore[index]
        yield Finding(
            subject="host", wanted="nmcli and daemon with the same version", seen=f"nmcli {client}, daemon {daemon}",
            source=NMCLI, ok=True, shown_by=in_turn(command("nmcli", "--version"), command("nmcli", "general")),
            hint="the daemon still runs the version before the upgrade: reboot at a time of your choice",
        )  # fmt: skip


@diagnosed("profile.ifcfg")
def ifcfg_files(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No profile that the bridge rests on is an ifcfg file."""
    wanted = {uuid for _, uuid in goal.profiles}
    for profile in facts.profiles:
        if profile.uuid in wanted and _IFCFG in profile.filename:
            yield Finding(
                subject=profile.ifname or profile.name, wanted="a keyfile", seen=profile.filename, source=NMCLI,
                shown_by=command("nmcli", "-f", "NAME,FILENAME", "connection", "show"),
                fix=(root("nmcli", "connection", "migrate", "uuid", profile.uuid),),
            )  # fmt: skip


@diagnosed("link.team")
def teams(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No bridge rests on a team."""
    for link in facts.links:
        if link.kind == "team" and link.controller is not None:
            yield Finding(
                subject=link.ifname, wanted="a bond", seen=f"a team under {link.controller}", source=NETLINK,
                shown_by=show_link(link.ifname),
                hint="newer releases have no teams: build a bond beside it with vmnet host-setup --bond NAME",
            )  # fmt: skip


@diagnosed("nic.wireless")
def wireless(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No bridge with guests leads out by Wi-Fi."""
    below = {link.ifname for link in facts.carriers(goal.ifname)} | set(goal.nics)
    for link in facts.links:
        if link.wireless and link.ifname in below:
            yield Finding(
                subject=link.ifname, wanted="a wired NIC", seen="Wi-Fi", source=SYSFS,
                shown_by=command("ls", "-d", f"/sys/class/net/{link.ifname}/phy80211"),
                hint="the access point drops frames from the guests' MACs: use a wired NIC, or leave "
                "the guests behind NAT",
            )  # fmt: skip


@diagnosed("nic.direct")
def direct_on_port(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No domain holds a NIC by macvtap that the bridge needs."""
    parents = {link.parent for link in facts.links if link.kind in ("macvtap", "macvlan", "ipvlan")}
    for name in (*goal.nics, *((goal.bond_name,) if goal.bond_name else ())):
        link = facts.link(name)
        if link is None or link.controller is not None or name not in parents:
            continue
        above = [other.ifname for other in facts.links if other.parent == name]
        owners = {i.target: d.name for d in facts.domains for i in d.running if i.target}
        told = ", ".join(f"{a} of domain {owners[a]}" if a in owners else a for a in above)
        yield Finding(
            subject=name, wanted="not in use by others", seen=f"in use by {told}",
            source=LIBVIRT if set(above) & set(owners) else NETLINK,
            shown_by=in_turn(command("ip", "-d", "link", "show", "type", "macvtap"), show_link(name)),
            hint="only one of both can have the NIC: vmnet attach-domain DOMAIN moves a domain to the bridge",
            fix=() if set(above) & set(owners) else (
                *(root("ip", "link", "delete", "dev", a) for a in above),
                *(activate_profile(uuid) for ifname, uuid in goal.profiles if ifname == name),
            ),
        )  # fmt: skip


# Rules about who else configures the links, now or at the next boot: netplan, ifupdown, cloud-init, and others.

_NETPLAN_PROFILE = "/netplan-"
_HINTS = {
    Tool.NETPLAN: "netplan writes its own profiles at boot: remove the link from the file; the bridge does not need it",
    Tool.IFUPDOWN: "NetworkManager does not manage a link that this file names: remove its stanza",
    Tool.NETWORKD: "remove the link from the file, or add Unmanaged=yes under its [Link]. Then: networkctl reload",
    Tool.IFCFG: "remove NM_CONTROLLED from the file",
    Tool.UDEV: "find the rule (grep -r NM_UNMANAGED /etc/udev /usr/lib/udev) and change it",
}
_WANTED = "no other tool"
_MAIN = "/etc/network/interfaces"


@verified("boot.other-tool", "boot.unmanaged")
def other_tools(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """NetworkManager alone configures bridge, bond and NICs, and is let."""
    ours = tuple(layers_of(goal))
    owners = [owner for owner in facts.owners if owner.ifname in ours and not _is_source(owner, facts)]
    for owner in owners:
        rule = "boot.unmanaged" if owner.tool in (Tool.UNMANAGED, Tool.UDEV) else "boot.other-tool"
        yield Finding(
            rule=rule, layer="boot", subject=owner.ifname, wanted=_WANTED, seen=f"{owner.tool}: {owner.file}",
            source=FILES, shown_by=command("cat", owner.file), hint=_hint(owner), fix=_fix(owner, ours, facts),
        )  # fmt: skip
    if not owners and facts.boot is not None and facts.link(goal.ifname) is not None:
        yield Finding(
            rule="boot.other-tool", subject=", ".join(ours), wanted=_WANTED, seen="none", source=FILES, ok=True
        )


def _is_source(owner: Owner, facts: Facts) -> bool:
    """Whether the file is where the active profile comes from: netplan then is how this host is configured."""
    profile = facts.active_profile(owner.ifname)
    return owner.tool is Tool.NETPLAN and profile is not None and _NETPLAN_PROFILE in profile.filename


def _hint(owner: Owner) -> str:
    if owner.tool is Tool.UNMANAGED:
        others = len(owner.line.replace(",", ";").strip(";").split(";")) > 1
        more = "; the line also names others: keep them in a line of their own" if others else ""
        return f"from its next start on, NetworkManager does not manage {owner.ifname}{more}"
    return _HINTS[owner.tool]


def _fix(owner: Owner, ours: tuple[str, ...], facts: Facts) -> tuple[Command, ...]:
    """Return commands that take the file out of use, where nothing else hangs on it: else it is for an editor."""
    shared = any(other.file == owner.file and other.ifname not in ours for other in facts.owners)
    path = PurePath(owner.file)
    match owner.tool:
        case Tool.NETPLAN if not shared:
            return root("mv", owner.file, f"{owner.file}.off"), root("netplan", "generate")
        case Tool.IFUPDOWN if not shared and owner.file != _MAIN:
            return (root("mv", owner.file, f"/etc/network/{path.name}.off"),)
        case Tool.UNMANAGED if owner.line:
            return _comment_out(owner), root("nmcli", "general", "reload", "conf")
        case Tool.UDEV:
            return ()
        case _:
            return (root("editor", owner.file),)


def _comment_out(owner: Owner) -> Command:
    """Return the command that puts a # before the very line."""
    line = "".join(f"\\{letter}" if letter in r"\.*[]^$|" else letter for letter in owner.line)
    return root("sed", "-i", f"s|^{line}|#&|", owner.file)


@verified("boot.cloud-init")
def cloud_init(_goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Cloud-init does not write the old configuration again."""
    for owner in facts.owners:
        if owner.tool is Tool.CLOUD_INIT:
            keep = "/etc/cloud/cloud.cfg.d/99-disable-network.cfg"
            yield Finding(
                subject="host", wanted="does not configure the network", seen=f"wrote {owner.file}", source=FILES,
                shown_by=command("cloud-init", "status", "--long"),
                hint="cloud-init's other settings stay as they are", fix=(write(keep, "network: {config: disabled}"),),
            )  # fmt: skip
