"""A TOML file that says what is wanted of a host -> records, and records -> a file.

`[[bond]]`, `[[vlan]]` and `[[bridge]]` describe any number of them. A file with one table, `[host]`, is the short form
for one bridge (`spec.words`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from vmnet.errors import SpecError
from vmnet.names import check_ifname, json_text
from vmnet.spec import MATCHES, AddressSpec, BondSpec, BridgeSpec, HostSpec, NoAddress, VlanSpec
from vmnet.spec.options import BOND_OPTIONS, BRIDGE_OPTIONS, check_bond_options, normal_options
from vmnet.spec.words import (
    ADOPT,
    DHCP,
    NONE,
    TABLE,
    HostWords,
    Place,
    checked_nic,
    key_of,
    parse_host,
    parse_mode,
    parse_toml,
    parse_words,
    read_table,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Top:
    """The keys before the first table."""

    management: str | None = None
    fix_management: bool = False
    displace: tuple[str, ...] = ()
    move_vlans: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bond:
    name: str
    ports: tuple[str, ...]
    mode: str | int = "802.3ad"
    options: tuple[tuple[str, str], ...] = ()
    mtu: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Vlan:
    name: str
    parent: str
    id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bridge:
    name: str
    uplink: str
    address: tuple[str, ...] = ()
    gateway: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    dns_search: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    ipv6: str | None = None
    mtu: int | None = None
    stp: bool = False
    multicast_snooping: bool | None = None
    options: tuple[tuple[str, str], ...] = ()
    network: str | bool = True


_TABLES: dict[str, type[Any]] = {"bond": _Bond, "vlan": _Vlan, "bridge": _Bridge}
_NICS = ("ports", "uplink", "parent")
"""Keys that may name a NIC, by name or by a table: { mac = "00:1b:21:ab:d6:a1" }."""


def parse_spec(text: str, name: str) -> HostSpec:
    """Return what a file wants.

    Args:
        name: what to call the file in errors.

    Raises:
        SpecError: it is no TOML, a key is unknown, or a value is wrong; the message names file and key.
    """
    document = parse_toml(text, name)
    if TABLE in document:
        return parse_host(parse_words(document, name), Place(name))
    lists = {table: document.pop(table, []) for table in _TABLES}
    for table, items in lists.items():
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise SpecError(f"{name}: {table} is not a list of tables", f"write it as [[{table}]]")
    if not lists["bridge"]:
        raise SpecError(f"{name}: no bridge is wanted", f"begin with [[bridge]], or with [{TABLE}] for one bridge")
    top = read_table(_Top, _single(document), Place(name, ""))
    found: dict[str, list[Any]] = {
        table: [_read(table, item, number, name) for number, item in enumerate(items, 1)]
        for table, items in lists.items()
    }
    return HostSpec(
        bridges=_Graph(name, found["bond"], found["vlan"]).bridges(found["bridge"]),
        management=None if top.management is None else check_ifname(top.management, what="management link"),
        fix_management=top.fix_management,
        displace=top.displace,
        move_vlans=top.move_vlans,
    )


def _single(document: dict[str, Any]) -> dict[str, Any]:
    """One management link may be written as a list, too."""
    management = document.get("management")
    if isinstance(management, list) and len(management) == 1:
        return document | {"management": management[0]}
    return document


def _read(table: str, raw: dict[str, Any], number: int, name: str) -> Any:
    """Return a table; its errors name it by its own name, or by its number."""
    own = raw.get("name")
    place = Place(name, f"{table} {own if isinstance(own, str) else number}")
    raw = {key: _nic(value) if key in _NICS else value for key, value in raw.items()}
    if isinstance(raw.get("options"), dict):
        raw["options"] = [[key, _text(value)] for key, value in raw["options"].items()]
    return read_table(_TABLES[table], raw, place)


def _nic(value: Any) -> Any:
    if isinstance(value, list):
        return [_nic(item) for item in value]
    if isinstance(value, dict) and len(value) == 1 and (key := next(iter(value))) in MATCHES:
        return f"{key}={value[key]}"
    return value


def _text(value: object) -> object:
    return ("no", "yes")[value] if isinstance(value, bool) else str(value) if isinstance(value, int) else value


class _Graph:
    """The links that bridges may stand on, by name; each must be used."""

    def __init__(self, file: str, bonds: Iterable[_Bond], vlans: Iterable[_Vlan]) -> None:
        self._file = file
        self._bonds = self._by_name("bond", bonds)
        self._vlans = self._by_name("vlan", vlans)
        self._used: set[str] = set()

    def _by_name(self, table: str, items: Iterable[T]) -> dict[str, T]:
        found: dict[str, T] = {}
        for item in items:
            name = str(getattr(item, "name", ""))
            with Place(self._file, f"{table} {name}").at("name"):
                check_ifname(name, what=f"{table} name")
                if name in found:
                    raise SpecError("this name is given twice", "give each link a name of its own")
            found[name] = item
        return found

    def bridges(self, tables: Iterable[_Bridge]) -> tuple[BridgeSpec, ...]:
        """Return the bridges, each with what it stands on.

        Raises:
            SpecError: a value is wrong, or no bridge stands on a bond or VLAN.
        """
        found = tuple(self._bridge(table) for table in self._by_name("bridge", tables).values())
        for table, names in (("bond", self._bonds), ("vlan", self._vlans)):
            if unused := [name for name in names if name not in self._used]:
                raise SpecError(
                    f"{self._file}: {table} {unused[0]}: no bridge has it as its uplink",
                    f'add uplink = "{unused[0]}" to a bridge, or remove the {table}',
                )
        return found

    def _bridge(self, table: _Bridge) -> BridgeSpec:
        place = Place(self._file, f"bridge {table.name}")
        names = {field.name for field in fields(_Bridge)} & {field.name for field in fields(HostWords)}
        words = HostWords(bridge=table.name, **{key: getattr(table, key) for key in names})
        if table.network is True:
            words = replace(words, network=table.name)
        (asked,) = parse_host(words, place).bridges
        with place.at("uplink"):
            vlan, bond, nics = self._below(table.uplink)
        with place.at("options"):
            options = normal_options((*asked.options, *table.options), BRIDGE_OPTIONS, "bridge")
        return replace(asked, nics=nics, bond=bond, vlan=vlan, options=options)

    def _below(self, uplink: str) -> tuple[VlanSpec | None, BondSpec | None, tuple[str, ...]]:
        self._used.add(uplink)
        if uplink in self._vlans:
            vlan = self._vlans[uplink]
            if vlan.parent in self._vlans:
                raise SpecError(f"{uplink} is a VLAN on a VLAN", "put it on a bond or a NIC")
            _, bond, nics = self._below(vlan.parent)
            return VlanSpec(ifname=vlan.name, id=vlan.id), bond, nics
        if uplink in self._bonds:
            bond_table = self._bonds[uplink]
            place = Place(self._file, f"bond {uplink}")
            with place.at("ports"):
                nics = tuple(checked_nic(nic) for nic in bond_table.ports)
                if not nics:
                    raise SpecError("a bond needs ports", 'name its NICs: ports = ["em1", "p4p1"]')
            mode = parse_mode(str(bond_table.mode), place)
            with place.at("options"):
                options = normal_options((*BondSpec().options, *bond_table.options), BOND_OPTIONS, "bond")
                bond = BondSpec(ifname=uplink, mode=mode, options=options, mtu=bond_table.mtu)
                check_bond_options(bond, nics)
            return None, bond, nics
        return None, None, (checked_nic(uplink),)


def render_spec(spec: HostSpec) -> str:
    """Return the file of a spec; `parse_spec` makes the same spec of it."""
    bonds = {bridge.bond.ifname: bridge for bridge in spec.bridges if bridge.bond}
    vlans = {bridge.vlan.ifname: bridge for bridge in spec.bridges if bridge.vlan}
    lines = [] if spec.management is None else [f"management = {json_text(spec.management)}"]
    lines += [f"displace = {json_text(list(spec.displace))}"] if spec.displace else []
    lines += [f"{key_of(key)} = true" for key in ("fix_management", "move_vlans") if getattr(spec, key)]
    for name, bridge in bonds.items():
        lines += ["", "[[bond]]", f"name = {json_text(name)}", *_bond_lines(bridge)]
    for name, bridge in vlans.items():
        tag = bridge.vlan.id if bridge.vlan else 0
        parent = _nic_text(bridge.bond_name or bridge.nics[0])
        lines += ["", "[[vlan]]", f"name = {json_text(name)}", f"parent = {parent}", f"id = {tag}"]
    for bridge in spec.bridges:
        lines += ["", "[[bridge]]", f"name = {json_text(bridge.ifname)}", *_bridge_lines(bridge)]
    return "\n".join(lines).lstrip("\n") + "\n"


def _bond_lines(bridge: BridgeSpec) -> Iterator[str]:
    bond = bridge.bond
    if bond is None:
        return
    yield f"ports = [{', '.join(_nic_text(nic) for nic in bridge.nics)}]"
    yield f"mode = {json_text(bond.mode.value)}"
    if bond.options:
        yield f"options = {{ {', '.join(f'{key} = {json_text(value)}' for key, value in bond.options)} }}"
    if bond.mtu is not None:
        yield f"mtu = {bond.mtu}"


def _bridge_lines(bridge: BridgeSpec) -> Iterator[str]:
    yield f"uplink = {_nic_text(bridge.uplinks[0])}"
    match bridge.address:
        case AddressSpec() as asked:
            yield f"address = {json_text([*([DHCP] if asked.dhcp else []), *map(str, asked.addresses)])}"
            lists = {
                "gateway": asked.gateways,
                "dns": asked.dns,
                "dns-search": asked.dns_search,
                "routes": asked.routes,
            }
            yield from (f"{key} = {json_text([str(item) for item in items])}" for key, items in lists.items() if items)
            if asked.ipv6 is not None:
                yield f"ipv6 = {json_text(asked.ipv6)}"
        case NoAddress():
            yield f"address = {json_text(NONE)}"
        case None:
            yield f"address = {json_text(ADOPT)}"
    if bridge.mtu is not None:
        yield f"mtu = {bridge.mtu}"
    if bridge.options:
        yield f"options = {{ {', '.join(f'{key} = {json_text(value)}' for key, value in bridge.options)} }}"
    yield f"network = {'false' if bridge.network is None else json_text(bridge.network)}"


def _nic_text(name: str) -> str:
    key, _, value = name.partition("=")
    return f"{{ {key} = {json_text(value)} }}" if key in MATCHES and value else json_text(name)
