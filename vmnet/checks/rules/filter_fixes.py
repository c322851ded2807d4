"""Follow the first packet of a connection, from one port of a bridge to another one, through the firewall's chains."""

from __future__ import annotations

import re
from dataclasses import dataclass

from vmnet.checks.commands import modify_profile
from vmnet.facts import Facts, FilterChain, FilterRule, Filters, LinkNames, Narrow, Verdict
from vmnet.lines import fits_pattern
from vmnet.shell_words import Command, is_plain, root, write

_ENDS = (Verdict.ACCEPT, Verdict.DROP, Verdict.REJECT)
_DEPTH = 16
"""The kernel's own limit of nested jumps (NFT_JUMP_STACK_SIZE)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Where the packet ends: the base chain, the chain that the rule is in, and the rule; None: it is the policy.
    `spared` are rules before it that let packets of some addresses through."""

    base: FilterChain
    chain: FilterChain
    rule: FilterRule | None
    spared: tuple[FilterRule, ...] = ()


@dataclass(slots=True)
class _Walk:
    chains: dict[tuple[str, str, str, str], FilterChain]
    bridge: str
    spared: list[FilterRule]

    def through(self, chain: FilterChain, depth: int = 0) -> tuple[Verdict, FilterChain, FilterRule | None]:
        """Return the verdict of a chain, and who gave it; RETURN: none."""
        for rule in chain.rules:
            if not self.fits(rule):
                continue
            if rule.narrow is not Narrow.NO:
                if rule.narrow is Narrow.ADDRESSES and rule.verdict is Verdict.ACCEPT:
                    self.spared.append(rule)
                continue
            if rule.verdict in _ENDS:
                return rule.verdict, chain, rule
            if rule.verdict is Verdict.RETURN:
                break
            inner = self.chains.get((chain.tool, chain.family, chain.table, rule.target))
            if rule.verdict not in (Verdict.JUMP, Verdict.GOTO) or inner is None or depth == _DEPTH:
                continue
            found = self.through(inner, depth + 1)
            if found[0] is not Verdict.RETURN:
                return found
            if rule.verdict is Verdict.GOTO:
                break
        return Verdict.RETURN, chain, None

    def fits(self, rule: FilterRule) -> bool:
        """Whether the rule is for packets that come from the bridge and go to it: both are its name to the chains."""
        return _fits(rule.incoming, self.bridge) and _fits(rule.outgoing, self.bridge)


def _fits(names: LinkNames, bridge: str) -> bool:
    return not names.patterns or any(fits_pattern(bridge, name) for name in names.patterns) != names.but


def find_stop(base: FilterChain, chains: tuple[FilterChain, ...], bridge: str) -> Stop | None:
    """Return where a base chain ends the packet, None where it lets it through.

    Rules for some packets only are passed over: what they drop is meant so, and what they let through is not all.
    """
    places = {(chain.tool, chain.family, chain.table, chain.name): chain for chain in chains}
    walk = _Walk(places, bridge, [])
    verdict, chain, rule = walk.through(base)
    if verdict is Verdict.RETURN:
        verdict, chain, rule = Verdict(base.policy), base, None
    if verdict is Verdict.ACCEPT:
        return None
    return Stop(base=base, chain=chain, rule=rule, spared=tuple(walk.spared))


# What lets bridged frames through again: br_netfilter turned off, unless something needs it; else a rule that
# accepts
# them, in the very table that drops.

FILE = "/etc/sysctl.d/99-bridge-netfilter.conf"
_CLUSTER = ("kubelet", "k3s-server", "k3s-agent", "crio")
_DOCKER, _DOCKER_USER = "dockerd", "DOCKER-USER"
_FIREWALLD = "firewalld"
_TOOLS = {"ip": "iptables", "ip6": "ip6tables"}

_NFT_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NFT_WORD = re.compile(rf'{_NFT_NAME.pattern}|"[^"\\*]+"')


def nft(*words: str) -> tuple[Command, ...]:
    """Return a command for nft; none where nft has no way to say one of the words.

    nft reads its words again, by a grammar of its own: the name of a table or chain is letters, digits and few more,
    that of a link may be quoted (see `nft_link`).
    """
    fits = all(_NFT_WORD.fullmatch(word) and word.isprintable() for word in words)
    return (root("nft", *words),) if fits else ()


def nft_link(ifname: str) -> str:
    """Return the name of a link as nft reads it."""
    return ifname if _NFT_NAME.fullmatch(ifname) else f'"{ifname}"'


def needs(filters: Filters) -> tuple[str, ...]:
    """Return what on this host counts on bridged packets being filtered, in words."""
    found = [f"the nwfilter {name} filters its guests by IP" for name in filters.layer3]
    found += [f"{name} runs" for name in filters.daemons if name in (*_CLUSTER, _DOCKER)]
    found += [f"{switch.file} turns it on" for switch in filters.netfilter.stored if switch.on]
    if not any(_DOCKER in word for word in found) and any(chain.name == _DOCKER_USER for chain in filters.chains):
        found.append("Docker's chains exist")
    return tuple(dict.fromkeys(found))


