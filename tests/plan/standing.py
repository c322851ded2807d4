"""Hosts as host-setup leaves them, made from its own plan."""

from __future__ import annotations

from dataclasses import replace

from tests.plan.hosts import nic, routed_host
from vmnet.facts import Device, Facts, Profile
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import AddProfile, ModifyProfile, Plan, Step
from vmnet.spec import BridgeSpec, HostSpec


def as_set_up(spec: HostSpec, facts: Facts | None = None) -> Facts:
    """The host after host-setup; its old profile is gone, and its address is on the first bridge."""
    before = routed_host() if facts is None else facts
    plan = plan_host_setup(spec, before)
    facts = after(plan, before)
    moved = plan.goals[0].ifname
    held = [address.ifname for address in before.addresses if address.interface in plan.goals[0].requested.addresses]
    old = {profile.uuid for profile in facts.profiles if profile.device in held and profile.ifname in held}
    ours = {uuid for goal in plan.goals for _, uuid in goal.profiles}
    return replace(
        facts,
        profiles=tuple(p for p in facts.profiles if p.uuid not in old - ours),
        addresses=tuple(replace(a, ifname=moved) if a.ifname in held else a for a in facts.addresses),
        routes=tuple(replace(r, ifname=moved) if r.ifname in held else r for r in facts.routes),
    )


def after(plan: Plan, facts: Facts) -> Facts:
    """The host with the links and profiles that a plan makes."""
    planned = [p.step for p in plan.planned]
    profiles = [as_profile(s, planned) for s in planned if isinstance(s, AddProfile)]
    for wanted in plan.goals:
        facts = _with_bridge(wanted, facts)
    return replace(facts, profiles=(*facts.profiles, *profiles))


def _with_bridge(wanted: BridgeSpec, facts: Facts) -> Facts:
    uuids = dict(wanted.profiles)
    over = dict.fromkeys(wanted.uplinks, wanted.ifname)
    if wanted.bond:
        over |= dict.fromkeys(wanted.nics, wanted.bond.ifname)
    devices = [Device(ifname=name, type="", state=100, profile=uuid) for name, uuid in uuids.items()]
    vlan = wanted.vlan
    kinds = {wanted.ifname: "bridge", wanted.bond_name: "bond"} | ({vlan.ifname: "vlan"} if vlan else {})
    first = max(link.ifindex for link in facts.links) + 1
    made = [
        replace(nic(name, number), kind=kind, mac=wanted.mac, hardware=False, permanent_mac=None)
        for number, (name, kind) in enumerate(kinds.items(), first)
        if name is not None and facts.link(name) is None
    ]
    on = {wanted.vlan.ifname: (wanted.bond_name or wanted.nics[0], wanted.vlan.id)} if wanted.vlan else {}
    made = [
        replace(one, parent=on[one.ifname][0], vlan_id=on[one.ifname][1]) if one.ifname in on else one for one in made
    ]
    return replace(
        facts,
        links=tuple(replace(link, controller=over.get(link.ifname, link.controller)) for link in (*facts.links, *made)),
        devices=(*devices, *(d for d in facts.devices if d.ifname not in uuids)),
    )


def as_profile(step: AddProfile, steps: list[Step]) -> Profile:
    later = [s.settings for s in steps if isinstance(s, ModifyProfile) and s.uuid == step.uuid]
    settings = dict([*step.settings, *(pair for settings in later for pair in settings)])
    named = {"connection.interface-name": step.ifname, "connection.uuid": step.uuid}
    kind = {"ethernet": "802-3-ethernet"}.get(step.type, step.type)
    return Profile(
        uuid=step.uuid, name=step.name, type=kind, filename=f"/etc/{step.name}", device=step.ifname,
        settings=tuple((settings | named).items()),
    )  # fmt: skip
