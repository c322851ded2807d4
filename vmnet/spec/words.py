"""The words in which host-setup is told what is wanted, on the command line or in a file, and what they come to.

A file is TOML with one table, `[host]`, whose keys are host-setup's options without their dashes in front. What says
how a run goes (--timeout, --confirm, --probe, the options that accept a risk) belongs to the occasion, not to the host,
and is said on the command line only.
"""

from __future__ import annotations

import difflib
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from ipaddress import ip_address, ip_interface, ip_network
from typing import TYPE_CHECKING, Any, TypeVar

from vmnet.errors import SpecError
from vmnet.fields import decode
from vmnet.lines import number_of
from vmnet.names import check_ifname, parse_mac
from vmnet.spec import AddressSpec, BondMode, BondSpec, BridgeSpec, HostSpec, NoAddress, Options, VlanSpec
from vmnet.spec.options import BOND_OPTIONS, BRIDGE_OPTIONS, check_bond_options, normal_options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.spec import IpAddress, IpInterface

T = TypeVar("T")

ADOPT = "adopt"
DHCP = "dhcp"
NONE = "none"
IPV6 = ("auto", "dhcp", "link-local", "disabled", "ignore")
"""NetworkManager's methods of IPv6 besides static addresses."""
TABLE = "host"

_MODES_BY_NUMBER = tuple(BondMode)
"""The kernel's own numbers, 0 to 6, in the order of BondMode."""
OPTION_TABLES = ("bond_options", "bridge_options")
_LISTS = ("nics", "ports", "address", "gateway", "dns", "dns_search", "routes", "displace")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWords:
    """What was written, under the names of host-setup's options. `bond` and `network`: a name, or whether one is
    wanted at all."""

    nics: tuple[str, ...] = ()
    bridge: str = "br0"
    bond: str | bool = "bond0"
    mode: str | int = "802.3ad"
    miimon: int = 100
    arp_interval: int | None = None
    lacp_rate: str | None = None
    xmit_hash_policy: str | None = None
    stp: bool = False
    multicast_snooping: bool | None = None
    bond_options: Options = ()
    bridge_options: Options = ()
    address: tuple[str, ...] = ()
    gateway: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    ipv6: str | None = None
    vlan: int | None = None
    mtu: int | None = None
    management: str | None = None
    move_vlans: bool = False
    fix_management: bool = False
    network: str | bool = "host-bridge"
    displace: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """Where the words are: a file, or (None) the command line. Its errors name the key or the option."""

    file: str | None = None
    table: str = TABLE

    def name(self, key: str) -> str:
        """Return what people call the word."""
        return f"--{key}" if self.file is None else f"{self.table}.{key}" if self.table else key

    @contextmanager
    def at(self, key: str) -> Iterator[None]:
        """Name the key of a file in the errors of this block; an option's name is in the hint."""
        try:
            yield
        except SpecError as error:
            if self.file is None or error.message.startswith(f"{self.file}: "):
                raise
            raise SpecError(f"{self.file}: {self.name(key)}: {error.message}", error.hint) from None


COMMAND_LINE = Place()


def parse_toml(text: str, name: str) -> dict[str, Any]:
    """Return the document in a TOML file.

    Raises:
        SpecError: it is none.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        # Besides TOMLDecodeError, Python refuses a number of more than 4,300 digits by a plain ValueError.
        raise SpecError(
            f"{name} is not valid TOML: {error}", 'write one key and its value in each line: nics = ["em1", "p4p1"]'
        ) from None


def parse_words(document: dict[str, Any], name: str) -> HostWords:
    """Return the words of a document with one table, `[host]`, all of them understood (`parse_host`).

    Raises:
        SpecError: a key is unknown, or a value is wrong; the message names file and key.
    """
    table = document.get(TABLE)
    if set(document) != {TABLE} or not isinstance(table, dict):
        found = f"it has {', '.join(sorted(document))}" if document else "it has none"
        raise SpecError(f"{name}: one table is expected, [{TABLE}], and {found}", f"begin with a line [{TABLE}]")
    words = read_table(HostWords, table, Place(name))
    parse_host(words, Place(name))
    return words


def read_table(want: type[T], table: dict[str, Any], place: Place) -> T:
    """Return the record that a table describes.

    Raises:
        SpecError: a key is unknown or missing, or a value is wrong.
    """
    keys = {key_of(field.name): field.name for field in fields(want)}  # type: ignore[arg-type]
    for key in table:
        if key not in keys:
            raise SpecError(f"{place.file}: {place.name(key)}: unknown key", known_keys(key, list(keys)))
    raw = {keys[key]: _listed(keys[key], value) for key, value in table.items()}
    try:
        return decode(want, raw, place.table)
    except SpecError as error:
        where, _, problem = error.message.partition(": ")
        where = where.lstrip(".") if place.table == "" else where
        raise SpecError(f"{place.file}: {key_of(where)}: {problem}", "correct this value") from None


def key_of(name: str) -> str:
    """Return a field's key in a file."""
    return name.replace("_", "-")


