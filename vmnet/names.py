"""Names and identifiers: link names, MAC addresses, UUIDs derived from the host; and how any name is shown.

Everything here is pure; a wrong value is a `SpecError` that names what was expected.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import NewType

from vmnet.errors import SpecError

Mac = NewType("Mac", str)
"""A MAC address in lower case with colons: `00:23:ae:ab:20:54`."""

IFNAME_MAX_BYTES = 15
"""IFNAMSIZ is 16 with the closing zero byte (linux/if.h)."""

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_NAMESPACE = uuid.UUID("6f0c6f5e-5c0e-5a39-9d1b-3b0f3c1c8f4e")
_RESERVED = ("all", "default", "bonding_masters", ".", "..")


def check_ifname(name: str, *, what: str = "link name") -> str:
    """Return `name` if the kernel and NetworkManager both take it as the name of a link.

    Args:
        name: the name as the admin gave it.
        what: how to call it in the message ("bridge", "bond").

    Raises:
        SpecError: empty, longer than 15 bytes, with a space, `/`, `:` or control character, with a leading
            dash, or reserved (dev_valid_name in the kernel's net/core/dev.c; NetworkManager adds `all`,
            `default` and `bonding_masters`; `vmnetN` belongs to VMware and NetworkManager leaves it alone).
    """
    problem = _ifname_problem(name)
    if problem:
        raise SpecError(
            f"{what} {name!r} {problem}",
            f"use 1 to {IFNAME_MAX_BYTES} letters, digits, dots, dashes or underscores, for example br0",
        )
    return name


def is_ifname(name: str) -> bool:
    """Return whether `check_ifname` takes the name."""
    return not _ifname_problem(name)


def _ifname_problem(name: str) -> str:
    if not name:
        return "is empty"
    size = len(name.encode("utf-8", "surrogatepass"))
    if size > IFNAME_MAX_BYTES:
        return f"is {size} bytes long; the kernel allows {IFNAME_MAX_BYTES}"
    if name.startswith("-"):
        return "begins with a dash"
    if any(c in "/:%" or c.isspace() or not c.isprintable() for c in name):
        return "contains a character that the kernel does not allow in a link name"
    if name in _RESERVED:
        return "is reserved"
    if re.fullmatch(r"vmnet\d+", name):
        return "is a name that VMware uses: NetworkManager does not manage such links"
    return ""


def printable(text: str) -> str:
    """Return `text` on one line with what cannot be printed spelt out, so that no name can steer the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c == "\t" else c.encode("unicode_escape").decode() for c in text)


def printable_lines(text: str) -> str:
    """Return text of several lines with what cannot be printed spelt out."""
    return "\n".join(map(printable, text.split("\n")))


def json_text(value: object, *, indent: int | None = None) -> str:
    """Return a value as JSON of ASCII's printable letters alone: no name in it steers a terminal, and any encoding and
    any reader of lines takes it."""
    return json.dumps(value, indent=indent).replace("\x7f", "\\u007f")


def parse_mac(text: str) -> Mac:
    """Return `text` as a canonical MAC address; dashes and capitals are accepted.

    Raises:
        SpecError: not six octets.
    """
    mac = mac_of(text)
    if mac is None:
        raise SpecError(f"{text!r} is not a MAC address", "write six octets: 00:23:ae:ab:20:54")
    return mac


def mac_of(text: str) -> Mac | None:
    """Return `text` as a canonical MAC address, as `parse_mac`; None for other text."""
    mac = text.strip().lower().replace("-", ":")
    return Mac(mac) if _MAC.fullmatch(mac) else None


def profile_uuid(machine_id: str, role: str) -> str:
    """Return the UUID of the profile that plays `role` ("bridge br0", "port em1") on this host.

    Derived (RFC 4122 version 5) so that planning twice names the same profiles; the machine id is hashed,
    not shown, as machine-id(5) asks.
    """
    return str(uuid.uuid5(_NAMESPACE, f"{machine_id} profile {role}"))


def network_uuid(machine_id: str, name: str) -> str:
    """Return the UUID of the libvirt network `name` on this host, derived as `profile_uuid` is."""
    return str(uuid.uuid5(_NAMESPACE, f"{machine_id} network {name}"))


def derived_mac(machine_id: str, domain_uuid: str, index: int) -> Mac:
    """Return a MAC for the new interface number `index` of a domain, in QEMU's 52:54:00 range."""
    tail = uuid.uuid5(_NAMESPACE, f"{machine_id} mac {domain_uuid} {index}").bytes[:3]
    return Mac("52:54:00:" + ":".join(f"{byte:02x}" for byte in tail))
