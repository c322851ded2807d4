"""nmcli's terse text -> records. Pure; the formats are those of nmcli 1.42 to 1.58.

In terse mode (`-t`) nmcli escapes `:` and `\\` with a backslash, and nothing else: a newline inside a value splits the
line, so a line that does not begin like a property belongs to the value before it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING

from vmnet.facts import Device, Profile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vmnet.spec import IpAddress

_PROPERTY = re.compile(r"([a-z0-9-]+\.[A-Za-z0-9_-]+):(.*)", re.DOTALL)
_FIELD = re.compile(r"([A-Z0-9]+\.[A-Z0-9-]+)(?:\[\d+\])?:(.*)", re.DOTALL)

# NetworkManager 1.46 renamed these; older ones know only the names on the right, which all of them take.
_FORMER = {
    "connection.controller": "connection.master",
    "connection.port-type": "connection.slave-type",
    "connection.autoconnect-ports": "connection.autoconnect-slaves",
}


def split_terse(line: str) -> tuple[str, ...]:
    """Return the fields of one line of `nmcli -t -f A,B,...`, unescaped."""
    fields = [""]
    chars = iter(line)
    for char in chars:
        if char == "\\":
            fields[-1] += next(chars, "\\")
        elif char == ":":
            fields.append("")
        else:
            fields[-1] += char
    return tuple(fields)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _records(text: str, pattern: re.Pattern[str], first: str) -> Iterator[list[tuple[str, str]]]:
    """Yield the properties of each thing shown; a thing begins at the property `first`."""
    current: list[tuple[str, str]] = []
    for line in text.split("\n"):
        found = pattern.fullmatch(line)
        if found is None:
            if current and line:
                key, value = current[-1]
                current[-1] = (key, f"{value}\n{line}")
            continue
        if found[1] == first and current:
            yield current
            current = []
        current.append((found[1], found[2]))
    if current:
        yield current


def parse_worth_showing(listing: str) -> tuple[str, ...]:
    """Return the UUIDs in a listing (`parse_profiles`) but those of volatile profiles of taps."""
    rows = [split_terse(line) for line in listing.splitlines()]
    return tuple(row[0] for row in rows if row[-1] != "tun" or not row[1].startswith("/run/"))


def parse_profiles(listing: str, details: str) -> tuple[Profile, ...]:
    """Return the profiles.

    Args:
        listing: `nmcli -t -f UUID,FILENAME,DEVICE,TYPE connection show`; the last is not needed.
        details: `nmcli -t -f profile connection show uuid U ...` for all of them.
    """
    places: dict[str, tuple[str, str | None]] = {}
    for line in listing.splitlines():
        fields = split_terse(line)
        if len(fields) >= 3:
            places[fields[0]] = (fields[1], fields[2] or None)
    profiles = []
    for record in _records(details, _PROPERTY, "connection.id"):
        # A version that prints both names prints the same value for both.
        values = {_FORMER.get(key, key): _unescape(value) for key, value in record}
        filename, device = places.get(values.get("connection.uuid", ""), ("", None))
        profiles.append(
            Profile(
                uuid=values.get("connection.uuid", ""),
                name=values.get("connection.id", ""),
                type=values.get("connection.type", ""),
                filename=filename,
                settings=tuple(values.items()),
                device=device,
            )
        )
    return tuple(sorted(profiles, key=lambda profile: (profile.name, profile.uuid)))


def parse_devices(text: str) -> tuple[Device, ...]:
    """Return the devices from `nmcli -t -f GENERAL,IP4,IP6,DHCP4,DHCP6 device show`, or some of these fields."""
    devices = []
    for record in _records(text, _FIELD, "GENERAL.DEVICE"):
        values = {key: _unescape(value) for key, value in record}
        state = re.match(r"\d+", values.get("GENERAL.STATE", ""))
        dhcp4, dhcp6 = (dict(_options(record, f"{group}.OPTION")) for group in ("DHCP4", "DHCP6"))
        dns = [_unescape(value) for key, value in record if key in ("IP4.DNS", "IP6.DNS")]
        devices.append(
            Device(
                ifname=values.get("GENERAL.DEVICE", ""),
                type=values.get("GENERAL.TYPE", ""),
                state=int(state[0]) if state else 0,
                profile=values.get("GENERAL.CON-UUID") or None,
                external="externally" in values.get("GENERAL.STATE", ""),
                dns=tuple(address for item in dns if (address := _address(item))),
                reason=values.get("GENERAL.REASON", ""),
                lease=_address(dhcp4.get("ip_address", "")),
                dhcp6_duid=dhcp6.get("dhcp6_client_id", ""),
                dhcp6_iaid=dhcp6.get("iaid", ""),
            )
        )
    return tuple(sorted(devices, key=lambda device: device.ifname))


def parse_lease_end(text: str) -> str:
    """Return when the IPv4 lease ends, in seconds since the epoch; "" where there is none.

    Args:
        text: of `nmcli -t -f GENERAL.DEVICE,DHCP4 device show LINK`.
    """
    for record in _records(text, _FIELD, "GENERAL.DEVICE"):
        return dict(_options(record, "DHCP4.OPTION")).get("expiry", "")
    return ""


def _options(record: list[tuple[str, str]], group: str) -> Iterator[tuple[str, str]]:
    """Yield a lease's options, of which each is a line: `DHCP4.OPTION[3]:ip_address = 192.0.2.3`."""
    for key, value in record:
        name, equals, text = _unescape(value).partition(" = ")
        if key == group and equals:
            yield name, text


def _address(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


def parse_version(text: str) -> str | None:
    """Return the numbers of what `nmcli --version` prints, without a distribution's suffix."""
    found = re.search(r"version (\d+(?:\.\d+)*)", text)
    return found[1] if found else None
