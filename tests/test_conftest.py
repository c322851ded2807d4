"""The guard of conftest.py does what every other unit test relies on."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.conftest import ProcessGuard, guard

WAYS: dict[str, Callable[[], object]] = {
    "subprocess.Popen": lambda: subprocess.run(["true"], check=True),
    "os.system": lambda: os.system("true"),  # noqa: S605
    "os.posix_spawn": lambda: os.posix_spawn(sys.executable, [sys.executable, "-c", "pass"], os.environ),
    "os.fork": os.fork,
}


@pytest.mark.parametrize("way", WAYS)
def test_a_unit_test_cannot_start_a_process(way: str) -> None:
    with pytest.raises(AssertionError, match="starts a process"):
        WAYS[way]()
    assert [line.split(":")[0] for line in guard.started] == [way]
    guard.started.clear()  # else the guard fails this test, as it should any other


def test_a_swallowed_refusal_still_fails_the_test(request: pytest.FixtureRequest) -> None:
    own = ProcessGuard()
    watching = own.watch(request.node)
    next(watching)
    with pytest.raises(AssertionError):
        own("os.system", ("reboot",))
    with pytest.raises(pytest.fail.Exception, match="reboot"):
        next(watching)


@pytest.mark.process
def test_a_test_marked_process_can() -> None:
    assert subprocess.run(["true"], check=True).returncode == 0
