"""The plan of a migration in brief: a line for each domain, nothing dropped, the same text said once."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_interface
from pathlib import Path
from typing import Any

from tests.plan.guests import DEFAULT, domain, host, interface, live
from tests.report.test_text import text_of
from vmnet.facts import Domain, Facts, GuestAddress, Interface, LanAnswer, Snapshot
from vmnet.names import Mac
from vmnet.plan.domains.migrate import plan_migration
from vmnet.plan.steps import MoveInterface, Plan
from vmnet.report.plan import render_plan, render_plan_short
from vmnet.shell_words import command
from vmnet.spec import MigrationSpec

DETAILS = command("vmnet", "migrate-from-virbr0", "--plan", "--verbose")
COUNT, THERE = 300, 6


def mac(number: int) -> Mac:
    return Mac(f"52:54:00:00:{number // 256:02x}:{number % 256:02x}")


def guest(number: int) -> Domain:
    """One in three is shut off; the last few are on the bridge."""
    source = "network='host-bridge'" if number >= COUNT - THERE else "network='default'"
    stored = replace(interface(number % 256, source), mac=mac(number))
    running = () if number % 3 == 0 else (replace(live(number % 256), mac=mac(number), source=stored.source),)
    uuid = f"00000000-0000-4000-8000-{number:012x}"
    return domain(f"guest-{number:03}", stored, running=running, uuid=uuid)


def many(**changes: Any) -> Facts:
    return replace(host(*map(guest, range(COUNT))), **changes)


def short(plan: Plan) -> list[str]:
    return text_of(render_plan_short(plan, DETAILS)).splitlines()


def test_of_300_domains_each_has_a_line() -> None:
    addresses = tuple(
        GuestAddress(mac=mac(n), interface=ip_interface(f"198.51.100.{n}/24"), origin="neighbour")
        for n in range(1, 200)
    )
    facts = many(guest_addresses=addresses)
    lan = LanAnswer(bridge="br0", dhcp_server=None, gateway_answered=None, heard=tuple(map(mac, range(100, 200))))
    plan = plan_migration(MigrationSpec(), replace(facts, lan=lan))
    assert len({planned.step.mac for planned in plan.planned if isinstance(planned.step, MoveInterface)}) == 294
    lines = short(plan)
    assert len(lines) < 700
    for number in range(COUNT):
        (line,) = (line for line in lines if mac(number) in line and f"guest-{number:03} " in line)
        assert number >= COUNT - THERE or "persistent" in line
    assert str(DETAILS) in "\n".join(lines)
    assert len(text_of(render_plan(plan)).splitlines()) > 5000


def test_a_warning_of_one_kind_is_said_once_with_all_its_domains() -> None:
    static = tuple(
        GuestAddress(mac=mac(n), interface=ip_interface("198.51.100.8/24"), origin="neighbour") for n in range(3, 90)
    )
    plan = plan_migration(MigrationSpec(skip_static=True), many(guest_addresses=static))
    names = [f"guest-{n:03}" for n in range(3, 90)]
    assert len(plan.warnings) > len(names)
    text = "\n".join(short(plan))
    for once in {warning.partition(" ")[2] for warning in plan.warnings if warning.startswith("guest-")}:
        assert text.count(once) == 1
    assert all(name in text for name in names)


def test_nothing_is_dropped() -> None:
    """What a domain's interfaces do not tell has its own text: other sources, filters, snapshots."""
    two = domain("two", interface(1), interface(2, "bridge='virbr7'"))
    snapshot = Snapshot(name="s 1", current=True, interfaces=(interface(7),))
    old = domain("old", interface(3, "network='host-bridge'"), snapshots=(snapshot,))
    learns: Interface = live(4, more="<filterref filter='clean-traffic'/>")
    plan = plan_migration(MigrationSpec(), host(two, old, domain("learns", interface(4), running=(learns,))))
    lines = short(plan)
    (of_two,) = (line for line in lines if line.startswith("  two "))
    assert "52:54:00:00:53:01 (persistent); 52:54:00:00:53:02 from bridge virbr7 to" in of_two
    assert any(line.startswith("  old ") and "snapshot s 1" in line for line in lines)
    assert any(line.startswith("  learns ") and "filter" in line for line in lines)
    assert len([line for line in lines if "clean" not in line and "take the links of learns down" in line]) == 1


def test_batches_and_the_network_are_other_steps() -> None:
    plan = plan_migration(MigrationSpec(batch=50, pause_s=60), many())
    text = "\n".join(short(plan))
    assert "wait 60 s (6 times)" in text
    assert "take the links of 196 domains down for 8 s" in text
    assert "until guest-001 is seen on br0" in text


def test_reservations_are_there_once() -> None:
    kept = "".join(f"<host mac='{mac(n)}' ip='198.51.{100 + n // 256}.{n % 256}'/>" for n in range(COUNT))
    document = DEFAULT.document.replace("/></network>", f"><dhcp>{kept}</dhcp></ip></network>")
    facts = many()
    networks = (replace(DEFAULT, document=document), *(n for n in facts.networks if n.name != "default"))
    lines = short(plan_migration(MigrationSpec(), replace(facts, networks=networks)))
    assert len([line for line in lines if line.strip().startswith("dhcp-host=")]) == COUNT - THERE
    assert any("Kea" in line and str(DETAILS) in line for line in lines)
    assert len(lines) < 700


def test_the_page_shows_it_as_it_is() -> None:
    page = (Path(__file__).parents[2] / "docs" / "commands.md").read_text("utf-8")
    (shown,) = re.findall(r"```\n(migrate-from-virbr0: .*?)```", page, re.DOTALL)
    addresses = tuple(
        GuestAddress(mac=Mac(f"52:54:00:00:53:{n}"), interface=ip_interface(f"198.51.100.{n}/24"), origin="lease")
        for n in (12, 13)
    )
    guests = (domain(name, interface(n), running=(live(n),)) for n, name in ((0x12, "db01"), (0x13, "web01")))
    facts = replace(host(domain("build01", interface(0x11)), *guests), guest_addresses=addresses)
    assert shown in text_of(render_plan_short(plan_migration(MigrationSpec(), facts), DETAILS))