def turn_off(bridges: tuple[tuple[str, str], ...], filters: Filters) -> tuple[Command, ...]:
    """Return the commands that turn br_netfilter's switches off, now and at every boot; those of single bridges, too.

    The module is loaded before sysctl.d is applied, or the file would come too early to have an effect.
    """
    keys = [f"net.bridge.bridge-nf-call-{name} = 0" for name in ("iptables", "ip6tables", "arptables")]
    return (
        *([] if filters.netfilter.early else [write("/etc/modules-load.d/br_netfilter.conf", "br_netfilter")]),
        write(FILE, *keys),
        root("sysctl", "-p", FILE),
        *(
            root("ip", "link", "set", "dev", bridge, "type", "bridge", f"nf_call_{name}", "0")
            for bridge, name in bridges
        ),
    )


def fix_of(bridge: str, stop: Stop, facts: Facts, filters: Filters) -> tuple[tuple[Command, ...], str]:
    """Return the commands that let packets from the bridge to it through the chain that drops them, and a hint."""
    needed = needs(filters)
    if not needed:
        own = tuple(entry for entry in filters.netfilter.bridges if entry[0] == bridge)
        return turn_off(own, filters), "nothing here needs br_netfilter: this turns it off, now and at boot"
    because = f"br_netfilter stays on because {', '.join(needed)}"
    base = stop.base
    if base.tool == "nft" and base.table == _FIREWALLD and facts.firewalld:
        return _forward_in_zone(bridge, facts, facts.firewalld.zone_of(bridge)), because
    if any(_same_table(chain, base) and chain.name == _DOCKER_USER for chain in filters.chains):
        return _docker_user(bridge, base), because
    if stop.rule is not None and filters.layer3:
        return (), f"{because}; accept traffic of {bridge} before that rule, but after libvirt's own chains"
    lasts = f"{because}; to keep the rule after a reboot, also add it to the file that creates table {base.table}"
    return _accept(bridge, stop), lasts


def _same_table(chain: FilterChain, base: FilterChain) -> bool:
    return (chain.tool, chain.family, chain.table) == (base.tool, base.family, base.table)


def _forward_in_zone(bridge: str, facts: Facts, zone: str) -> tuple[Command, ...]:
    """Within a zone firewalld forwards between its links, and from a link to itself, where the link is named in it."""
    profile = facts.active_profile(bridge)
    stays = (
        modify_profile(profile.uuid, "connection.zone", zone)
        if profile
        else root("firewall-cmd", "--permanent", f"--zone={zone}", f"--add-interface={bridge}")
    )
    return (
        stays,
        root("firewall-cmd", "--permanent", f"--zone={zone}", "--add-forward"),
        root("firewall-cmd", f"--zone={zone}", f"--change-interface={bridge}"),
        root("firewall-cmd", f"--zone={zone}", "--add-forward"),
    )


def _docker_user(bridge: str, base: FilterChain) -> tuple[Command, ...]:
    """Docker leaves its chain DOCKER-USER to the admin, and jumps there first. Its rules are gone after a boot, so that
    Docker's own unit puts this one back."""
    tool = base.tool if base.tool != "nft" else _TOOLS.get(base.family, "iptables")
    words = (_DOCKER_USER, "-i", bridge, "-o", bridge, "-j", "ACCEPT")
    now = root(tool, "-I", *words)
    if not is_plain(bridge):
        # Neither systemd nor its shell would read another name as it stands.
        return (now,)
    rule = " ".join(words)
    again = f"ExecStartPost=/bin/sh -c '{tool} -C {rule} || {tool} -I {rule}'"
    folder = "/etc/systemd/system/docker.service.d"
    stays = write(f"{folder}/{bridge}-{tool}.conf", "[Service]", again)
    return now, root("mkdir", "-p", folder), stays, root("systemctl", "daemon-reload")


def _accept(bridge: str, stop: Stop) -> tuple[Command, ...]:
    """Behind all that is there, where the policy drops, so that what others check first stays checked."""
    base, chain = stop.base, stop.chain
    if chain.tool != "nft" or (base.name.isupper() and chain.family in _TOOLS):
        tool = chain.tool if chain.tool != "nft" else _TOOLS[chain.family]
        names = ("-o",) if base.hook == "postrouting" else ("-i",) if base.hook == "prerouting" else ("-i", "-o")
        words = [word for name in names for word in (name, bridge)]
        how = ("-A", chain.name) if stop.rule is None else ("-I", chain.name)
        return (root(tool, "-t", chain.table, *how, *words, "-j", "ACCEPT"),)
    keys = {"prerouting": ("iifname",), "postrouting": ("oifname",)}.get(base.hook, ("iifname", "oifname"))
    words = [word for key in keys for word in (key, nft_link(bridge))]
    verb = "add" if stop.rule is None else "insert"
    where = (chain.family, chain.table, chain.name)
    return nft(verb, "rule", *where, *words, "accept")
