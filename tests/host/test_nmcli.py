"""A NetworkManager that is there and too busy to answer is told from one that is not there."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.host.nmcli_host import NmcliHost
from vmnet.errors import ToolError
from vmnet.host.networkmanager import nmcli
from vmnet.host.process import Output


def refuse(monkeypatch: pytest.MonkeyPatch, times: int, *, owned: bool = True, status: int = 8) -> list[str]:
    """Have nmcli fail so many times first; return the words that it is called with from now on."""
    asked: list[str] = []

    def run(argv: tuple[str, ...], *, accept: tuple[int, ...] = (0,)) -> Output:
        asked.append(argv[1])
        if len(asked) <= times:
            raise ToolError("nmcli failed", argv=argv, exit_status=status)
        return Output(exit_status=accept[0], stdout="said", stderr="")

    monkeypatch.setattr(nmcli, "run", run)
    monkeypatch.setattr("vmnet.host.networkmanager.bus.has_owner", lambda _: owned)
    return asked


@pytest.mark.parametrize("times", [0, 1, 2])
def test_a_busy_networkmanager_is_waited_for(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    asked = refuse(monkeypatch, times)
    assert nmcli.call(("nmcli", "general")).stdout == "said"
    assert len(asked) == times + 1


@pytest.mark.parametrize(("owned", "status"), [(False, 8), (True, 4)])
def test_what_waiting_does_not_mend_is_said_at_once(
    monkeypatch: pytest.MonkeyPatch, *, owned: bool, status: int
) -> None:
    asked = refuse(monkeypatch, 1, owned=owned, status=status)
    with pytest.raises(ToolError, match="nmcli failed"):
        nmcli.call(("nmcli", "general"))
    assert len(asked) == 1


def test_one_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = refuse(monkeypatch, 99)
    monkeypatch.setattr("vmnet.host.networkmanager.nmcli.time.monotonic", iter(range(0, 1000, 25)).__next__)
    with pytest.raises(ToolError, match="60 s"):
        nmcli.call(("nmcli", "general"))
    assert len(asked) == 3


@pytest.mark.parametrize(("times", "status", "asked"), [(2, 4, 3), (3, 4, 3), (1, 3, 1), (1, 10, 1)])
def test_an_activation_that_fails_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, times: int, status: int, asked: int
) -> None:
    monkeypatch.setattr("vmnet.host.networkmanager.nmcli.time.sleep", lambda _: None)
    words = refuse(monkeypatch, times, status=status)
    with nullcontext() if times < asked else pytest.raises(ToolError, match="nmcli failed"):
        nmcli.call(("nmcli", "connection", "up"), tries=3)
    assert len(words) == asked


FORGED = (
    "plain", "a\ntun\nb", "x\u2028y", "c:d\\e", "\n", "\n\n", "a\n", "n" * 5000, "x\x0by\x85z", "; rm -rf / #",
    "'\"`$(a)",
    "x\nconnection.uuid:u-lan\nconnection.type:tun", "x\n\nconnection.id:lan\nconnection.uuid:u-lan",
    "x\nipv4.method:manual", "x:u-lan:/home/eve/lan::bridge\nu-new:/home/eve/y::bridge",
)  # fmt: skip


@pytest.mark.parametrize("name", FORGED)
def test_profiles_are_read_whatever_their_names(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    check_profiles(monkeypatch, name, name)


@given(st.text(), st.text())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_profiles_are_read_whatever_their_values(monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    check_profiles(monkeypatch, name, script)


def check_profiles(monkeypatch: pytest.MonkeyPatch, name: str, script: str) -> None:
    host = NmcliHost()
    host.add_profile("u-lan", "lan", "802-3-ethernet")
    host.add_profile("u-odd", name, connection__zone=script, proxy__pac_script=script)
    host.add_profile("u-end", "z", "tun", ethtool__ring_rx="5")
    host.add_profile("u-last", "zz", "tun", ethtool__ring_tx=script)
    monkeypatch.setattr(nmcli, "run", host.run)
    found = {profile.uuid: profile for profile in nmcli.read_profiles()}
    assert found.keys() == host.profiles.keys()
    for uuid, settings_ in host.profiles.items():
        assert dict(found[uuid].settings) == settings_
        assert found[uuid].name == settings_["connection.id"]
        assert (
            found[uuid].filename
            == f"/etc/NetworkManager/system-connections/{found[uuid].name.replace('/', '*')}.nmconnection"
        )


def test_many_profiles_take_two_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    host = NmcliHost()
    for number in range(300):
        host.add_profile(f"u{number}", f"lan {number}")
    monkeypatch.setattr(nmcli, "run", host.run)
    assert len(nmcli.read_profiles()) == 300
    assert len(host.calls) == 2
    host.add_profile("u-odd", "a\nb")
    host.calls.clear()
    assert len(nmcli.read_profiles()) == 301
    # The list, the pairs, and the rows.
    assert len(host.calls) == 3


@pytest.mark.parametrize(
    "option",
    [
        "example.org",
        "a\nb",
        "a\n\nGENERAL.DEVICE:em1\nGENERAL.STATE:10 (x)",
        "a\nDHCP4.OPTION[9]:ip_address = 192.0.2.66",
    ],
)
def test_a_dhcp_server_speaks_of_its_own_link_only(monkeypatch: pytest.MonkeyPatch, option: str) -> None:
    host = NmcliHost()
    for link in ("em1", "br0"):
        host.devices[link] = {
            "GENERAL.DEVICE": link, "GENERAL.TYPE": "ethernet", "GENERAL.STATE": "100 (connected)",
            "GENERAL.CON-UUID": f"u-{link}", "GENERAL.REASON": "0 (No reason given)",
        }  # fmt: skip
    host.devices["em1"] |= {"IP4.DNS[1]": "192.0.2.53", "DHCP4.OPTION[1]": "ip_address = 192.0.2.3"}
    host.devices["br0"] |= {
        "DHCP4.OPTION[1]": f"domain_name = {option}", "DHCP4.OPTION[2]": "expiry = 99",
        "DHCP4.OPTION[3]": "ip_address = 192.0.2.7",
    }  # fmt: skip
    monkeypatch.setattr(nmcli, "run", host.run)
    br0, em1 = nmcli.read_devices()
    assert (em1.ifname, em1.state, str(em1.lease), list(map(str, em1.dns))) == ("em1", 100, "192.0.2.3", ["192.0.2.53"])
    assert (br0.ifname, br0.state) == ("br0", 100)
    assert nmcli.read_lease_end("br0") == "99"
    assert nmcli.read_lease_end("none") == ""
    assert nmcli.read_lease("none") is None
