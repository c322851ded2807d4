"""What doctor asks for besides: read on demand only, for it takes time that planning has no use for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from vmnet.host.boot import read_boot

if TYPE_CHECKING:
    from vmnet.facts import Facts


def read_closely(facts: Facts) -> Facts:
    """Return the facts with what doctor looks at besides; what could not be read is listed in `unread`, not raised."""
    return replace(facts, boot=read_boot())
