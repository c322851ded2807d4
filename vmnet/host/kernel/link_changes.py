"""The few changes that are made to links and routes directly in the kernel."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from socket import AF_INET, AF_INET6

from vmnet.errors import LinkError
from vmnet.facts import Route
from vmnet.host.kernel.netlink import dump, index_of, iproute
from vmnet.host.kernel.sysfs import NET
from vmnet.spec import IpAddress

_MAIN_TABLE = 254
_STATIC = 4
"""RTPROT_STATIC."""
_LINK_SCOPE = 253
_NEIGHBOUR_FIXED = 0x80 | 0x40
"""NUD_PERMANENT | NUD_NOARP: entries that somebody made."""


def set_up(ifname: str, *, up: bool) -> None:
    """Set a link up or down.

    Raises:
        LinkError: it is not there, or the kernel refused.
    """
    with iproute() as ipr:
        ipr.link("set", index=index_of(ifname), state="up" if up else "down")


def set_controller(ifname: str, controller: str | None) -> None:
    """Make the link a port of `controller`; None takes it out.

    Raises:
        LinkError: one of them is not there, or the kernel refused.
    """
    with iproute() as ipr:
        ipr.link("set", index=index_of(ifname), master=index_of(controller) if controller else 0)


def set_mtu(ifname: str, mtu: int) -> None:
    """Set the link's MTU in bytes.

    Raises:
        LinkError: it is not there, or the kernel refused.
    """
    with iproute() as ipr:
        ipr.link("set", index=index_of(ifname), mtu=mtu)


def set_option(ifname: str, file: str, value: str) -> None:
    """Write an option of a bond or bridge into its file below the link's directory in sysfs.

    Raises:
        LinkError: it is not there, or the kernel refused.
    """
    try:
        with (NET / ifname / file).open("r+") as opened:
            opened.write(f"{value}\n")
    except OSError as error:
        raise LinkError(f"the kernel refused {value!r} for {file} of {ifname}: {error.strerror}") from None


def add_routes(routes: Iterable[Route]) -> None:
    """Add routes to the main table; one with the same destination and metric is replaced.

    Raises:
        LinkError: a link is not there, or the kernel refused.
    """
    with iproute() as ipr:
        for route in routes:
            ipr.route("replace", **_spelt(route))


def remove_routes(routes: Iterable[Route]) -> None:
    """Remove routes from the main table; those that are gone, with their link or without, are no failure."""
    for route in routes:
        with suppress(LinkError), iproute() as ipr:
            ipr.route("del", **_spelt(route))


def forget_neighbour(address: IpAddress) -> None:
    """Have the kernel forget who has an address, on every link: it must ask again, and what it knew proves nothing.
    Without root it forgets nothing."""
    known = dump(lambda ipr: list(ipr.get_neighbours(family=AF_INET if address.version == 4 else AF_INET6)))
    for message in known:
        if message.get_attr("NDA_DST") == str(address) and not message["state"] & _NEIGHBOUR_FIXED:
            with suppress(LinkError), iproute() as ipr:
                ipr.neigh("del", dst=str(address), ifindex=message["ifindex"])


def _spelt(route: Route) -> dict[str, object]:
    said = {
        "dst": str(route.destination or "default"),
        "oif": index_of(route.ifname),
        "priority": route.metric,
        "gateway": str(route.gateway) if route.gateway is not None else None,
        "prefsrc": str(route.source) if route.source is not None else None,
        "table": _MAIN_TABLE,
        "proto": _STATIC,
        "scope": _LINK_SCOPE if route.gateway is None else 0,
    }
    return {key: value for key, value in said.items() if value is not None}
