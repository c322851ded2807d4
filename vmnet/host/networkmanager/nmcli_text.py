"""What nmcli prints -> records. Pure; the formats are those of nmcli 1.42 to 1.58."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from vmnet.errors import ToolError
from vmnet.facts import Device, Profile
from vmnet.lines import address_of, lines_of

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
            dns=tuple(address for item in dns if (address := address_of(item))),
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
        lease=address_of(dhcp4.get("ip_address", "")),
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


def parse_version(text: str) -> str | None:
    """Return the numbers of what `nmcli --version` prints, without a distribution's suffix."""
    found = re.search(r"version (\d+(?:\.\d+)*)", text)
    return found[1] if found else None


# Text that nmcli prints with `-t` -> fields. Pure; seen with nmcli 1.42 and 1.52.
#
# With `-t`, nmcli prints a table in one of two forms, and neither escapes a newline inside a value:
#
# - **rows** (`-m tabular`, and lists): fields joined by ":". A ":" or "\" inside a value has a backslash before it,
# so
# the fields can always be told apart, although a newline need not be the end of a row.
# - **pairs** (`-m multiline`): "NAME:VALUE" on a line, nothing escaped. A value with a newline may look like other
# pairs.

_FIELD = re.compile(r"[^:\\]*(?:\\.?[^:\\]*)*", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_NAME = re.compile(r"([A-Za-z0-9-]+)\.[A-Za-z0-9_-]+:")
_PAIR = re.compile(r"([A-Za-z0-9-]+\.[A-Za-z0-9_-]+(?:\[\d+\])?):(.*)", re.DOTALL)


class Unclear(ToolError):
    """nmcli's text reads in more than one way, or in none."""


def split_rows(text: str, columns: int) -> list[tuple[str, ...]]:
    """Return the rows of a table, unescaped.

    Args:
        columns: how many fields a row has, two at least. No value of the first column may hold a newline.

    Raises:
        Unclear: the text is no such table.
    """
    fields = _fields(text)
    if fields == [""]:
        return []
    rows, odd = divmod(len(fields) - 1, columns - 1)
    if odd or not rows:
        raise Unclear(f"vmnet cannot read a table that nmcli printed: {text[:80]!r}")
    found = []
    first = fields[0]
    for last in range(columns - 1, len(fields), columns - 1):
        # The last field of a row and the first one of the next row are joined by a newline.
        end, _, following = fields[last].rpartition("\n")
        found.append(tuple(map(_unescape, (first, *fields[last - columns + 2 : last], end))))
        first = following
    if first:
        raise Unclear(f"nmcli printed a table that ends within a row: {text[-80:]!r}")
    return found


def join_forms(pairs: str, rows: str) -> list[dict[str, str]]:
    """Return the profiles that nmcli has printed in both forms, each as its properties and their values.

    In rows the values can be told apart, and have no names; in pairs they have names. So the next value of the rows
    says where in the pairs the next name begins.

    Args:
        pairs: `nmcli -t -f profile connection show uuid U ...`.
        rows: the same with `-m tabular`: a row for each section, beginning with its name.

    Raises:
        Unclear: the two are not the same profiles.
    """
    section, *values = _fields(rows)
    first, at = section, 0
    profiles: list[dict[str, str]] = [{}] if values else []
    for raw in values:
        name = _NAME.match(pairs, at)
        if name is None or name[1] != section:
            raise _differ(pairs, at)
        value, following = _split_last(_unescape(raw), pairs, name.end(), first)
        profiles[-1][name[0][:-1]] = value
        at = name.end() + len(value) + 1
        section = section if following is None else following
        if following == first:
            # A blank line separates profiles.
            at += 1
            profiles.append({})
    if at != len(pairs) or (values and section):
        raise _differ(pairs, at)
    return profiles


def _split_last(value: str, pairs: str, at: int, first: str) -> tuple[str, str | None]:
    """Return a value, and the section that follows it: None where its row goes on, "" at the end.

    The last value of a row is joined by a newline with the name of the next section.

    Args:
        value: a field of the rows, unescaped.
        at: where in the pairs the value begins.
        first: the section with which each profile begins.
    """
    if pairs.startswith(f"{value}\n", at):
        return value, None
    value, _, following = value.rpartition("\n")
    value = value.removesuffix("\n") if following == first else value
    if not pairs.startswith(f"{value}\n", at):
        raise _differ(pairs, at)
    return value, following


def _differ(pairs: str, at: int) -> Unclear:
    return Unclear(f"nmcli printed other profiles in rows than in pairs, which begin: {pairs[at : at + 80]!r}")


def _fields(text: str) -> list[str]:
    """Return what is between colons that no backslash escapes."""
    found, place = [], 0
    while place <= len(text):
        field = _FIELD.match(text, place)
        end = field.end() if field else len(text)
        found.append(text[place:end])
        place = end + 1
    return found


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def read_pairs(text: str, *opening: str) -> list[dict[str, str]]:
    """Return the things that are shown as pairs, each as its names and values; a blank line separates two.

    Newlines at the end of a thing are left out: they are not told from those between things.

    Args:
        opening: the first names of each thing, in their order.

    Raises:
        Unclear: a value may hold a newline: a line is no pair, a name comes twice, or a thing begins otherwise.
    """
    things: list[dict[str, str]] = []
    blank = True
    for line in lines_of(text):
        if not line:
            blank = True
            continue
        pair = _PAIR.fullmatch(line)
        if pair is None or blank != (pair[1] == opening[0]):
            raise Unclear(f"nmcli printed a line that belongs to no pair: {line[:80]!r}")
        if blank:
            things.append({})
        elif pair[1] in things[-1]:
            raise Unclear(f"nmcli printed {pair[1]} twice")
        things[-1][pair[1]] = pair[2]
        blank = False
    for thing in things:
        if tuple(thing)[: len(opening)] != opening:
            raise Unclear(f"nmcli printed {', '.join(tuple(thing)[: len(opening)])} in an unknown order")
    return things
