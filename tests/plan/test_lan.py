"""What the LAN's answers, and the old network's reservations, mean for the guests that move."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from tests.plan.guests import DEFAULT, domain, host, interface, live
from vmnet.facts import Facts, LanAnswer, Reservation
from vmnet.names import Mac
from vmnet.plan.domains.migrate import plan_migration
from vmnet.plan.steps import Plan
from vmnet.report.plan import render_plan
from vmnet.spec import MigrationSpec

ONE = Mac("52:54:00:00:53:01")
WEB = domain("web", interface(1), running=(live(1),))
KEPT = """<network><name>default</name><forward/><bridge name='virbr7'/>
<dns><host ip='198.51.100.9'><hostname>ns</hostname></host></dns>
<ip address='198.51.100.1'><dhcp>
<host mac='52:54:00:00:53:01' name='web' ip='198.51.100.7'/><host mac='52:54:00:00:53:77' ip='198.51.100.8'/>
</dhcp></ip></network>"""


def planned(lan: LanAnswer | None, facts: Facts | None = None) -> Plan:
    return plan_migration(MigrationSpec(), replace(facts or host(WEB), lan=lan))


def test_a_lan_that_answers_is_told_of_and_warns_of_nothing() -> None:
    plan = planned(LanAnswer(bridge="br0", dhcp_server=ip_address("192.0.2.2")))
    assert any("192.0.2.2" in line and "br0" in line for line in plan.kept)
    assert not [line for line in plan.warnings if "br0" in line]


def test_no_dhcp_and_a_port_for_one_mac() -> None:
    plan = planned(LanAnswer(bridge="br0", gateway_answered=False))
    about = [line for line in plan.warnings if "br0" in line]
    assert ["DHCP" in line for line in about] == [True, False]
    assert "gateway" in about[1]
    plan = planned(LanAnswer(bridge="br0", gateway_answered=True))
    assert not any("gateway" in line for line in plan.warnings)


def test_a_mac_that_was_heard_there_before_is_somebody_elses() -> None:
    lan = LanAnswer(bridge="br0", dhcp_server=ip_address("192.0.2.2"), heard=(ONE,))
    assert any(ONE in line and "br0" in line for line in planned(lan).warnings)


def test_reservations_are_printed_for_three_servers() -> None:
    facts = host(WEB)
    networks = (replace(DEFAULT, document=KEPT), *(n for n in facts.networks if n.name != "default"))
    plan = planned(None, replace(facts, networks=networks))
    assert plan.reservations == (Reservation(mac=ONE, name="web", address="198.51.100.7"),)
    assert any("the name ns (198.51.100.9)" in line for line in plan.warnings)
    text = "\n".join(getattr(block, "text", "") for block in render_plan(plan))
    assert "dhcp-host=52:54:00:00:53:01,web,198.51.100.7" in text
    assert "host web { hardware ethernet 52:54:00:00:53:01; fixed-address 198.51.100.7; }" in text
    assert '{"hw-address": "52:54:00:00:53:01", "ip-address": "198.51.100.7", "hostname": "web"}' in text
