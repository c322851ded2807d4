"""Rules about who else configures the links, now or at the next boot: netplan, ifupdown, cloud-init, and others."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

from vmnet.checks.findings import FILES, Finding
from vmnet.facts import Tool
from vmnet.shell_words import command, root, write

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts, Owner
    from vmnet.plan.steps import HostGoal
    from vmnet.shell_words import Command

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


def other_tools(goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """boot.other-tool, boot.unmanaged: NetworkManager alone configures bridge, bond and NICs, and is let."""
    ours = (*goal.nics, *((goal.bond,) if goal.bond else ()), goal.bridge)
    owners = [owner for owner in facts.owners if owner.ifname in ours and not _is_source(owner, facts)]
    for owner in owners:
        rule = "boot.unmanaged" if owner.tool in (Tool.UNMANAGED, Tool.UDEV) else "boot.other-tool"
        yield Finding(
            rule=rule, layer="boot", subject=owner.ifname, wanted=_WANTED, seen=f"{owner.tool}: {owner.file}",
            source=FILES, ok=False, hint=_hint(owner), shown_by=command("cat", owner.file),
            fix=_fix(owner, ours, facts),
        )  # fmt: skip
    if not owners and facts.boot is not None and facts.link(goal.bridge) is not None:
        yield Finding(
            rule="boot.other-tool", layer="boot", subject=", ".join(ours), wanted=_WANTED, seen="none", source=FILES,
            ok=True,
        )  # fmt: skip


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


def cloud_init(_goal: HostGoal, facts: Facts) -> Iterator[Finding]:
    """boot.cloud-init: cloud-init does not write the old configuration again."""
    for owner in facts.owners:
        if owner.tool is Tool.CLOUD_INIT:
            keep = "/etc/cloud/cloud.cfg.d/99-disable-network.cfg"
            yield Finding(
                rule="boot.cloud-init", layer="boot", subject="host", wanted="does not configure the network",
                seen=f"wrote {owner.file}", source=FILES, ok=False,
                shown_by=command("cloud-init", "status", "--long"),
                hint="cloud-init's other settings stay as they are",
                fix=(write(keep, "network: {config: disabled}"),),
            )  # fmt: skip


CHECKS = (other_tools, cloud_init)
