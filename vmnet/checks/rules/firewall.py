"""Rules about what filters bridged frames: br_netfilter with the chains of every table, firewalld's zones."""

from __future__ import annotations

from collections.abc import Iterator

from vmnet.checks.findings import Finding
from vmnet.checks.registry import diagnosed
from vmnet.checks.rules.bridge import guest_bridges, modify
from vmnet.checks.rules.filter_fixes import Stop, find_stop, fix_of, needs, nft, nft_link, turn_off
from vmnet.facts import BridgeNetfilter, Facts, FilterChain, Filters, StoredSwitch, Verdict
from vmnet.plan.risks.firewall import changed_rules, copy_for
from vmnet.shell_words import Command, command, in_turn, root
from vmnet.spec import BridgeSpec

_SWITCH = {"ip": ("iptables",), "ip6": ("ip6tables",), "inet": ("iptables", "ip6tables"), "bridge": ()}
_PROTOCOL = {"iptables": "IPv4", "ip6tables": "IPv6"}


@diagnosed("filter.br-netfilter-drops")
def bridged_frames_dropped(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """Every chain that bridged packets are taken through lets them pass."""
    filters = facts.filters or Filters()
    for bridge in guest_bridges(goal, facts):
        for chain in filters.chains:
            called = [name for name in _SWITCH[chain.family] if _is_on(filters, bridge.ifname, name)]
            stop = find_stop(chain, filters.chains, bridge.ifname) if called and chain.hook else None
            if stop:
                yield _dropped(bridge.ifname, stop, called, facts, filters)


def _is_on(filters: Filters, bridge: str, name: str) -> bool:
    """The kernel takes a packet through where either switch is on; the bridge's own cannot take it out."""
    return name in filters.netfilter.on or (bridge, name) in filters.netfilter.bridges


def _dropped(bridge: str, stop: Stop, called: list[str], facts: Facts, filters: Filters) -> Finding:
    protocols = " and ".join(_PROTOCOL[name] for name in called)
    stored = next((switch for switch in filters.netfilter.stored if switch.name in called and not switch.on), None)
    although = f"; {stored.file} turns br_netfilter off, but the module was loaded later" if stored else ""
    fix, hint = fix_of(bridge, stop, facts, filters)
    spared = f"; except {'; '.join(rule.text for rule in stop.spared)}" if stop.spared else ""
    return Finding(
        rule="filter.br-netfilter-drops", subject=bridge,
        wanted=f"{place(stop.base)} accepts {protocols} from {bridge} to {bridge}",
        seen=f"{protocols}: {_how(stop)}{spared}{although}", source=stop.base.tool, ok=bool(stop.spared),
        shown_by=show(stop.base),
        hint="check that the guests' addresses are among the accepted ones" if stop.spared else hint,
        fix=() if stop.spared else fix,
    )  # fmt: skip


def _how(stop: Stop) -> str:
    where = place(stop.chain)
    if stop.rule is None:
        return f"{where} has policy drop, and no rule accepts the packet"
    verb = "rejects" if stop.rule.verdict is Verdict.REJECT else "drops"
    return f"{where} {verb} the packet: {stop.rule.text}"


def place(chain: FilterChain) -> str:
    """Return how people find a chain."""
    table = f"table {chain.family} {chain.table}" if chain.tool == "nft" else f"{chain.tool}, table {chain.table}"
    return f"chain {chain.name} ({table})"


def show(chain: FilterChain) -> Command:
    """Return the command that lists a chain."""
    if chain.tool != "nft":
        return root(chain.tool, "-t", chain.table, "-S", chain.name)
    (listed,) = nft("list", "chain", chain.family, chain.table, chain.name) or nft("list", "ruleset")
    return listed


@diagnosed("filter.bridge-table-drops")
def bridge_table_drops(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No table of the family bridge (ebtables) drops all that guests send."""
    chains = (facts.filters or Filters()).chains
    for bridge in guest_bridges(goal, facts):
        for chain in chains:
            stop = find_stop(chain, chains, bridge.ifname) if chain.family == "bridge" and chain.hook else None
            if stop and not _accepts_some(chain, chains):
                yield Finding(
                    subject=bridge.ifname, wanted=f"{place(chain)} accepts guests' frames", seen=_how(stop),
                    source="nft", shown_by=show(chain),
                    hint=f"to keep it after a reboot, also add it to the file that creates table bridge {chain.table}",
                    fix=_accept_frames(bridge.ifname, chain),
                )  # fmt: skip


def _accepts_some(base: FilterChain, chains: tuple[FilterChain, ...]) -> bool:
    """Whether a table lets some frames through by ports, protocols or MACs: then it is meant to, and is not judged."""
    same = (chain for chain in chains if (chain.family, chain.table) == (base.family, base.table))
    return any(rule.verdict is Verdict.ACCEPT for chain in same for rule in chain.rules)


def _accept_frames(bridge: str, chain: FilterChain) -> tuple[Command, ...]:
    words = ("meta", "obrname" if chain.hook == "postrouting" else "ibrname", nft_link(bridge), "accept")
    return nft("insert", "rule", "bridge", chain.table, chain.name, *words)


@diagnosed("filter.br-netfilter-at-boot")
def netfilter_at_boot(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """What sysctl.d says of br_netfilter is so now, and will be after a boot."""
    filters = facts.filters or Filters()
    if not filters.netfilter.loaded:
        return
    bridges = [bridge.ifname for bridge in guest_bridges(goal, facts)]
    for name, protocol in _PROTOCOL.items():
        if name in filters.netfilter.on:
            stored = _stored(filters.netfilter, name)
            if stored and not stored.on and not _stops(name, bridges, filters):
                yield _at_boot(name, f"{protocol}: off in {stored.file}, on in the kernel", stored.file, filters)
        elif _on_after_boot(filters.netfilter, name) and (where := _stops(name, bridges, filters)):
            seen = f"{protocol}: off now, on again when a boot loads the module; {place(where)} then drops packets"
            yield _at_boot(name, seen, "/etc/sysctl.d", filters)


def _stored(netfilter: BridgeNetfilter, name: str) -> StoredSwitch | None:
    return next((switch for switch in netfilter.stored if switch.name == name), None)


def _on_after_boot(netfilter: BridgeNetfilter, name: str) -> bool:
    """The module comes with its switches on. What sysctl.d says counts only where the module is there before, or where
    udev has it applied again."""
    stored = _stored(netfilter, name)
    return not netfilter.early or stored is None or stored.on


def _stops(name: str, bridges: list[str], filters: Filters) -> FilterChain | None:
    for chain in filters.chains:
        if chain.hook and name in _SWITCH[chain.family]:
            stops = [find_stop(chain, filters.chains, bridge) for bridge in bridges]
            if any(stop and not stop.spared for stop in stops):
                return chain
    return None


def _at_boot(name: str, seen: str, source: str, filters: Filters) -> Finding:
    needed = needs(filters)
    hint = "sysctl.d is applied before the module is loaded, unless modules-load.d names the module"
    return Finding(
        rule="filter.br-netfilter-at-boot", subject=f"bridge-nf-call-{name}", wanted="off, now and after a boot",
        seen=seen, source=source, shown_by=in_turn(
            command("sysctl", f"net.bridge.bridge-nf-call-{name}"),
            command("grep", "-r", "bridge-nf", "/etc/sysctl.d", "/etc/modules-load.d"),
        ),
        hint=f"leave it on because {', '.join(needed)}, and accept the guests' packets there" if needed else hint,
        fix=() if needed else turn_off((), filters),
    )  # fmt: skip


@diagnosed("filter.firewalld-zone")
def firewalld_zone(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """The bridge is in the zone that its profile names; if it names none, in that of its NIC before."""
    firewalld, profile = facts.firewalld, facts.active_profile(goal.ifname)
    if firewalld is None or profile is None or facts.link(goal.ifname) is None:
        return
    seen = firewalld.zone_of(goal.ifname)
    stored = profile.get("connection.zone")
    before = "" if stored else _zone_before(goal, facts)
    wanted = stored or before or firewalld.default_zone
    if seen == wanted:
        return
    why = f"the zone of {goal.nics[0]} before it became a port" if before else "the zone in its profile"
    yield Finding(
        subject=goal.ifname, wanted=f"zone {wanted}, {why}", seen=f"zone {seen}", source="firewalld",
        shown_by=root("firewall-cmd", "--get-active-zones"), fix=(
            *modify(goal.ifname, facts, "connection.zone", wanted),
            root("firewall-cmd", f"--zone={wanted}", f"--change-interface={goal.ifname}"),
        ),
    )  # fmt: skip


def _zone_before(goal: BridgeSpec, facts: Facts) -> str:
    """Return the zone of the profile that held the NIC before and was set aside, "" where none is known."""
    for profile in facts.profiles:
        aside = profile.device is None and not profile.autoconnect and profile.controller is None
        if aside and profile.ifname in goal.nics and (zone := profile.get("connection.zone")):
            return zone
    return ""


@diagnosed("filter.names-port")
def rules_name_ports(goal: BridgeSpec, facts: Facts) -> Iterator[Finding]:
    """No rule for the host's own packets names a port of the bridge, and not the bridge."""
    ports = [name for name in (*goal.nics, goal.bond_name) if name and (link := facts.link(name)) and link.controller]
    for changed in changed_rules(facts.chains, ports, goal.ifname):
        yield Finding(
            subject=goal.ifname, wanted=f"the same rule for {goal.ifname}", seen=changed.words,
            source=changed.chain.tool, shown_by=show(changed.chain),
            hint="add the rule for the bridge, also where the firewall stores its rules for the next boot",
            fix=(copy_for(changed, goal.ifname),),
        )  # fmt: skip
