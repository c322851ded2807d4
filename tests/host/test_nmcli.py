"""A NetworkManager that is there and too busy to answer is told from one that is not there."""

from __future__ import annotations

from contextlib import nullcontext

import pytest

from vmnet.errors import ToolError
from vmnet.host import nmcli
from vmnet.host.process import Output


def refuse(monkeypatch: pytest.MonkeyPatch, times: int, *, owned: bool = True, status: int = 8) -> list[str]:
    """Have nmcli fail so many times first; return the words that it is called with from now on."""
    asked: list[str] = []

    def run(argv: tuple[str, ...], *, accept: tuple[int, ...] = (0,)) -> Output:
        asked.append(argv[1])
        if len(asked) <= times:
            raise ToolError("nmcli failed", argv=argv, exit_status=status)
        return Output(exit_status=accept[0], stdout="said", stderr="")

    monkeypatch.setattr(nmcli, "run", run)
    monkeypatch.setattr("vmnet.host.bus.has_owner", lambda _: owned)
    return asked


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_busy_networkmanager_is_waited_for(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    asked = refuse(monkeypatch, times)
    assert nmcli.call(("nmcli", "general")).stdout == "said"
    assert len(asked) == times + 1


@pytest.mark.parametrize(("owned", "status"), [(False, 8), (True, 4)])
def test_what_waiting_does_not_mend_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, *, owned: bool, status: int
) -> None:
    asked = refuse(monkeypatch, 1, owned=owned, status=status)
    with pytest.raises(ToolError, match="nmcli failed"):
        nmcli.call(("nmcli", "general"))
    assert len(asked) == 1


def test_one_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = refuse(monkeypatch, 99)
    monkeypatch.setattr("vmnet.host.nmcli.time.monotonic", iter(range(0, 1000, 25)).__next__)
    with pytest.raises(ToolError, match="has not answered for 60 s"):
        nmcli.call(("nmcli", "general"))
    assert len(asked) == 3


@pytest.mark.parametrize(("times", "status", "asked"), [(2, 4, 3), (3, 4, 3), (1, 3, 1), (1, 10, 1)])
def test_an_activation_that_fails_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, times: int, status: int, asked: int
) -> None:
    monkeypatch.setattr("vmnet.host.nmcli.time.sleep", lambda _: None)
    words = refuse(monkeypatch, times, status=status)
    with nullcontext() if times < asked else pytest.raises(ToolError, match="nmcli failed"):
        nmcli.call(("nmcli", "connection", "up"), tries=3)
    assert len(words) == asked
