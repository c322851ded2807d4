"""Facts of who else configures the NICs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Tool(StrEnum):
    """What configures links, or keeps NetworkManager from it."""

    NETPLAN = "netplan"
    IFUPDOWN = "ifupdown"
    NETWORKD = "systemd-networkd"
    IFCFG = "an ifcfg file"
    UNMANAGED = "NetworkManager's own configuration"
    UDEV = "a udev rule"
    CLOUD_INIT = "cloud-init"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """A file in which a tool names a link; `ifname` "" means all of them. `line` is the line that says so, where
    it is a single one."""

    tool: Tool
    file: str
    ifname: str = ""
    line: str = ""
