"""The socket to the kernel's rtnetlink (pyroute2): opened here alone, and its errors become ours."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol, TypeVar

from vmnet.errors import LinkError
from vmnet.host import sysfs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_DUMPS = 20
"""How often a list is asked for before it is given up. One takes milliseconds."""

_LOOPBACK = 1
"""The kernel gives it this index in every network namespace (LOOPBACK_IFINDEX in include/net/flow.h)."""

_Answer = TypeVar("_Answer")


class Message(Protocol):
    """What pyroute2 makes of one netlink message."""

    def __getitem__(self, key: str) -> int: ...
    def get_attr(self, name: str) -> object: ...
    def get_nested(self, *names: str) -> object: ...


class IPRoute(Protocol):
    """The calls of pyroute2's IPRoute that we use."""

    def get_links(self) -> Iterator[Message]: ...
    def get_addr(self) -> Iterator[Message]: ...
    def get_routes(self, **match: int) -> Iterator[Message]: ...
    def get_rules(self, **match: int) -> Iterator[Message]: ...
    def get_neighbours(self, **match: int) -> Iterator[Message]: ...
    def link(self, command: str, **values: object) -> object: ...
    def neigh(self, command: str, **values: object) -> object: ...
    def route(self, command: str, **values: object) -> object: ...


@contextmanager
def iproute() -> Iterator[IPRoute]:
    """Open a socket; a refusal of the kernel's is a LinkError.

    A torn list passes as it is, for `dump` to ask again.
    """
    import pyroute2
    from pyroute2.netlink.exceptions import NetlinkDumpInterrupted, NetlinkError

    try:
        with pyroute2.IPRoute() as ipr:
            yield ipr
    except NetlinkDumpInterrupted:
        raise
    except NetlinkError as error:
        raise LinkError(f"the kernel refused: {error}") from error


def dump(ask: Callable[[IPRoute], _Answer]) -> _Answer:
    """Return what `ask` reads, and ask again where something came or went meanwhile: the kernel then marks its list as
    torn (NLM_F_DUMP_INTR), which on a host whose links are being changed is no failure.

    Raises:
        LinkError: the kernel refused, or its lists were torn every time.
    """
    from pyroute2.netlink.exceptions import NetlinkDumpInterrupted

    for _ in range(_DUMPS):
        with suppress(NetlinkDumpInterrupted), iproute() as ipr:
            return ask(ipr)
    raise LinkError(f"the kernel's links and addresses changed {_DUMPS} times while vmnet read them", "run it again")


def load() -> None:
    """Import pyroute2 now, and have it make each kind of message once: it takes seconds on a slow host, and is not to
    take them in the middle of a change.

    Raises:
        LinkError: the kernel does not answer.
    """
    with iproute() as ipr:
        ipr.link("get", index=_LOOPBACK)
        ipr.route("get", dst="127.0.0.1")
        for _ in ipr.get_neighbours():
            return


def index_of(ifname: str) -> int:
    """Return the link's index.

    Raises:
        LinkError: there is no such link.
    """
    index = sysfs.read_int(sysfs.NET / ifname / "ifindex")
    if index is None:
        raise LinkError(f"the link {ifname} does not exist")
    return index
