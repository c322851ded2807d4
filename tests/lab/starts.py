"""The states that tests start from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .observe import ADOPT, SETUP, Before, management, observe

if TYPE_CHECKING:
    from .machine import Lab

MADE = {"bridged": ("clean", ADOPT), "mended": ("primer", SETUP)}
"""state -> the saved state that it is made of, and how."""


class Starts:
    """The states that tests start from: saved ones, and those that vmnet makes of them, once a session."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self.before: dict[str, Before] = {}
        """What the host was like before vmnet made the state."""

    def reach(self, state: str) -> None:
        if state in MADE and state not in self.before:
            base, command = MADE[state]
            self._lab.reset(base)
            self.before[state] = Before(observed=observe(self._lab), management=management(self._lab))
            self._lab.vmnet(*command, timeout=300)
            self._lab.save(state)
        self._lab.reset(state)
