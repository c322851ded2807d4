"""What lldpd and NetworkManager have heard of the switches -> records."""

from __future__ import annotations

import json

import pytest

from vmnet.errors import ToolError
from vmnet.facts import SwitchPort
from vmnet.host.lan.lldp import parse_lldpctl, parse_nmcli, read_switch_ports
from vmnet.host.outside import Sources

HEARD = SwitchPort(ifname="em1", chassis="00:00:5e:00:53:ff", port="Gi1/0/3", system="sw1")
# The shape is that of lldpd 1.0.16.
LLDPCTL = {
    "lldp": [
        {
            "interface": [
                {
                    "name": "em1",
                    "via": "LLDP",
                    "chassis": [{"id": [{"type": "mac", "value": "00:00:5E:00:53:FF"}], "name": [{"value": "sw1"}]}],
                    "port": [{"id": [{"type": "ifname", "value": "Gi1/0/3"}], "descr": [{"value": "to host"}]}],
                },
                {"name": "em2", "chassis": []},
            ]
        }
    ]
}


def test_lldpd() -> None:
    assert parse_lldpctl(json.dumps(LLDPCTL)) == (HEARD,)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"lldp": [{"interface": [null, 7]}]}', '{"lldp": {}}'])
def test_lldpd_with_nothing_to_say(text: str) -> None:
    assert parse_lldpctl(text) == ()


@pytest.mark.parametrize("text", ["no json", "[" * 5000, '"' + "1" * 5000])
def test_what_is_no_answer_of_lldpd(text: str) -> None:
    with pytest.raises(ToolError, match="answer of lldpctl"):
        parse_lldpctl(text)


def test_networkmanager() -> None:
    text = "em1:00\\:00\\:5E\\:00\\:53\\:FF:Gi1/0/3:sw1\nem2:::\n"
    assert parse_nmcli(text) == (HEARD,)
    forged = text.replace(":sw1", ":sw1\nem9\\:00:00\\:5E\\:00\\:53\\:FE:1:sw2")
    assert {port.ifname for port in parse_nmcli(text.replace(":sw1", ":a\nem9\\:b\u2028"))} == {"em1"}
    with pytest.raises(ToolError, match="nmcli"):
        parse_nmcli(f"{forged}:x\n")


def test_nobody_who_listens_is_asked() -> None:
    sources = Sources()
    # And no process is started, which the tests' guard would not let pass.
    assert read_switch_ports((), sources, ()) == ()
    assert sources.unread == []
