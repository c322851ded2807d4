"""What the DHCP clients of a whole Debian do when their network changes below them, and that the report says so."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest

from .debian_guest import CLIENTS, NAME, document, make_disk
from .domains import mac

if TYPE_CHECKING:
    from .chamber import Chamber

OLD, LAN = "192.168.122.", "172.16.4."
ON_BOUNCE = {"systemd-networkd": LAN, "NetworkManager": LAN, "dhclient": OLD, "udhcpc": OLD}
"""What each was seen to do when its link was down for 8 s (see docs/architecture.md)."""


def told(chamber: Chamber) -> dict[str, str]:
    """What the guest itself says of the first address of each of its clients' links; "" where there is none."""
    said = chamber.run(["virsh", "domifaddr", NAME, "--source", "agent"], check=False).stdout
    rows = [line.split() for line in said.splitlines() if " ipv4 " in line]
    found = {row[1]: row[3].split("/")[0] for row in reversed(rows)}
    return {client: found.get(mac(number), "") for number, client in enumerate(CLIENTS, start=1)}


def wait_for(chamber: Chamber, wanted: dict[str, str], *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while True:
        seen = told(chamber)
        if all(address.startswith(wanted[client]) for client, address in seen.items()):
            return
        assert time.monotonic() < deadline, seen
        time.sleep(2)


def migrate(chamber: Chamber, *words: str) -> dict[str, dict[str, str]]:
    """Migrate the guest; return the report's rows by client."""
    done = chamber.vmnet("migrate-from-virbr0", "--yes", "--no-canary", "--output", "json", *words, timeout=300)
    rows = {row["mac"]: row for row in json.loads(done.stdout)["result"]["rows"]}
    return {client: rows[mac(number)] for number, client in enumerate(CLIENTS, start=1)}


def assert_told(chamber: Chamber, rows: dict[str, dict[str, str]], wanted: dict[str, str]) -> None:
    """The report and the guest say the same, and it is what is wanted; what kept its address is said to have. A lease
    is heard on the tap some seconds before its client, emulated as it is, has made an address of it."""
    wait_for(chamber, wanted, timeout_s=30)
    seen = told(chamber)
    for client, row in rows.items():
        print(client, "|", row["address_now"], "|", row["remark"])
        assert seen[client] in row["address_now"]
        assert (wanted[client] == OLD) == ("it still has its old address" in row["remark"]), row


@pytest.mark.long
def test_the_report_says_what_each_dhcp_client_does(chamber: Chamber) -> None:
    make_disk(chamber)
    chamber.run(["virsh", "-q", "define", "/dev/stdin"], stdin=document())
    chamber.run(["virsh", "-q", "start", NAME])
    at_home = dict.fromkeys(CLIENTS, OLD)
    wait_for(chamber, at_home, timeout_s=240)
    assert_told(chamber, migrate(chamber), ON_BOUNCE)
    chamber.vmnet("undo", "--yes", timeout=200)
    wait_for(chamber, at_home, timeout_s=60)
    assert_told(chamber, migrate(chamber, "--renew", "agent"), dict.fromkeys(CLIENTS, LAN))
    chamber.vmnet("undo", "--yes", timeout=200)
    wait_for(chamber, at_home, timeout_s=60)
