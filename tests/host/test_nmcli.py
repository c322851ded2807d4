"""A NetworkManager that is there and too busy to answer is told from one that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmnet.errors import ToolError
from vmnet.host import nmcli
from vmnet.host.process import Output

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., Output]


def run_of(refusals: int, *, owned: bool, status: int = 8) -> tuple[list[str], Run]:
    """Return a way to run tools with which nmcli fails so many times first, and the tools that it was asked for."""
    asked: list[str] = []

    def run(argv: tuple[str, ...], *, accept: tuple[int, ...] = (0,)) -> Output:
        asked.append(argv[0])
        if argv[0] == "busctl":
            return Output(exit_status=0, stdout=f'{{"type":"b","data":[{str(owned).lower()}]}}', stderr="")
        if asked.count("nmcli") <= refusals:
            raise ToolError("nmcli failed", argv=argv, exit_status=status)
        return Output(exit_status=accept[0], stdout="said", stderr="")

    return asked, run


@pytest.mark.parametrize(
    ("refusals", "owned", "status", "asked"),
    [(0, True, 8, 1), (2, True, 8, 3), (1, False, 8, 1), (1, True, 4, 1)],
)
def test_nmcli_is_asked_again_only_where_networkmanager_is_busy(
    monkeypatch: pytest.MonkeyPatch, refusals: int, owned: bool, status: int, asked: int
) -> None:
    tools, run = run_of(refusals, owned=owned, status=status)
    monkeypatch.setattr(nmcli, "run", run)
    if refusals < asked:
        assert nmcli.call(("nmcli", "general")).stdout == "said"
    else:
        with pytest.raises(ToolError, match="nmcli failed"):
            nmcli.call(("nmcli", "general"))
    assert tools.count("nmcli") == asked


def test_one_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    tools, run = run_of(99, owned=True)
    monkeypatch.setattr(nmcli, "run", run)
    monkeypatch.setattr("vmnet.host.nmcli.time.monotonic", iter(range(0, 1000, 25)).__next__)
    with pytest.raises(ToolError, match="has not answered for 60 s"):
        nmcli.call(("nmcli", "general"))
    assert tools.count("nmcli") == 3
