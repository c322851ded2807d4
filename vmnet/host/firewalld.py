"""Ask firewalld for its zones, where it runs."""

from __future__ import annotations

from typing import Any

from vmnet.errors import ToolError
from vmnet.facts import Firewalld, Zone
from vmnet.host import bus, process
from vmnet.host.outside import understood

_NAME = "org.fedoraproject.FirewallD1"
_PATH = "/org/fedoraproject/FirewallD1"


def read_firewalld() -> Firewalld | None:
    """Return its zones as they are now; None where it does not run.

    Asked over D-Bus (firewalld.dbus(5)): firewall-cmd takes ten times as long, most of it to start.

    Raises:
        ToolError: it runs and does not answer, or answers root alone.
    """
    if not process.has_tool("firewall-cmd") or not bus.has_owner(_NAME):
        return None
    return parse_zones(_ask(_NAME, "getDefaultZone"), _ask(f"{_NAME}.zone", "getActiveZones"))


def parse_zones(default: object, active: object) -> Firewalld:
    """Return the default zone and those with links, from what `busctl --json=short` makes of firewalld's answers.

    Raises:
        ToolError: these are no such answers.
    """
    if not isinstance(default, str) or not isinstance(active, dict):
        raise ToolError(f"vmnet cannot read firewalld's answer: {default!r}, {active!r}"[:400])
    with understood("firewalld's answer"):
        found = [(str(name), [str(link) for link in what.get("interfaces", ())]) for name, what in active.items()]
    zones = [Zone(name=name, links=tuple(sorted(links))) for name, links in sorted(found)]
    return Firewalld(default_zone=default, zones=tuple(zone for zone in zones if zone.links))


def _ask(*words: str) -> Any:
    """Call a method; firewalld is not started for it."""
    answer = bus.call(_NAME, _PATH, *words, timeout_s=30, auto_start=False)
    return answer[0] if answer else None
