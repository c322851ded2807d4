"""A plan in a file: a line for the plan as a whole, then one for each step and each row, so that one of thousands of
domains is written and read without ever being in memory twice, and its outline without being read at all."""

from __future__ import annotations

import io
import json
import tarfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from vmnet import fields
from vmnet.plan.steps import MovedInterface, Plan, Planned
from vmnet.spec import BondMode


def plan_lines(plan: Plan) -> Iterator[bytes]:
    """Yield the lines of a plan's file."""
    for item in (replace(plan, planned=(), rows=()), *plan.planned, *plan.rows):
        yield json.dumps(fields.encode(item)).encode() + b"\n"


def read_plan(path: Path) -> Plan:
    """Return the plan in a file.

    Raises:
        OSError, SpecError: it cannot be read.
    """
    planned: list[Planned] = []
    rows: list[MovedInterface] = []
    with path.open("rb") as file:
        outline = _decoded(next(file, b"null"))
        for number, line in enumerate(file, start=2):
            raw = json.loads(line)
            if isinstance(raw, dict) and raw.get("kind") == MovedInterface.__name__:
                rows.append(fields.decode(MovedInterface, raw, f"plan, line {number}", tolerant=True))
            else:
                planned.append(fields.decode(Planned, raw, f"plan, line {number}", tolerant=True))
    return replace(outline, planned=tuple(planned), rows=tuple(rows))


def read_outline(path: Path) -> Plan:
    """Return the plan in a file without its steps and rows.

    Raises:
        OSError, SpecError: it cannot be read.
    """
    with path.open("rb") as file:
        return _decoded(next(file, b"null"))


def _decoded(line: bytes) -> Plan:
    raw = json.loads(line)
    if isinstance(raw, dict) and "goals" not in raw and isinstance(raw.get("goal"), dict):
        raw["goals"] = [_bridge_of(raw["goal"])]
    return fields.decode(Plan, raw, "plan", tolerant=True)


def _bridge_of(goal: dict[str, Any]) -> dict[str, Any]:
    """Return the goal of a plan as it was written before a run could have several, as a record of now."""
    same = ("nics", "network", "mac", "vlans", "profiles", "management", "management_was", "mtu")
    bond = None
    if goal.get("bond"):
        options = [["miimon", str(goal["miimon_ms"])]] if goal.get("miimon_ms") else []
        bond = {"ifname": goal["bond"], "mode": goal.get("bond_mode") or BondMode.LACP.value, "options": options}
    address = {key: goal.get(key) or [] for key in ("addresses", "gateways", "dns")} | {"dhcp": bool(goal.get("dhcp"))}
    return {
        "ifname": goal.get("bridge"),
        "bond": bond,
        "address": {"kind": "NoAddress"} if goal.get("no_address") else {"kind": "AddressSpec", **address},
        "options": [["stp", "yes"]] if goal.get("stp") else [],
        **{key: goal[key] for key in same if key in goal},
    }


# The documents of domains and networks, kept in one archive before a run changes them: the last resort.


def write_documents(documents: Iterable[tuple[str, str]], file: BinaryIO) -> None:
    """Write documents, each with its file name, as a tar archive whose members only their owner may read."""
    stamp = int(time.time())
    with tarfile.open(fileobj=file, mode="w|", format=tarfile.USTAR_FORMAT) as archive:
        for name, document in documents:
            content = document.encode()
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(content), 0o600, stamp
            archive.addfile(member, io.BytesIO(content))
