"""The socket to the kernel's rtnetlink (pyroute2): opened here alone, and its errors become ours."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, TypeVar

from vmnet.errors import LinkError
from vmnet.facts import Address, BondState, Link, Route
from vmnet.host.kernel import sysfs
from vmnet.names import Mac, parse_mac
from vmnet.spec import IpAddress
from vmnet.spec.options import BOND_OPTIONS

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


# The kernel's links, addresses, routes, rules and neighbours, as rtnetlink lists them.

_IFF_UP = 0x1
_IFF_LOWER_UP = 0x10000
_IFA_F_PERMANENT = 0x80
_IFA_F_TENTATIVE = 0x40 | 0x08
"""IFA_F_TENTATIVE | IFA_F_DADFAILED."""
_MAIN_TABLE = 254
_UNICAST = 1
_SCOPES = {0: "global", 200: "site", 253: "link", 254: "host"}
_BOND_MODES = (
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
)
_LACP_RATES = ("slow", "fast")
_HASH_POLICIES = ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac")
_HASHING = ("balance-xor", "802.3ad", "balance-tlb")
_NEIGHBOUR_FAILED = 0x20 | 0x01
"""NUD_FAILED | NUD_INCOMPLETE."""


def _text(value: object) -> str | None:
    # pyroute2 leaves a name that is not UTF-8 as bytes; Python's files and sockets have it with surrogates (PEP 383).
    text = os.fsdecode(value) if isinstance(value, bytes) else value
    return text if isinstance(text, str) and text else None


def _number(value: object) -> int | None:
    return value if isinstance(value, int) else None


def _mac(value: object) -> Mac | None:
    text = _text(value)
    # Links of other kinds (sit, gre) carry shorter or longer addresses.
    return parse_mac(text) if text and len(text) == 17 else None


def read_links() -> tuple[Link, ...]:
    """Return all links of this network namespace, by ifindex, with what sysfs adds to them."""
    messages = dump(lambda ipr: list(ipr.get_links()))
    names = {message["index"]: _text(message.get_attr("IFLA_IFNAME")) or "" for message in messages}
    return tuple(_link(message, names) for message in sorted(messages, key=lambda message: message["index"]))


def _link(message: Message, names: dict[int, str]) -> Link:
    ifname = names[message["index"]]
    kind = _text(message.get_nested("IFLA_LINKINFO", "IFLA_INFO_KIND")) or ""
    controller = _number(message.get_attr("IFLA_MASTER"))
    parent = _number(message.get_attr("IFLA_LINK"))
    flags = message["flags"]
    link = Link(
        ifname=ifname,
        ifindex=message["index"],
        kind=kind,
        mac=_mac(message.get_attr("IFLA_ADDRESS")) or Mac("00:00:00:00:00:00"),
        mtu=_number(message.get_attr("IFLA_MTU")) or 0,
        admin_up=bool(flags & _IFF_UP),
        carrier=bool(flags & _IFF_LOWER_UP),
        operstate=(_text(message.get_attr("IFLA_OPERSTATE")) or "unknown").lower(),
        permanent_mac=_mac(message.get_attr("IFLA_PERM_ADDRESS")),
        carrier_changes=_number(message.get_attr("IFLA_CARRIER_CHANGES")) or 0,
        controller=names.get(controller) if controller else None,
        # A veth's IFLA_LINK is its peer, in another namespace as a rule: not a link below it.
        parent=names.get(parent) if parent and kind != "veth" else None,
        bond=_bond(message, names) if kind == "bond" else None,
        vlan_id=_number(message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", "IFLA_VLAN_ID"))
        if kind == "vlan"
        else None,
        bridge=sysfs.read_bridge(ifname) if kind == "bridge" else None,
        bridge_port_state=sysfs.read_bridge_port_state(ifname) if controller else None,
    )
    # A host has hundreds of taps, and nothing of a cable or a device to any of them.
    return link if kind == "tun" else sysfs.with_hardware(link)


def _bond(message: Message, names: dict[int, str]) -> BondState:
    def data(*path: str) -> object:
        return message.get_nested("IFLA_LINKINFO", "IFLA_INFO_DATA", *path)

    number = _number(data("IFLA_BOND_MODE"))
    mode = _BOND_MODES[number] if number is not None and number < len(_BOND_MODES) else "unknown"
    rate = _number(data("IFLA_BOND_AD_LACP_RATE"))
    active = _number(data("IFLA_BOND_ACTIVE_SLAVE"))
    policy = _number(data("IFLA_BOND_XMIT_HASH_POLICY"))
    known = policy is not None and policy < len(_HASH_POLICIES) and mode in _HASHING
    return BondState(
        mode=mode,
        miimon_ms=_number(data("IFLA_BOND_MIIMON")) or 0,
        lacp_rate=_LACP_RATES[rate] if rate in (0, 1) else None,
        aggregator_id=_number(data("IFLA_BOND_AD_INFO", "IFLA_BOND_AD_INFO_AGGREGATOR")),
        aggregator_ports=_number(data("IFLA_BOND_AD_INFO", "IFLA_BOND_AD_INFO_NUM_PORTS")),
        partner_mac=_mac(data("IFLA_BOND_AD_INFO", "IFLA_BOND_AD_INFO_PARTNER_MAC")),
        active_port=names.get(active) if active else None,
        arp_interval_ms=_number(data("IFLA_BOND_ARP_INTERVAL")) or 0,
        min_links=_number(data("IFLA_BOND_MIN_LINKS")) or 0,
        hash_policy=_HASH_POLICIES[policy] if policy is not None and known else None,
        options=sysfs.read_options(names[message["index"]], BOND_OPTIONS),
    )


def read_addresses() -> tuple[Address, ...]:
    """Return all addresses with their links."""
    messages = dump(lambda ipr: list(ipr.get_addr()))
    # Not from a list of the links, which takes far longer to read: each of its messages is large.
    names = dict(socket.if_nameindex())
    found = []
    for message in messages:
        # IFA_LOCAL is ours on a point-to-point link, IFA_ADDRESS the peer; IPv6 has IFA_ADDRESS only.
        address = _text(message.get_attr("IFA_LOCAL")) or _text(message.get_attr("IFA_ADDRESS"))
        flags = _number(message.get_attr("IFA_FLAGS")) or message["flags"]
        if address:
            found.append(
                Address(
                    ifname=names.get(message["index"], ""),
                    interface=ipaddress.ip_interface(f"{address}/{message['prefixlen']}"),
                    scope=_SCOPES.get(message["scope"], "other"),
                    dynamic=not flags & _IFA_F_PERMANENT,
                    tentative=bool(flags & _IFA_F_TENTATIVE),
                )
            )
    return tuple(found)


def read_routes() -> tuple[Route, ...]:
    """Return the unicast routes of the main table, IPv4 and IPv6."""
    messages = dump(lambda ipr: list(ipr.get_routes()))
    names = dict(socket.if_nameindex())
    routes = []
    for message in messages:
        if message["type"] != _UNICAST or (_number(message.get_attr("RTA_TABLE")) or message["table"]) != _MAIN_TABLE:
            continue
        destination = _text(message.get_attr("RTA_DST"))
        gateway = _text(message.get_attr("RTA_GATEWAY"))
        source = _text(message.get_attr("RTA_PREFSRC"))
        routes.append(
            Route(
                destination=ipaddress.ip_network(f"{destination}/{message['dst_len']}") if destination else None,
                gateway=ipaddress.ip_address(gateway) if gateway else None,
                ifname=names.get(_number(message.get_attr("RTA_OIF")) or 0, ""),
                metric=_number(message.get_attr("RTA_PRIORITY")) or 0,
                protocol=message["proto"],
                source=ipaddress.ip_address(source) if source else None,
            )
        )
    return tuple(routes)


def read_rules() -> tuple[str, ...]:
    """Return the rules that choose a routing table, as text: "100: from 10.0.0.3/32 to all lookup 7"."""
    families = (socket.AF_INET, socket.AF_INET6)
    messages = dump(lambda ipr: [message for family in families for message in ipr.get_rules(family=family)])
    return tuple(_rule(message) for message in messages)


def _rule(message: Message) -> str:
    ends = {}
    for name, attribute, length in (("from", "FRA_SRC", "src_len"), ("to", "FRA_DST", "dst_len")):
        address = _text(message.get_attr(attribute))
        ends[name] = f"{address}/{message[length]}" if address else "all"
    words = [f"{_number(message.get_attr('FRA_PRIORITY')) or 0}:", *(f"{name} {end}" for name, end in ends.items())]
    for name, attribute in (("iif", "FRA_IIFNAME"), ("oif", "FRA_OIFNAME"), ("fwmark", "FRA_FWMARK")):
        value = message.get_attr(attribute)
        words += [f"{name} {_text(value) or value}"] if value else []
    return " ".join([*words, f"lookup {_number(message.get_attr('FRA_TABLE')) or message['table']}"])


def read_neighbour(address: IpAddress, ifname: str | None = None) -> Mac | None:
    """Return the MAC that answered for `address`, on the link or (None) on any; None when none did (yet)."""
    index = None if ifname is None else index_of(ifname)
    for message in dump(lambda ipr: list(ipr.get_neighbours())):
        same = _text(message.get_attr("NDA_DST")) == str(address) and index in (None, message["ifindex"])
        if same and not message["state"] & _NEIGHBOUR_FAILED:
            return _mac(message.get_attr("NDA_LLADDR"))
    return None
