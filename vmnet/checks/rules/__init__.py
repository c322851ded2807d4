"""The rules: for each subject a module of functions that give findings. `texts/` says what each rule is about.

Importing this package registers all checks (`checks.registry`).
"""

from vmnet.checks.rules import (
    address,
    bond,
    boot,
    bridge,
    domain,
    firewall,
    leftovers,
    links,
    network,
    ports,
    surroundings,
)

__all__ = [
    "address",
    "bond",
    "boot",
    "bridge",
    "domain",
    "firewall",
    "leftovers",
    "links",
    "network",
    "ports",
    "surroundings",
]
