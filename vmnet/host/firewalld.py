"""Ask firewalld for its zones, where it runs."""

from __future__ import annotations

import re
from pathlib import Path

from vmnet.facts import Firewalld, Zone
from vmnet.host import process, sysfs

CONFIGURATION = Path("/etc/firewalld/firewalld.conf")
_BACKEND = re.compile(r"^\s*FirewallBackend\s*=\s*(\w+)", re.MULTILINE)


def read_firewalld() -> Firewalld:
    """Return its zones as they are now.

    Raises:
        ToolError: firewall-cmd is missing, or does not get an answer.
    """
    default = process.run(("firewall-cmd", "--get-default-zone"), timeout_s=30).stdout.strip()
    zones = process.run(("firewall-cmd", "--list-all-zones"), timeout_s=30).stdout
    backend = _BACKEND.search(sysfs.read_text(CONFIGURATION) or "")
    return Firewalld(default_zone=default, backend=backend[1] if backend else "", zones=parse_zones(zones))


def parse_zones(text: str) -> tuple[Zone, ...]:
    """Return the zones of `firewall-cmd --list-all-zones`: a name at the margin, "key: values" below it."""
    found: list[Zone] = []
    for block in re.split(r"\n(?=\S)", text.strip()):
        lines = [line.strip() for line in block.splitlines()]
        values = dict(line.split(":", 1) for line in lines[1:] if ":" in line)
        found.append(
            Zone(
                name=lines[0].partition(" ")[0],
                links=tuple(sorted(values.get("interfaces", "").split())),
                forward=values.get("forward", "").strip() == "yes",
            )
        )
    return tuple(zone for zone in found if zone.name)