def _listed(key: str, value: object) -> object:
    """One address needs no brackets, and a table of options becomes pairs of text."""
    if key in OPTION_TABLES and isinstance(value, dict):
        return [[name, str(number)] for name, number in value.items()]
    return [value] if key in _LISTS and isinstance(value, str) else value


def known_keys(key: str, keys: list[str]) -> str:
    """Return a hint for an unknown key."""
    if key in ("no-bond", "no-network"):
        return f"write {key.removeprefix('no-')} = false"
    close = difflib.get_close_matches(key, keys, n=1)
    return (f"did you mean {close[0]}? " if close else "") + f"the keys are {', '.join(keys)}"


def checked_nic(nic: str) -> str:
    """Return a NIC's name, or what it is found by: its permanent MAC (`mac=`) or PCI address (`pci=`).

    Raises:
        SpecError: it is none of these.
    """
    key, _, value = nic.partition("=")
    if key == "mac" and value:
        return f"mac={parse_mac(value)}"
    if key == "pci" and value:
        return nic.lower()
    return check_ifname(nic, what="NIC")


def parse_host(words: HostWords, place: Place = COMMAND_LINE) -> HostSpec:
    """Return what the words come to.

    Raises:
        SpecError: a value is wrong, or values exclude each other.
    """
    with place.at("nics"):
        nics = tuple(checked_nic(nic) for nic in words.nics)
    words = _for_vlan(words)
    with place.at("bridge"):
        bridge = check_ifname(words.bridge, what="bridge name")
    with place.at("management"):
        management = None if words.management is None else check_ifname(words.management, what="management link")
    asked = BridgeSpec(
        ifname=bridge,
        nics=nics,
        bond=_bond(words, place),
        vlan=None if words.vlan is None else VlanSpec(ifname="", id=words.vlan),
        address=_addresses(words, place),
        mtu=words.mtu,
        options=_bridge_options(words, place),
        network=_network(words, place),
    )
    return HostSpec(
        bridges=(asked,),
        management=management,
        fix_management=words.fix_management,
        move_vlans=words.move_vlans,
        displace=words.displace,
    )


def _for_vlan(words: HostWords) -> HostWords:
    """Return the words with the usual names for a bridge on a VLAN, where none are given."""
    usual = HostWords()
    if words.vlan is None:
        return words
    bridge = f"br{words.vlan}" if words.bridge == usual.bridge else words.bridge
    network = f"vlan{words.vlan}" if words.network in (usual.network, True) else words.network
    return replace(words, bridge=bridge, network=network)


def _given(**options: str | int | bool | None) -> Options:
    """Return the options that are given, with "yes" and "no" for what is on or off."""
    return tuple(
        (key, ("no", "yes")[value] if isinstance(value, bool) else str(value))
        for key, value in options.items()
        if value is not None
    )


def _bridge_options(words: HostWords, place: Place) -> Options:
    given = _given(stp=words.stp or None, multicast_snooping=words.multicast_snooping)
    with place.at("bridge-options"):
        return normal_options((*given, *words.bridge_options), BRIDGE_OPTIONS, "bridge")


def _network(words: HostWords, place: Place) -> str | None:
    if isinstance(words.network, bool):
        return str(HostWords().network) if words.network else None
    if not words.network.strip():
        with place.at("network"):
            raise SpecError("the network's name is empty", "list the networks with: virsh net-list --all")
    if "/" in words.network or not words.network.isprintable():
        with place.at("network"):
            raise SpecError(
                f"the network's name {words.network!r} contains a character that libvirt does not allow",
                "use letters, digits, spaces, dots, dashes or underscores, for example host-bridge",
            )
    return words.network


def _bond(words: HostWords, place: Place) -> BondSpec | None:
    if words.bond is False:
        _check_no_bond(words, place)
        return None
    with place.at("bond"):
        ifname = check_ifname(str(HostWords().bond if words.bond is True else words.bond), what="bond name")
    mode = parse_mode(str(words.mode), place)
    given = _given(
        miimon=words.miimon,
        lacp_rate=_one_of(words.lacp_rate, BOND_OPTIONS["lacp_rate"].words, "lacp-rate", place),
        xmit_hash_policy=_one_of(
            words.xmit_hash_policy, BOND_OPTIONS["xmit_hash_policy"].words, "xmit-hash-policy", place
        ),
    )
    with place.at("bond-options"):
        options = normal_options((*given, *words.bond_options), BOND_OPTIONS, "bond")
        check_bond_options(BondSpec(mode=mode, options=options), words.nics)
    return BondSpec(ifname=ifname, mode=mode, options=(*options, *_given(arp_interval=words.arp_interval)))


