"""What nmcli prints -> records. Pure; the formats are those of nmcli 1.42 to 1.58."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from vmnet.facts import Device, Profile
from vmnet.host.terse import Unclear, join_forms, read_pairs, split_rows
from vmnet.lines import lines_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from vmnet.spec import IpAddress

# NetworkManager 1.46 renamed these; older ones know only the names on the right, which all of them take.
_FORMER = {
    "connection.controller": "connection.master",
    "connection.port-type": "connection.slave-type",
    "connection.autoconnect-ports": "connection.autoconnect-slaves",
}
_ID, _UUID = "connection.id", "connection.uuid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A row of nmcli's list of profiles. `filename` is "" where there is no file, or its name is not UTF-8."""

    uuid: str
    filename: str
    device: str | None
    type: str


def parse_listing(text: str) -> tuple[Listed, ...]:
    """Return the rows of `nmcli -t -f UUID,FILENAME,DEVICE,TYPE connection show`. A file's name may hold newlines.

    Raises:
        Unclear: the text is no such list.
    """
    rows = split_rows(text, 4)
    return tuple(Listed(uuid=row[0], filename=row[1], device=row[2] or None, type=row[3]) for row in rows)


def worth_showing(listing: Iterable[Listed]) -> tuple[str, ...]:
    """Return the UUIDs of all profiles but the volatile ones of taps."""
    return tuple(row.uuid for row in listing if row.type != "tun" or not row.filename.startswith("/run/"))


def parse_profiles(listing: Iterable[Listed], details: str) -> tuple[Profile, ...]:
    """Return the profiles.

    Args:
        details: `nmcli -t -f profile connection show uuid U ...` for all of them.

    Raises:
        Unclear: a value holds a newline, or the profiles are not those of the list.
    """
    return _profiles(listing, read_pairs(details, _ID, _UUID))


def parse_both_forms(listing: Iterable[Listed], details: str, rows: str) -> tuple[Profile, ...]:
    """As `parse_profiles`, whatever the values hold.

    Args:
        rows: `nmcli -t -m tabular -f profile connection show uuid U ...` for the same profiles.

    Raises:
        Unclear: the two are not the same profiles.
    """
    return _profiles(listing, join_forms(details, rows))


def _profiles(listing: Iterable[Listed], shown: Collection[dict[str, str]]) -> tuple[Profile, ...]:
    places = {row.uuid: row for row in listing}
    uuids = [values.get(_UUID, "") for values in shown]
    if len(set(uuids)) != len(uuids) or not places.keys() >= set(uuids):
        raise Unclear("nmcli printed other profiles than the requested ones")
    profiles = (_profile(places[values[_UUID]], values) for values in shown)
    return tuple(sorted(profiles, key=lambda profile: (profile.name, profile.uuid)))


def _profile(row: Listed, shown: dict[str, str]) -> Profile:
    # A version that prints both names prints the same value for both.
    values = {_FORMER.get(key, key): value for key, value in shown.items()}
    return Profile(
        uuid=row.uuid,
        name=values.get(_ID, ""),
        type=values.get("connection.type", ""),
        filename=row.filename,
        settings=tuple(values.items()),
        device=row.device,
    )


_GENERAL = ("GENERAL.DEVICE", "GENERAL.TYPE", "GENERAL.STATE", "GENERAL.CON-UUID", "GENERAL.REASON")
DEVICE_FIELDS = ",".join((*_GENERAL, "IP4.DNS", "IP6.DNS"))
"""What `parse_devices` reads, but for the options of leases. Whole groups cost twice the time on a host with hundreds
of taps: each further field is one for every device, and some are asked of the kernel."""
LEASES = ("DHCP4", "DHCP6")
"""The groups of fields that hold the options of leases, in a DHCP server's words."""


def parse_devices(text: str) -> tuple[Device, ...]:
    """Return the devices from `nmcli -t -f DEVICE_FIELDS,LEASES device show`, or without the leases.

    Raises:
        Unclear: a value holds a newline.
    """
    devices = (_device(pairs) for pairs in read_pairs(text, *_GENERAL))
    return tuple(sorted(devices, key=lambda device: device.ifname))


def _device(pairs: dict[str, str]) -> Device:
    state = re.match(r"\d{1,9}", pairs["GENERAL.STATE"], re.ASCII)
    dns = (value for key, value in pairs.items() if key.startswith(("IP4.DNS", "IP6.DNS")))
    return with_lease(
        Device(
            ifname=pairs["GENERAL.DEVICE"],
            type=pairs["GENERAL.TYPE"],
            state=int(state[0]) if state else 0,
            profile=pairs["GENERAL.CON-UUID"] or None,
            external="externally" in pairs["GENERAL.STATE"],
            dns=tuple(address for item in dns if (address := _address(item))),
            reason=pairs["GENERAL.REASON"],
        ),
        {group: _options(group, pairs.items()) for group in LEASES},
    )


def with_lease(device: Device, options: dict[str, dict[str, str]]) -> Device:
    """Return the device with what its leases say.

    Args:
        options: those of each group of `LEASES` (`parse_options`).
    """
    dhcp4, dhcp6 = (options[group] for group in LEASES)
    return replace(
        device,
        lease=_address(dhcp4.get("ip_address", "")),
        dhcp6_duid=dhcp6.get("dhcp6_client_id", ""),
        dhcp6_iaid=dhcp6.get("iaid", ""),
    )


def parse_options(group: str, text: str) -> dict[str, str]:
    """Return the options of a lease; none where there is no lease.

    Args:
        group: one of `LEASES`.
        text: of `nmcli -t -f GROUP device show LINK`. All of it is one DHCP server's word, so a line that is no pair is
            passed over, and the first option of a name counts.
    """
    pairs = (line.partition(":")[::2] for line in lines_of(text))
    return _options(group, pairs)


def _options(group: str, pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """An option is a pair: `DHCP4.OPTION[3]:ip_address = 192.0.2.3`."""
    found: dict[str, str] = {}
    for key, value in pairs:
        name, equals, text = value.partition(" = ")
        if equals and key.startswith(f"{group}.OPTION["):
            found.setdefault(name, text)
    return found


def _address(text: str) -> IpAddress | None:
    try:
        return ipaddress.ip_address(text.strip())
    except ValueError:
        return None


def parse_version(text: str) -> str | None:
    """Return the numbers of what `nmcli --version` prints, without a distribution's suffix."""
    found = re.search(r"version (\d+(?:\.\d+)*)", text)
    return found[1] if found else None
