"""Steps on links, as the executor takes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from vmnet.errors import LinkError
from vmnet.facts import Route
from vmnet.host.networkmanager import nmcli
from vmnet.plan.steps import AddRoutes, LetSettle
from vmnet.runs.executor.execute import Executor


def some_executor() -> Executor:
    return Executor(
        uri="", copies=Path(), note_checkpoint=print, is_confirmed=lambda: False, note_waiting=lambda _: None
    )


@pytest.mark.parametrize(
    ("step", "at_s", "asked"),
    [
        (LetSettle(seconds=0), 4, 0),
        (LetSettle(seconds=0), 6, 1),
        (AddRoutes(routes=()), 6, 0),
        (AddRoutes(routes=()), 16, 1),
    ],
)
def test_the_checkpoint_is_kept_alive_but_not_at_the_cost_of_a_cut(
    monkeypatch: pytest.MonkeyPatch, step: LetSettle | AddRoutes, at_s: float, asked: int
) -> None:
    calls = list[tuple[str, int]]()

    def extend(path: str, timeout_s: int) -> bool:
        calls.append((path, timeout_s))
        return True

    monkeypatch.setattr(nmcli, "extend_checkpoint", extend)
    executor = some_executor()
    executor.checkpoint, executor.checkpoint_timeout_s = "/1", 60
    monkeypatch.setattr("time.monotonic", lambda: at_s)
    executor.execute(step)
    assert calls == [("/1", 60)] * asked


def test_a_way_back_goes_on_without_the_routes_that_shorten_its_cut() -> None:
    executor = some_executor()
    step = AddRoutes(routes=(Route(destination=None, gateway=None, ifname="no-such-link", metric=1),))
    with pytest.raises(LinkError, match="no-such-link"):
        executor.execute(step)
    executor.execute(step, undoing=True)