def _check_no_bond(words: HostWords, place: Place) -> None:
    if words.bond_options:
        with place.at("bond-options"):
            raise SpecError("bond options need a bond", "leave them out, or name a bond")


def _one_of(word: str | None, choices: tuple[str, ...], key: str, place: Place) -> str | None:
    if word is None or word in choices:
        return word
    with place.at(key):
        raise SpecError(f"unknown value {word!r}", f"{place.name(key)} takes one of {', '.join(choices)}")


def parse_mode(text: str, place: Place) -> BondMode:
    """Return a bond mode, given by its name or the kernel's number.

    Raises:
        SpecError: there is no such mode.
    """
    word = text.strip().lower()
    number = number_of(word)
    if number is not None and number < len(_MODES_BY_NUMBER):
        return _MODES_BY_NUMBER[number]
    word = {"lacp": "802.3ad"}.get(word, word)
    with place.at("mode"):
        if word not in tuple(BondMode):
            names = ", ".join(mode.value for mode in BondMode)
            raise SpecError(f"{text!r} is not a bond mode", f"{place.name('mode')} takes one of {names}")
    return BondMode(word)


def _addresses(words: HostWords, place: Place) -> AddressSpec | NoAddress | None:
    """Return the wanted addresses; None when none are given and the host's own are to be adopted."""
    if len(words.address) > 1 and ADOPT in (text.lower() for text in words.address):
        with place.at("address"):
            raise SpecError(f"{ADOPT} and another address do not go together", "give one of the two")
    words = replace(words, address=tuple(text for text in words.address if text.lower() != ADOPT))
    if not words.address or NONE in (text.lower() for text in words.address):
        return _no_static(words, place)
    dhcp = DHCP in (text.lower() for text in words.address)
    with place.at("address"):
        static = tuple(_interface(text, place) for text in words.address if text.lower() != DHCP)
        if dhcp and any(interface.version == 4 for interface in static):
            raise SpecError("dhcp and a static IPv4 address exclude each other", "give one of the two")
    return AddressSpec(
        dhcp=dhcp,
        addresses=tuple(dict.fromkeys(static)),
        gateways=_plain_addresses(words.gateway, "gateway", place),
        dns=_plain_addresses(words.dns, "dns", place),
        dns_search=tuple(dict.fromkeys(words.dns_search)),
        routes=tuple(dict.fromkeys(_route(text, place) for text in words.routes)),
        ipv6=_one_of(words.ipv6, IPV6, "ipv6", place),
    )


def _route(text: str, place: Place) -> str:
    """Return a route as NetworkManager writes it: a network, and then its gateway and metric, if it has them."""
    words = text.split()
    with place.at("routes"):
        try:
            network = ip_network(words[0], strict=False)
            known = [network.version, *(ip_address(word).version for word in words[1:2])]
        except (ValueError, IndexError):
            known = []
        if len(set(known)) != 1:
            raise SpecError(f"{text!r} is not a route", 'write network and gateway: "10.0.0.0/8 172.16.4.254"')
    return " ".join(words)


def _no_static(words: HostWords, place: Place) -> NoAddress | None:
    if len(words.address) > 1:
        with place.at("address"):
            raise SpecError(f"{NONE} and another address do not go together", "give one of the two")
    given = {"gateway": words.gateway, "dns": words.dns, "dns-search": words.dns_search, "routes": words.routes}
    for key in (key for key, values in given.items() if values):
        with place.at(key):
            raise SpecError(
                f"{place.name(key)} needs {place.name('address')} with an address or dhcp",
                f"without {place.name('address')}, vmnet adopts gateway and DNS from the NIC, too",
            )
    return NoAddress() if words.address else None


def _interface(text: str, place: Place) -> IpInterface:
    hint = f"{place.name('address')} takes an address with its prefix length: 172.16.4.3/24, or dhcp, or none"
    if "/" not in text:
        problem = "has no prefix length" if _is_address(text) else "is not an address"
        raise SpecError(f"{text!r} {problem}", hint)
    try:
        return ip_interface(text.strip())
    except ValueError:
        raise SpecError(f"{text!r} is not an address", hint) from None


def _is_address(text: str) -> bool:
    try:
        ip_address(text.strip())
    except ValueError:
        return False
    return True


def _plain_addresses(texts: tuple[str, ...], key: str, place: Place) -> tuple[IpAddress, ...]:
    with place.at(key):
        return tuple(dict.fromkeys(_plain_address(text, key, place) for text in texts))


def _plain_address(text: str, key: str, place: Place) -> IpAddress:
    try:
        return ip_address(text.strip())
    except ValueError:
        raise SpecError(f"{text!r} is not an address", f"{place.name(key)} takes one address: 172.16.4.1") from None
