"""What the lab's guests are like, read without vmnet: virsh, the kernel, the guests' own consoles, the LAN peer."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from tests.documents.canonical import canonical

from .observe import observe

if TYPE_CHECKING:
    from .chamber import Chamber
    from .machine import Lab

_BOUND = re.compile(r"guest [\d.]+ eth\d bound ([\d.]+)")


def documents(lab: Lab | Chamber, domain: str) -> dict[str, str]:
    """Return a domain's documents in canonical form, with secrets, an element a line, without libvirt's port ids."""
    both = {"persistent": ["--inactive"], "running": []}
    seen = {
        name: canonical(lab.run(["virsh", "dumpxml", "--security-info", *options, "--domain", domain]).stdout)
        for name, options in both.items()
    }
    return {name: re.sub(r' portid="[^"]*"', "", xml).replace("><", ">\n<") for name, xml in seen.items()}


def changed_lines(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Return the tags of the lines that differ: {"<source>"}."""
    changed = {line for name in before for line in set(before[name].splitlines()) ^ set(after[name].splitlines())}
    return {f"<{line.strip('</> ').split()[0]}>" for line in changed}


def taps(lab: Lab | Chamber, domain: str) -> list[str]:
    """Return the controllers of a running domain's taps in the kernel, in the domain's order."""
    lines = lab.run(["virsh", "domiflist", "--domain", domain]).stdout.splitlines()[2:]
    names = [line.split()[0] for line in lines if line.strip()]
    return [lab.run(["readlink", f"/sys/class/net/{name}/master"]).stdout.strip().rsplit("/", 1)[-1] for name in names]


def console(lab: Lab | Chamber, domain: str) -> list[str]:
    """Return what a guest's console has said so far."""
    return lab.run(["cat", f"/var/log/guests/{domain}.log"]).stdout.replace("\r", "").splitlines()


def links_log(lab: Lab | Chamber, domain: str) -> list[str]:
    """Return the link events that a guest has seen: "eth0 carrier 0"."""
    return [" ".join(line.split()[2:]) for line in console(lab, domain) if re.search(r"^guest .* carrier \d", line)]


def addresses(lab: Lab | Chamber, domain: str) -> list[str]:
    """Return the address that each of a guest's links was given last."""
    last: dict[str, str] = {}
    for line in console(lab, domain):
        if found := _BOUND.search(line):
            last[line.split()[2]] = found[1]
    return [last[link] for link in sorted(last)]


def assert_on_lan(lab: Lab | Chamber, domain: str, *, timeout_s: float = 90) -> None:
    """Wait until all of a guest's addresses are the LAN's, and the LAN peer gets an answer from each."""
    deadline = time.monotonic() + timeout_s
    while not (seen := addresses(lab, domain)) or not all(address.startswith("172.16.4.") for address in seen):
        assert time.monotonic() < deadline, f"{domain} kept {seen}"
        time.sleep(2)
    for address in seen:
        lab.lan(["ping", "-c", "3", "-W", "10", address])


def assert_back(lab: Lab, before: dict[str, Any], *, timeout_s: float = 60) -> None:
    """Wait until the host looks as it did before: taps in virbr0 pass frames only after its STP delay of 2 x 2 s."""
    deadline = time.monotonic() + timeout_s
    while (seen := observe(lab)) != before and time.monotonic() < deadline:
        time.sleep(2)
    assert seen == before
