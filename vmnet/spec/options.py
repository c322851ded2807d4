"""The options of bonds and bridges: one row each. A new option is one more row.

A value has the words of NetworkManager: seconds where NetworkManager takes seconds, "yes" and "no" on a bridge. A row
also knows the kernel's file and what the kernel prints there.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from vmnet.errors import SpecError
from vmnet.lines import number_of
from vmnet.names import check_ifname, parse_mac
from vmnet.spec import BondMode, BondSpec, BridgeSpec, Options

Allowed = tuple[str, ...] | range | Callable[[str], str]
_EITHER = ("0", "1")
_SWITCH = ("no", "yes")
_SWITCHED = {"off": 0, "false": 0, "no": 0, "on": 1, "true": 1, "yes": 1}
_LACP = (BondMode.LACP,)
_BACKUP = (BondMode.ACTIVE_BACKUP,)
_HUNDREDTHS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """An option of a bond or bridge.

    Args:
        name: what vmnet calls it: the kernel's name of a bond's option, and of a bridge's file.
        allowed: the words in the order of the kernel's numbers, a range, or what reads and checks a value.
        default: the value that NetworkManager sets where none is given.
        unit: what a number counts.
        modes: the bond modes in which it has an effect; none named: all.
        steps_of: the option of which the kernel takes multiples only.
        running: whether it can be changed while the bond or bridge runs.
        private: whether the kernel shows the value to root alone.
        setting: NetworkManager's property; "": a part of bond.options.
        hundredths: whether the kernel's file counts hundredths of a second, and the option seconds.
        rounded: whether the kernel may round the value down by one, to its own ticks.
        file: the kernel's file, relative to the link's directory in /sys/class/net.
    """

    name: str
    allowed: Allowed
    default: str
    unit: str = ""
    modes: tuple[BondMode, ...] = ()
    steps_of: str = ""
    running: bool = True
    private: bool = False
    setting: str = ""
    hundredths: bool = False
    rounded: bool = False
    file: str = ""

    def works_in(self, mode: BondMode) -> bool:
        """Whether a bond in this mode obeys the option."""
        return not self.modes or mode in self.modes

    def normal(self, value: str) -> str:
        """Return the value as vmnet and NetworkManager write it.

        Raises:
            SpecError: it is not allowed.
        """
        text = value.strip()
        if callable(self.allowed):
            return self._read(text, self.allowed)
        word = text.lower()
        number = _SWITCHED.get(word) if self.allowed in (_EITHER, _SWITCH) else None
        number = number_of(word) if number is None else number
        if isinstance(self.allowed, range):
            if number is not None and number in self.allowed:
                return str(number)
        elif word in self.allowed:
            return word
        elif number is not None and number < len(self.allowed):
            return self.allowed[number]
        raise SpecError(f"{self.name}: {value!r} is not allowed", f"{self.name} takes {self.takes}")

    def _read(self, text: str, read: Callable[[str], str]) -> str:
        try:
            return read(text)
        except SpecError as error:
            raise SpecError(f"{self.name}: {error.message}", error.hint) from None

    @property
    def words(self) -> tuple[str, ...]:
        """The values, where there are few."""
        return self.allowed if isinstance(self.allowed, tuple) else ()

    @property
    def takes(self) -> str:
        """What is allowed, in words."""
        if isinstance(self.allowed, range):
            return f"{self.allowed[0]} to {self.allowed[-1]}{f' {self.unit}' if self.unit else ''}"
        return f"one of {', '.join(self.words)}" if self.words else self.unit

    def seen(self, text: str) -> str:
        """Return the value of what the kernel's file holds: of "fast 1" the word, and what is unknown as it is."""
        word = text.split(" ", 1)[0]
        if self.hundredths:
            number = number_of(word)
            whole = number is not None and number % _HUNDREDTHS == 0
            return word if number is None else str(number // _HUNDREDTHS if whole else number / _HUNDREDTHS)
        return self.stored(word)

    def stored(self, text: str) -> str:
        """Return the value that a profile has, in vmnet's words; one that vmnet does not allow as it is."""
        try:
            return self.normal(text)
        except SpecError:
            return text

    def written(self, value: str) -> str:
        """Return what to write into the kernel's file for a value."""
        if self.hundredths:
            return str(round(float(value) * _HUNDREDTHS))
        return str(self.words.index(value)) if self.setting and value in self.words else value

    def same(self, wanted: str, seen: str) -> bool:
        """Return whether a seen value is the wanted one."""
        lower = str(int(wanted) - 1) if self.rounded else wanted
        return seen in (wanted, lower)


def _forward_mask(text: str) -> str:
    number = int(text, 16) if text.lower().startswith("0x") and len(text) <= 6 else number_of(text)
    # The kernel never forwards STP, pause and LACP frames (BR_GROUPFWD_RESTRICTED).
    if number is None or number > 0xFFFF or number & 0x7:
        raise SpecError(
            f"{text!r} is not allowed", "group_fwd_mask takes 0 to 65535 without the three lowest bits; 0x4000 is LLDP"
        )
    return str(number)


def _power_of_two(text: str) -> str:
    number = number_of(text)
    if not number or number >= 1 << 32 or number & (number - 1):
        raise SpecError(f"{text!r} is not a power of two", "hash_max takes 1, 2, 4, 8 and so on; 4096 is usual")
    return str(number)


def _group_address(text: str) -> str:
    mac = parse_mac(text)
    # The kernel takes these alone, and none of those that pause frames, LACP and 802.1X use.
    if not mac.startswith("01:80:c2:00:00:0") or mac[-1] in "123":
        raise SpecError(f"{mac} is not allowed", "group_addr takes 01:80:c2:00:00:00, or one that ends in 04 to 0f")
    return mac


def _system(text: str) -> str:
    mac = parse_mac(text)
    if int(mac[:2], 16) & 1 or mac == "00:00:00:00:00:00":
        raise SpecError(f"{mac} is not the MAC of a system", "ad_actor_system takes the MAC of one link, such as em1's")
    return mac


def _bond(name: str, allowed: Allowed, default: str, modes: tuple[BondMode, ...] = (), **more: Any) -> Option:
    row = {"name": name, "allowed": allowed, "default": default, "modes": modes, "file": f"bonding/{name}", **more}
    return Option(**row)


def _bridge(name: str, setting: str, allowed: Allowed, default: str, **more: Any) -> Option:
    row = {"name": name, "setting": f"bridge.{setting}", "allowed": allowed, "default": default}
    return Option(**{"file": f"bridge/{name}", **row, **more})


_ANY = range(1 << 31)
_MS: dict[str, Any] = {"unit": "milliseconds"}
_S: dict[str, Any] = {"unit": "seconds", "hundredths": True}
_CS: dict[str, Any] = {"unit": "hundredths of a second", "rounded": True}
_HASHING = (BondMode.LACP, BondMode.BALANCE_XOR)

BOND_OPTIONS: Mapping[str, Option] = {
    row.name: row
    for row in (
        _bond("miimon", range(10, 10001), "100", **_MS),
        _bond("updelay", _ANY, "0", steps_of="miimon", **_MS),
        _bond("downdelay", _ANY, "0", steps_of="miimon", **_MS),
        _bond("use_carrier", _EITHER, "1"),
        _bond("min_links", _ANY, "0", _LACP, unit="ports"),
        _bond("lacp_rate", ("slow", "fast"), "slow", _LACP, running=False),
        _bond("ad_select", ("stable", "bandwidth", "count"), "stable", _LACP, running=False),
        _bond("ad_actor_sys_prio", range(1, 65536), "65535", _LACP, private=True),
        _bond("ad_actor_system", _system, "00:00:00:00:00:00", _LACP, private=True, unit="a MAC"),
        _bond("ad_user_port_key", range(1024), "0", _LACP, running=False, private=True),
        _bond(
            "xmit_hash_policy",
            ("layer2", "layer3+4", "layer2+3", "encap2+3", "encap3+4", "vlan+srcmac"),
            "layer2",
            _HASHING,
        ),
        _bond("primary", check_ifname, "", _BACKUP, unit="the name of a NIC"),
        _bond("primary_reselect", ("always", "better", "failure"), "always", _BACKUP),
        _bond("fail_over_mac", ("none", "active", "follow"), "none", _BACKUP, running=False),
        _bond("num_grat_arp", range(256), "1", _BACKUP),
        _bond("num_unsol_na", range(256), "1", _BACKUP),
        _bond("peer_notif_delay", _ANY, "0", _BACKUP, steps_of="miimon", **_MS),
        _bond("resend_igmp", range(256), "1", _BACKUP),
    )
}

BRIDGE_OPTIONS: Mapping[str, Option] = {
    row.name: row
    for row in (
        _bridge("stp", "stp", _SWITCH, "no", file="bridge/stp_state"),
        _bridge("priority", "priority", range(65536), "32768"),
        _bridge("forward_delay", "forward-delay", range(2, 31), "15", **_S),
        _bridge("hello_time", "hello-time", range(1, 11), "2", **_S),
        _bridge("max_age", "max-age", range(6, 41), "20", **_S),
        _bridge("ageing_time", "ageing-time", range(1000001), "300", **_S),
        _bridge("group_addr", "group-address", _group_address, "01:80:c2:00:00:00", unit="a MAC"),
        _bridge("group_fwd_mask", "group-forward-mask", _forward_mask, "0", unit="a mask"),
        _bridge("hash_max", "multicast-hash-max", _power_of_two, "4096", unit="a power of two"),
        _bridge("multicast_snooping", "multicast-snooping", _SWITCH, "yes"),
        _bridge("multicast_router", "multicast-router", ("disabled", "auto", "enabled"), "auto"),
        _bridge("multicast_querier", "multicast-querier", _SWITCH, "no"),
        _bridge("multicast_query_use_ifaddr", "multicast-query-use-ifaddr", _SWITCH, "no"),
        _bridge("multicast_last_member_count", "multicast-last-member-count", _ANY, "2"),
        _bridge("multicast_startup_query_count", "multicast-startup-query-count", _ANY, "2"),
        _bridge("multicast_last_member_interval", "multicast-last-member-interval", _ANY, "100", **_CS),
        _bridge("multicast_membership_interval", "multicast-membership-interval", _ANY, "26000", **_CS),
        _bridge("multicast_querier_interval", "multicast-querier-interval", _ANY, "25500", **_CS),
        _bridge("multicast_query_interval", "multicast-query-interval", _ANY[100:], "12500", **_CS),
        _bridge("multicast_query_response_interval", "multicast-query-response-interval", _ANY, "1000", **_CS),
        _bridge("multicast_startup_query_interval", "multicast-startup-query-interval", _ANY[100:], "3125", **_CS),
    )
}

_ARP = "a bond under a bridge does not see the answers to its ARP; miimon monitors the links"
_FILTERING = "vmnet puts VLANs below the bridge; with VLAN filtering, the bridge drops the tagged frames of guests"
UNSUPPORTED: Mapping[str, str] = {
    "all_slaves_active": "all_slaves_active delivers frames to guests twice",
    **dict.fromkeys(("arp_interval", "arp_ip_target", "arp_validate", "arp_all_targets", "arp_missed_max"), _ARP),
    "active_slave": "active_slave is the state of a bond; primary is the option that prefers a NIC",
    **dict.fromkeys(("vlan_filtering", "vlan_default_pvid", "vlan_protocol", "vlan_stats_enabled"), _FILTERING),
}
"""Why vmnet does not take an option that the kernel has."""
REFUSED = "arp_interval"
"""ARP monitoring: `vmnet.plan.risks.safety` says why vmnet refuses it."""


def option_of(name: str, table: Mapping[str, Option], what: str) -> Option:
    """Return the row of an option; dashes in its name count as underscores.

    Args:
        what: "bond" or "bridge".

    Raises:
        SpecError: vmnet does not know it.
    """
    key = name.strip().replace("-", "_")
    if key in table:
        return table[key]
    if key in UNSUPPORTED:
        raise SpecError(f"vmnet does not set the {what} option {key}", UNSUPPORTED[key])
    close = difflib.get_close_matches(key, table, n=1)
    hint = (f"did you mean {close[0]}? " if close else "") + f"the {what} options are {', '.join(table)}"
    raise SpecError(f"unknown {what} option {name!r}", hint)


def check_bond_options(bond: BondSpec, nics: tuple[str, ...] = ()) -> None:
    """Raise SpecError where an option of the bond is unknown, not allowed, or has no effect in the bond's mode.

    Args:
        nics: the NICs of the bond; none where the plan has still to propose them. One may be a MAC or a PCI address.
    """
    pairs = tuple((name, value) for name, value in bond.options if name != REFUSED)
    values = dict(normal_options(pairs, BOND_OPTIONS, "bond"))
    for name, value in values.items():
        row = BOND_OPTIONS[name]
        if not row.works_in(bond.mode):
            modes = " or ".join(mode.value for mode in row.modes)
            raise SpecError(
                f"{name} {value} has no effect in bond mode {bond.mode.value}", f"leave {name} out, or use mode {modes}"
            )
        step = int(values.get(row.steps_of) or BOND_OPTIONS[row.steps_of].default) if row.steps_of else 1
        if row.steps_of and int(value) % step:
            low = int(value) // step * step
            raise SpecError(
                f"{name} {value} is no multiple of {row.steps_of} {step}",
                f"the kernel rounds it down: use {low} or {low + step}",
            )
    if nics and "=" not in "".join(nics) and values.get("primary", nics[0]) not in nics:
        raise SpecError(f"primary {values['primary']} is not a NIC of the bond", f"it is one of {', '.join(nics)}")
    if len({values[name] for name in ("num_grat_arp", "num_unsol_na") if name in values}) > 1:
        raise SpecError("num_grat_arp and num_unsol_na differ", "they are one value in the kernel: give one of them")


def check_bridge_options(bridge: BridgeSpec) -> None:
    """Raise SpecError where an option of the bridge is unknown or not allowed."""
    for name, value in bridge.options:
        option_of(name, BRIDGE_OPTIONS, "bridge").normal(value)


def normal_options(pairs: Options, table: Mapping[str, Option], what: str) -> Options:
    """Return options with the names and values of the table; of two values for one name, the later one.

    Raises:
        SpecError: vmnet does not know one, or its value is not allowed.
    """
    rows = ((option_of(name, table, what), value) for name, value in pairs)
    return tuple({row.name: row.normal(value) for row, value in rows}.items())


def known_options(values: Mapping[str, str], table: Mapping[str, Option]) -> Options:
    """Return those options of a profile that vmnet knows and allows, in its own words."""
    found = []
    for name, value in values.items():
        try:
            found += [(name, table[name].normal(value))] if name in table else []
        except SpecError:
            continue
    return tuple(found)


def parse_bond_options(text: str) -> dict[str, str]:
    """Return the options in NetworkManager's bond.options, by name."""
    return dict(pair.split("=", 1) for pair in text.split(",") if "=" in pair)
