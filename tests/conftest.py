"""What all tests share: no processes in unit tests, hypothesis profiles, `--regenerate`."""

import os
import signal
import sys
from collections.abc import Iterator

import hypothesis
import pyroute2  # noqa: F401  (its first import runs uname and file: before the guard is armed, please)
import pytest

STARTS_A_PROCESS = frozenset(
    {"subprocess.Popen", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.system"}
)
MAY_START_PROCESSES = ("lab", "process")

# Helpers whose asserts shall say what differs.
pytest.register_assert_rewrite("tests.lab.guests", "tests.lab.observe")
hypothesis.settings.register_profile("dev", max_examples=50, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=500, deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "dev")
)


class ProcessGuard:
    """Fails a test that starts a process; an audit hook, so that no way of starting one goes round it.

    What a test started is also noted, for the code under test may swallow the exception.
    """

    def __init__(self) -> None:
        self.armed = False
        self.started: list[str] = []

    def __call__(self, event: str, args: tuple[object, ...]) -> None:
        if self.armed and event in STARTS_A_PROCESS:
            self.started.append(f"{event}: {args[:2]!r}")
            raise AssertionError(f"a test without a marker lab or process starts a process: {args[:2]!r}")

    def watch(self, item: pytest.Item) -> Iterator[None]:
        self.started.clear()
        self.armed = not any(item.get_closest_marker(name) for name in MAY_START_PROCESSES)
        try:
            yield
        finally:
            self.armed = False
        if self.started:
            pytest.fail(f"started a process: {'; '.join(self.started)}", pytrace=False)


guard = ProcessGuard()
sys.addaudithook(guard)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    return (yield from guard.watch(item))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    return (yield from guard.watch(item))


def pytest_configure() -> None:
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that a run which is ended takes its lab down


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write golden files anew instead of comparing")


@pytest.fixture
def regenerate(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--regenerate"))
