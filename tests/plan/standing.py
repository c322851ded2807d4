"""Hosts as host-setup leaves them, made from its own plan."""

from __future__ import annotations

from dataclasses import replace

from tests.plan.hosts import LAN_UUID, nic, routed_host
from vmnet.facts import Device, Facts, Profile
from vmnet.plan.host.setup import plan_host_setup
from vmnet.plan.steps import AddProfile, ModifyProfile, Plan, Step
from vmnet.spec import HostSpec


def as_set_up(spec: HostSpec) -> Facts:
    """The host after host-setup with bond0 and br0; its old profile is gone."""
    facts = routed_host()
    facts = after(plan_host_setup(spec, facts), facts)
    return replace(
        facts,
        profiles=tuple(p for p in facts.profiles if p.uuid != LAN_UUID),
        addresses=tuple(replace(a, ifname="br0") if a.ifname == "em1" else a for a in facts.addresses),
        routes=tuple(replace(r, ifname="br0") if r.ifname == "em1" else r for r in facts.routes),
    )


def after(plan: Plan, facts: Facts) -> Facts:
    """The host with the links and profiles that a plan makes."""
    wanted = plan.goals[0]
    planned = [p.step for p in plan.planned]
    profiles = [as_profile(s, planned) for s in planned if isinstance(s, AddProfile)]
    uuids = dict(wanted.profiles)
    over = dict.fromkeys(wanted.nics, wanted.bond_name or wanted.ifname) | {wanted.bond_name: wanted.ifname}
    devices = [Device(ifname=name, type="", state=100, profile=uuid) for name, uuid in uuids.items()]
    kinds = {wanted.ifname: "bridge", wanted.bond_name: "bond"}
    first = max(link.ifindex for link in facts.links) + 1
    made = [
        replace(nic(name, number), kind=kind, mac=wanted.mac, hardware=False, permanent_mac=None)
        for number, (name, kind) in enumerate(kinds.items(), first)
        if name is not None
    ]
    return replace(
        facts,
        links=tuple(replace(link, controller=over.get(link.ifname, link.controller)) for link in (*facts.links, *made)),
        devices=(*devices, *(d for d in facts.devices if d.ifname not in uuids)),
        profiles=(*facts.profiles, *profiles),
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
