"""Which port of an LACP bond leaves it last: as seen in the lab, and in Python as in a shell."""

from __future__ import annotations

import subprocess
from itertools import permutations, product
from pathlib import Path

import pytest

from vmnet.facts import BondPort
from vmnet.facts.fabric import leaves_last
from vmnet.host.kernel.sysfs import parse_bond
from vmnet.plan.shell import UNDO_FUNCTIONS

TEXT = """\
Active Aggregator Info:
\tAggregator ID: 1
\tNumber of ports: 2

{ports}"""
PORT = """\
Slave Interface: {ifname}
MII Status: up
Aggregator ID: {aggregator}
details actor lacp pdu:
    port number: {number}
    port state: 61
details partner lacp pdu:
    port number: {partner}
    port state: 63
"""


def port(ifname: str, number: int | None, partner: int | None, aggregator: int | None = 1) -> BondPort:
    return BondPort(ifname=ifname, bond="bond0", number=number, partner_number=partner, aggregator=aggregator)


def test_as_seen_on_a_strict_switch() -> None:
    """em1 is at the switch's first port. host-setup has p4p1 join first, a boot em1."""
    after_setup = [port("p4p1", 1, 2), port("em1", 2, 1)]
    after_boot = [port("em1", 1, 1), port("p4p1", 2, 2)]
    assert not leaves_last("em1", after_setup)
    assert leaves_last("em1", after_boot)


@pytest.mark.parametrize(
    "ports",
    [
        [],
        [port("p4p1", 1, 1)],
        [port("em1", None, None)],
        [port("em1", 1, None), port("p4p1", 2, None)],
        [port("em1", 2, 1, None), port("p4p1", 1, 2, None)],
        # Nobody of the group has spoken first: that port has left.
        [port("em1", 2, 1), port("p4p1", 3, 2)],
    ],
)
def test_where_nothing_is_known_the_old_nic_leaves_first(ports: list[BondPort]) -> None:
    assert not leaves_last("em1", ports)


def test_another_group_does_not_count() -> None:
    assert leaves_last("em1", [port("em1", 1, 2, 1), port("p4p1", 2, 1, 2)])


@pytest.mark.process
def test_a_shell_says_the_same(tmp_path: Path) -> None:
    names = ("em1", "p4p1", "p4p2")
    cases = [
        list(zip(order, (1, 2, 3)[:count], partners, strict=True))
        for count in (1, 2, 3)
        for order in permutations(names, count)
        for partners in permutations((1, 2, 11), count)
    ]
    lines, wanted = list[str](), list[bool]()
    for number, (case, group, me) in enumerate(product(cases, (1, 2, 9), ("em1", "p4p2"))):
        ports = "\n".join(PORT.format(ifname=i, number=n, partner=p, aggregator=group) for i, n, p in case)
        text = TEXT.format(ports=ports)
        (tmp_path / f"b{number}").write_text(text)
        lines.append(f"if leaves_last b{number} {me}; then echo yes; else echo no; fi")
        wanted.append(leaves_last(me, parse_bond("b", text, tmp_path)))
    functions = UNDO_FUNCTIONS.replace("/proc/net/bonding/", f"{tmp_path}/")
    script = "\n".join([functions, *lines])
    done = subprocess.run(["sh"], input=script, text=True, check=True, timeout=120, capture_output=True)
    assert [word == "yes" for word in done.stdout.split()] == wanted
    assert {True, False} == set(wanted)
