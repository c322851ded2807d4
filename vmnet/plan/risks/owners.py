"""NICs that another tool configures: who it is, in which file, and how NetworkManager gets to manage them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.errors import Refused
from vmnet.facts import Tool
from vmnet.plan.risks.accept import listed
from vmnet.shell_words import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.facts import Facts, Link, Owner, Profile

_HAND_OVER = {
    Tool.NETPLAN: "set `renderer: NetworkManager` for {nic} in {file}, then: netplan apply",
    Tool.IFUPDOWN: "remove {nic} from {file}, then: systemctl restart NetworkManager",
    Tool.NETWORKD: "remove {nic} from {file}, or put Unmanaged=yes under its [Link], then: networkctl reload",
    Tool.IFCFG: "remove NM_CONTROLLED from {file}, then: nmcli connection reload",
    Tool.UNMANAGED: "remove {nic} from unmanaged-devices in {file}, then: nmcli general reload",
    Tool.UDEV: "find the rule (grep -r NM_UNMANAGED /etc/udev /usr/lib/udev), change it, then: {trigger}",
}
_NETPLAN_PROFILE = "/netplan-"
"""What netplan calls the profiles that it writes for NetworkManager, in /run."""


def check_owners(nic: Link, facts: Facts) -> None:
    """Raise Refused where NetworkManager does not manage the NIC, or not alone."""
    device = facts.device(nic.ifname)
    owners = [owner for owner in facts.owners if owner.ifname == nic.ifname]
    if device is None or not device.managed:
        raise _not_managed(nic, owners, device.reason if device else "")
    for owner in owners:
        if owner.tool is Tool.NETWORKD:
            raise Refused(
                f"systemd-networkd configures {nic.ifname} as well as NetworkManager ({owner.file}): it would give "
                "a port its old address again",
                _hand_over(owner),
            )


def _not_managed(nic: Link, owners: list[Owner], reason: str) -> Refused:
    if not owners:
        # The reason is NMDeviceStateReason; 0 and 2, 3 say no more than that it is unmanaged.
        told = f" (reason {reason})" if reason and reason.split(" ", maxsplit=1)[0] not in ("0", "2", "3") else ""
        return Refused(
            f"NetworkManager does not manage {nic.ifname}: another tool manages it{told}",
            "remove it from /etc/network/interfaces, netplan or systemd-networkd, and from unmanaged-devices in "
            "/etc/NetworkManager, then: systemctl reload NetworkManager",
        )
    who = listed(f"{owner.tool} ({owner.file})" for owner in owners)
    return Refused(f"NetworkManager does not manage {nic.ifname}: it is managed by {who}", _hand_over(owners[0]))


def _hand_over(owner: Owner) -> str:
    trigger = command("udevadm", "trigger", f"/sys/class/net/{owner.ifname}")
    return _HAND_OVER[owner.tool].format(nic=owner.ifname, file=owner.file, trigger=trigger)


def owner_warnings(nics: tuple[Link, ...], facts: Facts) -> Iterator[str]:
    """Yield a warning for each tool that will write the old configuration again."""
    names = {nic.ifname for nic in nics}
    for owner in facts.owners:
        if owner.tool is Tool.CLOUD_INIT:
            yield (
                f"cloud-init wrote {owner.file} and may write it again at boot. To prevent that, put "
                "`network: {config: disabled}` into /etc/cloud/cloud.cfg.d/99-disable-network.cfg"
            )
        if owner.tool is Tool.IFUPDOWN and owner.ifname in names:
            yield f"ifupdown also configures {owner.ifname} at boot: remove it from {owner.file}"
    written = [p.name for p in facts.profiles if _NETPLAN_PROFILE in p.filename and _meant(p, names)]
    files = [owner.file for owner in facts.owners if owner.tool is Tool.NETPLAN and owner.ifname in names]
    if written or files:
        yield (
            f"netplan configures these NICs ({listed(files or written)}) and writes its profiles again at boot and "
            "at `netplan apply`. Remove the NICs from /etc/netplan after this run"
        )


def _meant(profile: Profile, names: set[str]) -> bool:
    return bool({profile.device, profile.ifname} & names)
