"""What lets bridged frames through again: br_netfilter turned off, unless something needs it; else a rule that accepts
them, in the very table that drops."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from vmnet.checks.chains import Stop
    from vmnet.facts import Facts, FilterChain, Filters

FILE = "/etc/sysctl.d/99-bridge-netfilter.conf"
_CLUSTER = ("kubelet", "k3s-server", "k3s-agent", "crio")
_DOCKER, _DOCKER_USER = "dockerd", "DOCKER-USER"
_FIREWALLD = "firewalld"
_TOOLS = {"ip": "iptables", "ip6": "ip6tables"}

Fix = tuple[tuple[str, ...], str]


def needs(filters: Filters) -> tuple[str, ...]:
    """Return what on this host counts on bridged packets being filtered, in words."""
    found = [f"the nwfilter {name} filters its guests by IP" for name in filters.layer3]
    found += [f"{name} runs" for name in filters.daemons if name in (*_CLUSTER, _DOCKER)]
    found += [f"{switch.file} turns it on" for switch in filters.netfilter.stored if switch.on]
    if not any(_DOCKER in word for word in found) and any(chain.name == _DOCKER_USER for chain in filters.chains):
        found.append("Docker's chains are there")
    return tuple(dict.fromkeys(found))


def turn_off(bridges: tuple[tuple[str, str], ...], filters: Filters) -> tuple[str, ...]:
    """Return the commands that turn br_netfilter's switches off, now and at every boot; those of single bridges, too.

    The module is loaded before sysctl.d is applied, or the file would come too early to have an effect.
    """
    keys = [f"net.bridge.bridge-nf-call-{name} = 0" for name in ("iptables", "ip6tables", "arptables")]
    return (
        *([] if filters.netfilter.early else ["echo br_netfilter | sudo tee /etc/modules-load.d/br_netfilter.conf"]),
        f"printf '%s\\n' {' '.join(shlex.quote(key) for key in keys)} | sudo tee {FILE}",
        f"sudo sysctl -p {FILE}",
        *(
            shlex.join(("sudo", "ip", "link", "set", "dev", bridge, "type", "bridge", f"nf_call_{name}", "0"))
            for bridge, name in bridges
        ),
    )


def fix_of(bridge: str, stop: Stop, facts: Facts, filters: Filters) -> Fix:
    """Return the commands that let packets from the bridge to it through the chain that drops them, and a hint."""
    needed = needs(filters)
    if not needed:
        own = tuple(entry for entry in filters.netfilter.bridges if entry[0] == bridge)
        return turn_off(own, filters), "nothing here needs bridged packets filtered, so that it is turned off for good"
    because = f"br_netfilter stays on, for {', '.join(needed)}"
    base = stop.base
    if base.tool == "nft" and base.table == _FIREWALLD and facts.firewalld:
        return _forward_in_zone(bridge, facts, facts.firewalld.zone_of(bridge)), because
    if any(_same_table(chain, base) and chain.name == _DOCKER_USER for chain in filters.chains):
        return _docker_user(bridge, base), because
    if stop.rule is not None and filters.layer3:
        return (), f"{because}; let {bridge} through before that rule, but after libvirt's own chains"
    lasts = f"{because}; the rule is gone after a reboot unless it stands where table {base.table} comes from, too"
    return _accept(bridge, stop), lasts


def _same_table(chain: FilterChain, base: FilterChain) -> bool:
    return (chain.tool, chain.family, chain.table) == (base.tool, base.family, base.table)


def _forward_in_zone(bridge: str, facts: Facts, zone: str) -> tuple[str, ...]:
    """Within a zone firewalld forwards between its links, and from a link to itself, where the link is named in it."""
    profile = facts.active_profile(bridge)
    stays = (
        shlex.join(("sudo", "nmcli", "connection", "modify", profile.uuid, "connection.zone", zone))
        if profile
        else shlex.join(("sudo", "firewall-cmd", "--permanent", f"--zone={zone}", f"--add-interface={bridge}"))
    )
    return (
        stays,
        shlex.join(("sudo", "firewall-cmd", "--permanent", f"--zone={zone}", "--add-forward")),
        shlex.join(("sudo", "firewall-cmd", f"--zone={zone}", f"--change-interface={bridge}")),
        shlex.join(("sudo", "firewall-cmd", f"--zone={zone}", "--add-forward")),
    )


def _docker_user(bridge: str, base: FilterChain) -> tuple[str, ...]:
    """Docker leaves its chain DOCKER-USER to the admin, and jumps there first. Its rules are gone after a boot, so that
    Docker's own unit puts this one back."""
    tool = base.tool if base.tool != "nft" else _TOOLS.get(base.family, "iptables")
    rule = shlex.join((_DOCKER_USER, "-i", bridge, "-o", bridge, "-j", "ACCEPT"))
    again = f"ExecStartPost=/bin/sh -c '{tool} -C {rule} || {tool} -I {rule}'"
    folder = "/etc/systemd/system/docker.service.d"
    name = shlex.quote(f"{folder}/{bridge}-{tool}.conf")
    return (
        f"sudo {tool} -I {rule}",
        f"sudo mkdir -p {folder}",
        f"printf '%s\\n' '[Service]' {shlex.quote(again)} | sudo tee {name}",
        "sudo systemctl daemon-reload",
    )


def _accept(bridge: str, stop: Stop) -> tuple[str, ...]:
    """Behind all that is there, where the policy drops, so that what others check first stays checked."""
    base, chain = stop.base, stop.chain
    if chain.tool != "nft" or (base.name.isupper() and chain.family in _TOOLS):
        tool = chain.tool if chain.tool != "nft" else _TOOLS[chain.family]
        names = ("-o",) if base.hook == "postrouting" else ("-i",) if base.hook == "prerouting" else ("-i", "-o")
        words = [word for name in names for word in (name, bridge)]
        how = ("-A", chain.name) if stop.rule is None else ("-I", chain.name)
        return (shlex.join(("sudo", tool, "-t", chain.table, *how, *words, "-j", "ACCEPT")),)
    keys = {"prerouting": ("iifname",), "postrouting": ("oifname",)}.get(base.hook, ("iifname", "oifname"))
    words = [word for key in keys for word in (key, bridge)]
    verb = "add" if stop.rule is None else "insert"
    where = (chain.family, chain.table, chain.name)
    return (shlex.join(("sudo", "nft", verb, "rule", *where, *words, "accept")),)
