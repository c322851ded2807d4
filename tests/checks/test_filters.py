"""Filters below the bridge: which chain drops what crosses it, and what lets it through."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests import facts_samples as samples
from vmnet.checks.diagnostics import diagnose
from vmnet.facts import (
    BridgeNetfilter,
    FilterChain,
    FilterRule,
    Filters,
    Firewalld,
    LinkNames,
    Narrow,
    StoredSwitch,
    Verdict,
    Zone,
)

if TYPE_CHECKING:
    from vmnet.checks.findings import Finding
    from vmnet.facts import Facts

GOOD = samples.end_state()
ON = BridgeNetfilter(loaded=True, on=("iptables", "ip6tables"))
BR0 = LinkNames(patterns=("br0",))
DROPS, AT_BOOT = "filter.br-netfilter-drops", "filter.br-netfilter-at-boot"


def rule(verdict: Verdict, target: str = "", **values: LinkNames | Narrow) -> FilterRule:
    return FilterRule(verdict=verdict, target=target, text=f"a rule: {verdict}", **values)  # type: ignore[arg-type]


def chain(*rules: FilterRule, policy: str = "drop", name: str = "FORWARD", hook: str = "forward") -> FilterChain:
    return FilterChain(tool="nft", family="ip", table="filter", name=name, hook=hook, policy=policy, rules=rules)


def findings(filters: Filters, facts: Facts = GOOD) -> list[Finding]:
    troubles = diagnose(samples.goal(), replace(facts, filters=filters))
    return [trouble.finding for trouble in troubles if trouble.rule.layer == "filter"]


def dropped(*chains: FilterChain, netfilter: BridgeNetfilter = ON) -> list[str]:
    found = findings(Filters(netfilter=netfilter, chains=chains))
    return [finding.seen for finding in found if not finding.ok and finding.rule == DROPS]


def test_a_policy_that_drops() -> None:
    assert dropped(chain()) == ["IPv4: chain FORWARD (table ip filter) has policy drop, and no rule accepts the packet"]
    assert dropped(chain(), netfilter=BridgeNetfilter(loaded=True)) == []
    assert dropped(chain(), netfilter=replace(ON, on=("ip6tables",))) == []
    assert dropped(chain(), netfilter=BridgeNetfilter(loaded=True, bridges=(("br0", "iptables"),))) != []
    assert dropped(chain(), netfilter=BridgeNetfilter(loaded=True, bridges=(("br1", "iptables"),))) == []


def test_a_table_of_both_protocols_drops_those_that_are_taken_there() -> None:
    both = replace(chain(), family="inet", table="t")
    assert [seen.partition(":")[0] for seen in dropped(both)] == ["IPv4 and IPv6"]
    assert [seen.partition(":")[0] for seen in dropped(both, netfilter=replace(ON, on=("ip6tables",)))] == ["IPv6"]


@pytest.mark.parametrize(
    ("rules", "passes"),
    [
        ((rule(Verdict.ACCEPT, incoming=BR0, outgoing=BR0),), True),
        ((rule(Verdict.ACCEPT, incoming=LinkNames(patterns=("br*",))),), True),
        ((rule(Verdict.ACCEPT, incoming=LinkNames(patterns=("docker0",), but=True)),), True),
        ((rule(Verdict.ACCEPT, incoming=LinkNames(patterns=("br0",), but=True)),), False),
        ((rule(Verdict.ACCEPT, outgoing=LinkNames(patterns=("virbr0",))),), False),
        ((rule(Verdict.ACCEPT, narrow=Narrow.OTHERWISE),), False),
        ((rule(Verdict.REJECT, narrow=Narrow.OTHERWISE), rule(Verdict.ACCEPT)), True),
        ((rule(Verdict.REJECT), rule(Verdict.ACCEPT)), False),
        ((rule(Verdict.NONE), rule(Verdict.ACCEPT)), True),
        ((rule(Verdict.RETURN), rule(Verdict.ACCEPT)), False),
        ((rule(Verdict.JUMP, "inner"),), True),
        ((rule(Verdict.GOTO, "nothing"), rule(Verdict.ACCEPT)), False),
        ((rule(Verdict.JUMP, "nothing"), rule(Verdict.ACCEPT)), True),
        ((rule(Verdict.JUMP, "round"), rule(Verdict.ACCEPT)), True),
        ((rule(Verdict.JUMP, "gone"), rule(Verdict.ACCEPT)), True),
    ],
)
def test_the_way_of_a_first_packet(rules: tuple[FilterRule, ...], *, passes: bool) -> None:
    inner = (
        chain(rule(Verdict.ACCEPT, incoming=BR0), name="inner", hook="", policy="accept"),
        chain(rule(Verdict.RETURN), rule(Verdict.DROP), name="nothing", hook="", policy="accept"),
        chain(rule(Verdict.JUMP, "round"), name="round", hook="", policy="accept"),
    )
    assert (dropped(chain(*rules), *inner) == []) == passes


def test_every_table_must_accept() -> None:
    accepts = chain(rule(Verdict.ACCEPT))
    other = replace(chain(rule(Verdict.REJECT), policy="accept"), family="inet", table="site", name="forward")
    (seen,) = dropped(accepts, other)
    assert seen.startswith("IPv4 and IPv6: chain forward (table inet site) rejects")


def test_guests_that_are_let_through_by_address_are_a_note() -> None:
    some = chain(rule(Verdict.ACCEPT, narrow=Narrow.ADDRESSES))
    (finding,) = findings(Filters(netfilter=ON, chains=(some,)))
    assert (finding.ok, finding.fix) == (True, ())
    assert "a rule: accept" in finding.seen


def fixes(*chains: FilterChain, facts: Facts = GOOD, **values: object) -> tuple[tuple[str, ...], str]:
    filters = Filters(**{"netfilter": ON, "chains": chains, **values})  # type: ignore[arg-type]
    (finding,) = [finding for finding in findings(filters, facts) if finding.rule == DROPS]
    return finding.fix, finding.hint


OFF = (
    (
        "printf '%s\\n' 'net.bridge.bridge-nf-call-iptables = 0' 'net.bridge.bridge-nf-call-ip6tables = 0' "
        "'net.bridge.bridge-nf-call-arptables = 0' | sudo tee /etc/sysctl.d/99-bridge-netfilter.conf"
    ),
    "sudo sysctl -p /etc/sysctl.d/99-bridge-netfilter.conf",
)
EARLY = "printf '%s\\n' br_netfilter | sudo tee /etc/modules-load.d/br_netfilter.conf"


def test_where_nothing_needs_it_it_is_turned_off_for_good() -> None:
    assert fixes(chain())[0] == (EARLY, *OFF)
    assert fixes(chain(), netfilter=replace(ON, early="/etc/modules-load.d/x.conf"))[0] == OFF
    own = BridgeNetfilter(loaded=True, bridges=(("br0", "iptables"), ("br1", "iptables")))
    assert fixes(chain(), netfilter=own)[0][3:] == ("sudo ip link set dev br0 type bridge nf_call_iptables 0",)


def test_beside_docker_its_own_chain_accepts_and_does_so_again_after_a_boot() -> None:
    user = chain(rule(Verdict.RETURN), name="DOCKER-USER", hook="", policy="accept")
    fix, hint = fixes(chain(rule(Verdict.JUMP, "DOCKER-USER")), user, daemons=("dockerd",))
    assert fix[0] == "sudo iptables -I DOCKER-USER -i br0 -o br0 -j ACCEPT"
    assert "docker.service.d/br0-iptables.conf" in fix[2]
    assert "|| iptables -I DOCKER-USER -i br0 -o br0 -j ACCEPT" in fix[2]
    assert "dockerd runs" in hint
    # Not running now, but it will be.
    assert fixes(chain(rule(Verdict.JUMP, "DOCKER-USER")), user)[0] == fix


@pytest.mark.parametrize(
    "needed",
    [
        {"layer3": ("web",)},
        {"daemons": ("kubelet",)},
        {"netfilter": replace(ON, stored=(StoredSwitch(name="iptables", on=True, file="/etc/sysctl.d/k8s.conf"),))},
    ],
)
def test_what_needs_it_keeps_it_and_the_table_accepts(needed: dict[str, Any]) -> None:
    fix, hint = fixes(chain(), **needed)
    assert fix == ("sudo iptables -t filter -A FORWARD -i br0 -o br0 -j ACCEPT",)
    assert hint.startswith("br_netfilter stays on")


def test_accepting_in_tables_of_others() -> None:
    site = replace(chain(), family="inet", table="my-site", name="forward")
    assert fixes(site, daemons=("dockerd",))[0] == (
        "sudo nft add rule inet my-site forward iifname br0 oifname br0 accept",
    )
    # nft itself has no way to say it.
    assert fixes(replace(site, table="my site"), daemons=("dockerd",))[0] == ()
    rejects = replace(site, policy="accept", rules=(rule(Verdict.REJECT),), hook="prerouting")
    assert fixes(rejects, daemons=("dockerd",))[0] == ("sudo nft insert rule inet my-site forward iifname br0 accept",)
    old = replace(chain(rule(Verdict.DROP), policy="accept"), tool="iptables-legacy")
    assert fixes(old, daemons=("crio",))[0] == ("sudo iptables-legacy -t filter -I FORWARD -i br0 -o br0 -j ACCEPT",)
    # Before libvirt's own chains it would take the guests' filters away.
    assert fixes(old, layer3=("web",))[0] == ()


def test_firewalld_forwards_within_a_zone() -> None:
    table = replace(
        chain(rule(Verdict.REJECT), policy="accept"), family="inet", table="firewalld", name="filter_FORWARD"
    )
    firewalld = Firewalld(default_zone="public", zones=(Zone(name="internal", links=("br0",)),))
    facts = replace(samples.with_setting(GOOD, "br0", connection__zone="internal"), firewalld=firewalld)
    fix, _ = fixes(table, facts=facts, daemons=("dockerd", "firewalld"))
    assert fix == (
        f"sudo nmcli connection modify uuid {samples.UUIDS['br0']} connection.zone internal",
        "sudo firewall-cmd --permanent --zone=internal --add-forward",
        "sudo firewall-cmd --zone=internal --change-interface=br0",
        "sudo firewall-cmd --zone=internal --add-forward",
    )
    assert fixes(table, facts=facts, daemons=("firewalld",))[0] == (EARLY, *OFF)


def boot(filters: Filters) -> list[tuple[str, str]]:
    return [(finding.subject, finding.seen) for finding in findings(filters) if finding.rule == AT_BOOT]


STORED = StoredSwitch(name="iptables", on=False, file="/etc/sysctl.d/99-bridge.conf")


def test_off_now_and_on_after_a_boot() -> None:
    off = BridgeNetfilter(loaded=True)
    ((subject, seen),) = boot(Filters(netfilter=off, chains=(chain(),)))
    assert subject == "bridge-nf-call-iptables"
    assert "chain FORWARD (table ip filter) then drops" in seen
    assert boot(Filters(netfilter=replace(off, stored=(STORED,)), chains=(chain(),))) != []
    assert boot(Filters(netfilter=replace(off, stored=(STORED,), early="/etc/x"), chains=(chain(),))) == []
    assert boot(Filters(netfilter=replace(off, early="/etc/x"), chains=(chain(),))) != []
    assert boot(Filters(netfilter=off, chains=(chain(policy="accept"),))) == []
    assert boot(Filters(chains=(chain(),))) == []


def test_what_needs_it_is_not_broken_at_the_next_boot_either() -> None:
    found = findings(Filters(netfilter=BridgeNetfilter(loaded=True), chains=(chain(),), daemons=("kubelet",)))
    assert [(finding.rule, finding.fix) for finding in found] == [(AT_BOOT, ())]
    assert "kubelet runs" in found[0].hint


def test_off_in_a_file_and_on_in_the_kernel() -> None:
    on = replace(ON, stored=(STORED,))
    assert boot(Filters(netfilter=on)) == [
        ("bridge-nf-call-iptables", "IPv4: off in /etc/sysctl.d/99-bridge.conf, on in the kernel")
    ]
    # That it drops is worse, and said with the same cure.
    assert boot(Filters(netfilter=on, chains=(chain(),))) == []
    assert "/etc/sysctl.d/99-bridge.conf turns br_netfilter off" in dropped(chain(), netfilter=on)[0]


def test_a_table_of_the_bridge_family() -> None:
    table = replace(chain(), family="bridge", table="t")
    (finding,) = findings(Filters(chains=(table,)))
    assert finding.rule == "filter.bridge-table-drops"
    assert finding.fix == ("sudo nft insert rule bridge t FORWARD meta ibrname br0 accept",)
    some = replace(table, rules=(rule(Verdict.ACCEPT, narrow=Narrow.OTHERWISE),))
    assert findings(Filters(chains=(some,))) == []
    assert findings(Filters(chains=(replace(table, hook=""),))) == []


def test_the_zone_of_the_nic_before() -> None:
    firewalld = Firewalld(default_zone="public", zones=(Zone(name="internal"), Zone(name="public", links=("br0",))))
    good = replace(GOOD, firewalld=firewalld)
    assert findings(Filters(), good) == []
    before = samples.profile("em1", "802-3-ethernet", {"connection.zone": "internal", "connection.autoconnect": "no"})
    aside = replace(before, uuid="00000000-0000-4000-8000-000000000077", device=None)
    facts = replace(good, profiles=(*GOOD.profiles, aside))
    (finding,) = findings(Filters(), facts)
    assert (finding.rule, finding.seen) == ("filter.firewalld-zone", "zone public")
    assert finding.wanted == "zone internal, the zone of em1 before it became a port"
    assert finding.fix[0].endswith("connection.zone internal")
    # host-setup has given the bridge the zone that the NIC was in for the time being: that one counts.
    taken_over = samples.with_setting(facts, "br0", connection__zone="public")
    assert findings(Filters(), taken_over) == []
    stored = samples.with_setting(good, "br0", connection__zone="internal")
    assert [f.wanted for f in findings(Filters(), stored)] == ["zone internal, the zone in its profile"]


NAMES_EM1 = FilterRule(
    verdict=Verdict.ACCEPT, text="iifname em1 tcp dport 22 accept", incoming=LinkNames(patterns=("em1",)), handle=7
)


def names_port(*rules: FilterRule, hook: str = "input", policy: str = "drop") -> list[Finding]:
    facts = replace(GOOD, chains=(chain(*rules, hook=hook, policy=policy),))
    return [t.finding for t in diagnose(samples.goal(), facts) if t.rule.id == "filter.names-port"]


def test_a_rule_that_names_a_port_of_the_bridge_matches_nothing() -> None:
    (finding,) = names_port(NAMES_EM1)
    assert finding.subject == "br0"
    added = """sudo nft 'insert rule ip filter FORWARD handle 7 iifname "br0" tcp dport 22 accept'"""
    assert finding.fix == (added,)
    for_bridge = replace(NAMES_EM1, text="iifname br0 tcp dport 22 accept", incoming=BR0)
    assert names_port(NAMES_EM1, for_bridge) == []
    assert names_port(NAMES_EM1, policy="accept") == []
    assert names_port(NAMES_EM1, hook="forward") == []
    (listed,) = names_port(replace(NAMES_EM1, handle=0))
    assert listed.fix == ("sudo nft -a list chain ip filter FORWARD",)
    (saved,) = names_port(replace(NAMES_EM1, words=("-i", "em1", "-j", "ACCEPT"), handle=0))
    assert saved.fix == ("sudo iptables -t filter -I FORWARD 1 -i br0 -j ACCEPT",)


def test_bridges_of_libvirts_own_networks_are_its_business() -> None:
    only_nat = replace(samples.without_link(GOOD, "br0"), filters=Filters(netfilter=ON, chains=(chain(),)))
    taps = samples.with_link(only_nat, "vnet0", controller="virbr0")
    assert [t for t in diagnose(samples.goal(), taps) if t.rule.layer == "filter"] == []


def test_a_bridge_of_another_name_is_looked_at_without_a_goal() -> None:
    link = samples.link("lan", 20, kind="bridge", bridge=GOOD.links[5].bridge)
    facts = replace(GOOD, links=(*GOOD.links, link), filters=Filters(netfilter=ON, chains=(chain(),)))
    seen = {t.finding.subject for t in diagnose(None, facts) if t.rule.id == DROPS}
    assert seen == {"br0"}
    seen = {
        t.finding.subject
        for t in diagnose(None, samples.with_link(facts, "vnet0", controller="lan"))
        if t.rule.id == DROPS
    }
    assert seen == {"br0", "lan"}
