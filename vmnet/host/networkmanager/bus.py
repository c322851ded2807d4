"""Call methods of daemons over D-Bus, by busctl(1)."""

from __future__ import annotations

from typing import Any, TypeVar

from vmnet.errors import ToolError
from vmnet.host.outside import parse_json
from vmnet.host.process import run
from vmnet.lines import lines_of

T = TypeVar("T")

TIMED_OUT = "timed out"
"""What standard error says of a daemon that is there and has not answered in time (sd_bus_call(3), ETIMEDOUT)."""

_DAEMON = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus")


def call(*words: str, timeout_s: int = 60, auto_start: bool = True) -> list[Any]:
    """Call a method and return what it returns; nobody is asked for a password.

    Args:
        words: service, path, interface, method, and, with arguments, their types and themselves, as busctl takes them.
        timeout_s: seconds that the daemon has; busctl itself would give it 25.
        auto_start: whether a service that does not run may be started for it.

    Raises:
        ToolError: the service is not there, refuses, or does not answer in time (`TIMED_OUT` in its standard error).
    """
    options = (f"--timeout={timeout_s}", f"--auto-start={'yes' if auto_start else 'no'}")
    fixed = ("--json=short", "--allow-interactive-authorization=no")
    out = run(("busctl", *fixed, *options, "call", *words), timeout_s=timeout_s + 10)
    return _data(out.stdout, list) if out.stdout else []


def get_properties(service: str, path: str, interface: str, *names: str) -> list[Any]:
    """Return the values of an object's properties.

    Raises:
        ToolError: as `call`.
    """
    out = run(("busctl", "--json=short", "get-property", service, path, interface, *names))
    found = [_data(line, object) for line in lines_of(out.stdout)]
    if len(found) != len(names):
        raise ToolError(f"busctl printed {len(found)} properties of {service} for {len(names)}")
    return found


def _data(text: str, kind: type[T]) -> T:
    data = parse_json(text, "the answer of busctl")
    data = data.get("data") if isinstance(data, dict) else None
    if not isinstance(data, kind):
        raise ToolError(f"vmnet cannot read the answer of busctl: {text[:80]!r}")
    return data


def has_owner(name: str) -> bool:
    """Return whether a service of this name runs, which the bus itself knows.

    Raises:
        ToolError: there is no bus.
    """
    return call(*_DAEMON, "NameHasOwner", "s", name) == [True]
