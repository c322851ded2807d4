"""Steps on links, as the executor takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmnet.apply.execute import Executor
from vmnet.errors import LinkError
from vmnet.facts import Route
from vmnet.plan.steps import AddRoutes


def test_a_way_back_goes_on_without_the_routes_that_shorten_its_cut() -> None:
    executor = Executor(
        uri="", copies=Path(), note_checkpoint=print, is_confirmed=lambda: False, note_waiting=lambda _: None
    )
    step = AddRoutes(routes=(Route(destination=None, gateway=None, ifname="no-such-link", metric=1),))
    with pytest.raises(LinkError, match="no-such-link"):
        executor.execute(step)
    executor.execute(step, undoing=True)
