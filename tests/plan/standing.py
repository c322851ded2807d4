"""Hosts as host-setup leaves them, made from its own plan."""

from __future__ import annotations

from dataclasses import replace

from tests.plan.hosts import LAN_UUID, nic, routed_host
from vmnet.facts import Device, Facts, Profile
from vmnet.plan.host_setup import plan_host_setup
from vmnet.plan.steps import AddProfile, ModifyProfile, Step
from vmnet.spec import HostSpec

MADE = (("br0", 10, "bridge"), ("bond0", 11, "bond"))


def as_set_up(spec: HostSpec) -> Facts:
    """The host after host-setup; its old profile is gone."""
    facts = routed_host()
    wanted = plan_host_setup(spec, facts).goal
    assert wanted is not None
    added = [p.step for p in plan_host_setup(spec, facts).planned]
    profiles = [as_profile(s, added) for s in added if isinstance(s, AddProfile)]
    uuids = dict(wanted.profiles)
    over = {"em1": "bond0", "em2": "bond0", "bond0": "br0"}
    devices = [Device(ifname=name, type="", state=100, profile=uuid) for name, uuid in uuids.items()]
    made = [replace(nic(name, number), kind=kind, mac=wanted.mac) for name, number, kind in MADE]
    links = [replace(link, controller=over.get(link.ifname)) for link in (*facts.links, *made)]
    return replace(
        facts,
        links=tuple(replace(x, hardware=not x.kind, permanent_mac=None if x.kind else x.mac) for x in links),
        devices=(*devices, *(d for d in facts.devices if d.ifname not in uuids)),
        profiles=(*(p for p in facts.profiles if p.uuid != LAN_UUID), *profiles),
        addresses=tuple(replace(a, ifname="br0") if a.ifname == "em1" else a for a in facts.addresses),
        routes=tuple(replace(r, ifname="br0") if r.ifname == "em1" else r for r in facts.routes),
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
