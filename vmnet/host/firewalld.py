"""Ask firewalld for its zones, where it runs."""

from __future__ import annotations

import json
from typing import Any

from vmnet.errors import ToolError
from vmnet.facts import Firewalld, Zone
from vmnet.host import process

_NAME = "org.fedoraproject.FirewallD1"
_PATH = "/org/fedoraproject/FirewallD1"
_BUS = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


def read_firewalld() -> Firewalld | None:
    """Return its zones as they are now; None where it does not run.

    Asked over D-Bus (firewalld.dbus(5)): firewall-cmd takes ten times as long, most of it to start.

    Raises:
        ToolError: it runs and does not answer, or answers root alone.
    """
    if not process.has_tool("firewall-cmd") or not _call(*_BUS, "NameHasOwner", "s", _NAME):
        return None
    default = _call(_NAME, _PATH, _NAME, "getDefaultZone")
    return parse_zones(default, _call(_NAME, _PATH, f"{_NAME}.zone", "getActiveZones"))


def parse_zones(default: object, active: object) -> Firewalld:
    """Return the default zone and those with links, from what `busctl --json=short` makes of firewalld's answers.

    Raises:
        ToolError: these are no such answers.
    """
    if not isinstance(default, str) or not isinstance(active, dict):
        raise ToolError(f"firewalld's answer is not understood: {default!r}, {active!r}")
    if not all(isinstance(what, dict) for what in active.values()):
        raise ToolError(f"firewalld's answer is not understood: {active!r}")
    zones = [Zone(name=name, links=tuple(sorted(what.get("interfaces", ())))) for name, what in sorted(active.items())]
    return Firewalld(default_zone=default, zones=tuple(zone for zone in zones if zone.links))


def _call(*words: str) -> Any:
    """Call a method; nobody is asked for a password, and nothing is started for it."""
    argv = ("busctl", "--json=short", "--auto-start=no", "--allow-interactive-authorization=no", "call", *words)
    return json.loads(process.run(argv, timeout_s=30).stdout)["data"][0]
