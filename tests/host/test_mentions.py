"""Hooks and firewall rules that name a network."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tests.plan.guests import DEFAULT, domain, host, interface
from vmnet.apply.find_mentions import find_mentions
from vmnet.facts import Mention
from vmnet.host import mentions
from vmnet.plan.migrate_from_virbr0 import plan_migration
from vmnet.spec import MigrationSpec

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

RULESET = """\
table ip filter {
\tchain LIBVIRT_FWI {
\t\tip daddr 192.168.122.0/24 oifname "virbr0" ct state related,established counter accept
\t}
\tchain FORWARD {
\t\ttype filter hook forward priority filter; policy accept;
\t\tip daddr 192.168.122.10 tcp dport 443 counter accept
\t\tiifname "virbr01" counter accept
\t}
}
table ip nat {
\tchain PREROUTING {
\t\ttcp dport 8443 dnat to 192.168.122.10:443
\t\ttcp dport 9443 dnat to 10.192.168.122:443
\t}
}
table ip libvirt_network {
\tchain guest_output {
\t\tiif "virbr0" counter reject
\t}
}
"""


def test_rules_that_are_not_libvirts_own() -> None:
    found = list(mentions.parse_ruleset(RULESET, mentions.pattern_of(("virbr0", "192.168.122.0/24", "192.168.122."))))
    assert [mention.place.rpartition(" ")[2] for mention in found] == ["FORWARD", "PREROUTING"]
    assert found[1].text == "tcp dport 8443 dnat to 192.168.122.10:443"


def test_hooks_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mentions, "HOOKS", tmp_path)
    (tmp_path / "qemu.d").mkdir()
    (tmp_path / "qemu").write_text("#!/bin/sh\n# virbr0 was here\nip route add 10.0.0.0/8 dev virbr0\n", "utf-8")
    (tmp_path / "qemu.d/nat").write_text("iptables -d 192.168.122.7 -j ACCEPT\n", "utf-8")
    wanted = mentions.pattern_of(("virbr0", "192.168.122."))
    found = [(mention.place.removeprefix(f"{tmp_path}/"), mention.text) for mention in mentions._in_hooks(wanted)]
    assert found == [
        ("qemu, line 3", "ip route add 10.0.0.0/8 dev virbr0"),
        ("qemu.d/nat, line 1", "iptables -d 192.168.122.7 -j ACCEPT"),
    ]


def test_the_words_are_the_bridge_and_the_subnet_and_the_plan_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def read(words: list[str]) -> tuple[Mention, ...]:
        asked.extend(words)
        return (Mention(place="/etc/libvirt/hooks/qemu, line 3", text="... virbr7"),)

    monkeypatch.setattr(import_module("vmnet.apply.find_mentions"), "read_mentions", read)
    facts = find_mentions(DEFAULT.name, host(domain("web", interface(1))))
    assert asked == ["virbr7", "198.51.100.1/32"]
    assert any("hooks/qemu, line 3, names what" in line for line in plan_migration(MigrationSpec(), facts).warnings)
    assert find_mentions("nope", host()).mentions == ()
    assert find_mentions(DEFAULT.name, host(hypervisor_elsewhere=True)).mentions == ()
