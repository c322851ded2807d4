"""Facts of what the next boot makes of the network, besides NetworkManager's profiles."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Boot:
    """What comes up at boot. `kernel_arguments` are the words of the kernel's command line, in order."""

    kernel_arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something that could not be read, and why: "firewall rules", "needs root"."""

    what: str
    why: str
