"""The states that tests start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import four_nics
from .observe import ADOPT, SETUP, Before, management, observe

if TYPE_CHECKING:
    from collections.abc import Callable

    from .machine import Lab

MADE: dict[str, tuple[str, list[str] | Callable[[Lab], None]]] = {
    "bridged": ("clean", ADOPT),
    "mended": ("primer", SETUP),
    "four-nics": ("clean", four_nics.plug_in),
    "bridged-four": ("bridged", four_nics.plug_in),
    "on-vlan": ("four-nics", four_nics.tag),
}
"""state -> the state that it is made of, and how: a command of vmnet, or a function."""


class Starts:
    """The states that tests start from: saved ones, and those made of them, once a session."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._made: set[str] = set()
        self.before: dict[str, Before] = {}
        """What the host was like before vmnet made the state."""

    def reach(self, state: str) -> None:
        if state in MADE and state not in self._made:
            base, how = MADE[state]
            self.reach(base)
            if callable(how):
                how(self._lab)
            else:
                self.before[state] = Before(observed=observe(self._lab), management=management(self._lab))
                self._lab.vmnet(*how, timeout=300)
            self._lab.save(state)
            self._made.add(state)
        self._lab.reset(state)
