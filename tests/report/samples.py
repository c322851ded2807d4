"""One plan with every kind of step, and what the other reports are made from; documentation addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address, ip_interface, ip_network

from tests import facts_samples as facts
from vmnet.checks.diagnostics import diagnose
from vmnet.checks.path import walk
from vmnet.checks.path_below import Path
from vmnet.facts import Probe, ProbeKind, Route, Source
from vmnet.names import Mac
from vmnet.plan import steps
from vmnet.plan.steps import MovedInterface, Plan, Planned
from vmnet.runs.progress import RunResult
from vmnet.runs.records.history import RunRecord, RunStep, StepState
from vmnet.runs.records.journal import RunState

BRIDGE_UUID = facts.UUIDS["br0"]
OLD_UUID = "00000000-0000-4000-8000-0000000000aa"
WEB = "00000000-0000-4000-8000-000000000201"
PCI = "0000:00:03.0"
DEFAULT = Source(type="network", network="default")
HOST_BRIDGE = Source(type="network", network="host-bridge")
BEFORE = f"""<interface type="network">
  <mac address="{facts.WEB_MAC}"/>
  <source network="default"/>
  <model type="virtio"/>
</interface>"""
AFTER = BEFORE.replace("default", "host-bridge")
NETWORK = """<network>
  <name>host-bridge</name>
  <forward mode='bridge'/>
  <bridge name='br0'/>
</network>
"""
LINK = steps.BouncedLink(domain="web01", domain_uuid=WEB, mac=facts.WEB_MAC, address=PCI)
ASKED = replace(LINK, domain="db01", mac=facts.DB_MAC, agent=True)


def add_bridge() -> Planned:
    """Add the bridge's profile; the undo deletes it."""
    add = steps.AddProfile(uuid=BRIDGE_UUID, name="br0", type="bridge", ifname="br0", settings=(("bridge.stp", "no"),))
    undo = steps.DeleteProfile(uuid=BRIDGE_UUID, name="br0")
    return Planned(step=add, why="profile for br0, in memory: a reboot forgets it", undo=(undo,))


def move(scope: str) -> steps.MoveInterface:
    """Move web01's interface in one of its documents."""
    return steps.MoveInterface(
        domain="web01", domain_uuid=WEB, scope=scope, mac=facts.WEB_MAC, address=PCI, was=DEFAULT,
        wanted=HOST_BRIDGE, document=BEFORE,
    )  # fmt: skip


SOURCE = ip_address("192.0.2.3")
ROUTES = (
    Route(destination=ip_network("192.0.2.0/24"), gateway=None, ifname="br0", metric=98, source=SOURCE),
    Route(destination=None, gateway=ip_address("192.0.2.1"), ifname="br0", metric=98, source=SOURCE),
)
HOST_STEPS: tuple[steps.Step, ...] = (
    steps.OpenCheckpoint(timeout_s=60),
    steps.ActivateProfile(uuid=facts.UUIDS["em1"], name="em1", ifname="em1"),
    steps.SetLink(ifname="bond0", up=True),
    steps.WaitLacp(bond="bond0", ports=("em1", "p4p1"), timeout_s=40),
    steps.WaitCarrier(ifname="br0", timeout_s=20),
    steps.ModifyProfile(
        uuid=BRIDGE_UUID, name="br0", settings=(("ipv4.addresses", "192.0.2.3/24"), ("ipv4.dns", "")), save=False
    ),
    steps.AddRoutes(routes=ROUTES),
    steps.DisconnectDevice(ifname="p4p1"),
    steps.KeepMac(ifnames=("br0", "bond0"), mac=Mac("00:00:5e:00:53:01")),
    steps.ReapplyDevice(ifname="br0"),
    steps.RemoveRoutes(routes=ROUTES),
    steps.WaitAddress(ifname="br0", addresses=(ip_interface("192.0.2.3/24"),), timeout_s=15),
    steps.WaitAddress(ifname="br0", addresses=(), timeout_s=60, leased=True),
    steps.ReapplyDevice(ifname="br0", lease_s=60),
    steps.WaitPorts(controller="bond0", ports=("em1", "p4p1"), timeout_s=30),
    steps.WaitNeighbour(ifname="br0", address=ip_address("192.0.2.1"), timeout_s=30),
    steps.WaitAnswer(probe=Probe(kind=ProbeKind.DNS, target="192.0.2.53"), timeout_s=30),
    steps.WaitAnswer(probe=Probe(kind=ProbeKind.COMMAND, target="curl -sf 'https://a b'"), timeout_s=30),
    steps.WaitConfirmation(timeout_s=120),
    steps.PutPort(ifname="vnet0", controller="br0"),
    steps.PutPort(ifname="vnet0", controller=None),
    steps.SetMtu(ifname="br0", mtu=1500),
    steps.SetOption(ifname="bond0", option="min_links", file="bonding/min_links", value="1"),
    steps.ProveUntouched(ifname="p2p1", proof=(("MTU", "1500"),), profile=facts.UUIDS["p2p1"]),
    steps.ModifyProfile(uuid=OLD_UUID, name="it's old", settings=(("connection.autoconnect", "no"),), save=True),
    steps.DeactivateProfile(uuid=OLD_UUID, name="it's old"),
    steps.CommitCheckpoint(),
)
UNDO_STEPS: tuple[steps.Step, ...] = (
    steps.LetSettle(seconds=2),
    steps.LeaveLast(bond="bond0", ifname="em1", others=(("em2", OLD_UUID),), seconds=2),
    steps.RollBackCheckpoint(),
    steps.RestoreProfile(uuid=OLD_UUID, name="it's old", filename="/etc/NetworkManager/system-connections/it's old"),
    steps.DeleteProfile(uuid=BRIDGE_UUID, name="br0"),
    steps.StopNetwork(name="host-bridge"),
    steps.UndefineNetwork(name="host-bridge"),
    steps.SetNetworkAutostart(name="default", autostart=True),
    steps.RemoveInterface(domain="db01", domain_uuid=WEB, mac=facts.DB_MAC, scopes=("persistent", "running")),
    steps.RaiseLinks(links=(LINK,)),
)
LIBVIRT_STEPS: tuple[steps.Step, ...] = (
    steps.DefineNetwork(name="host-bridge", document=NETWORK),
    steps.DefineNetwork(name="host-bridge", document=NETWORK, was=NETWORK.replace("br0", "br7")),
    steps.StartNetwork(name="host-bridge", restart=True),
    steps.SetNetworkAutostart(name="default", autostart=False),
    move("persistent"),
    move("running"),
    steps.RewriteSavedState(
        domain="42", domain_uuid=WEB, snapshot=None, macs=(facts.WEB_MAC,), was=DEFAULT, wanted=HOST_BRIDGE
    ),
    steps.RewriteSavedState(
        domain="-odd", domain_uuid=WEB, snapshot="before upgrade", macs=(facts.WEB_MAC,), was=DEFAULT,
        wanted=Source(type="bridge", bridge="br0"),
    ),
    steps.AddInterface(
        domain="db01", domain_uuid=WEB, mac=facts.DB_MAC, document=AFTER, scopes=("persistent", "running")
    ),
    steps.LearnAgain(domain="web01", domain_uuid=WEB, mac=facts.WEB_MAC, address=PCI, document=BEFORE),
    steps.BounceLinks(links=(LINK,), seconds=8),
    steps.BounceLinks(links=(LINK, ASKED), seconds=8),
    steps.BounceLinks(links=(ASKED,), seconds=0),
    replace(move("running"), replug=True),
    steps.WaitGuests(
        guests=(steps.Guest(domain="web01", domain_uuid=WEB, mac=facts.WEB_MAC, tap="vnet0", old=("203.0.113.11",)),),
        bridge="br0", timeout_s=60, renews=True,
    ),
    steps.Pause(seconds=30),
    steps.ProveUnused(network="default", bridge="virbr0"),
)  # fmt: skip

ROWS = (
    MovedInterface(
        domain="web01", state="running", mac=facts.WEB_MAC, was="network default", wanted="network host-bridge",
        scopes=("running", "persistent"), address_now="203.0.113.11/24 (lease)", remark="link down for 8 s",
    ),
    MovedInterface(
        domain="db01", state="shut off", mac=facts.DB_MAC, was="bridge virbr0", wanted="network host-bridge",
        scopes=("persistent",),
    ),
)  # fmt: skip
ROWS_AFTER = (
    MovedInterface(
        domain="web01", state="running", mac=facts.WEB_MAC, was="network default", wanted="network host-bridge",
        address_now="192.0.2.11/24 (neighbour)",
    ),
    MovedInterface(
        domain="db01", state="shut off", mac=facts.DB_MAC, was="bridge virbr0", wanted="network host-bridge",
        remark="static address 203.0.113.12: change it in the guest",
    ),
)  # fmt: skip


def plan() -> Plan:
    """A plan with every kind of step."""
    whys = (Planned(step=step, why="because") for step in (*HOST_STEPS, *LIBVIRT_STEPS))
    undo = Planned(step=steps.ReapplyDevice(ifname="em1"), why="", undo=UNDO_STEPS)
    return Plan(
        command="host-setup",
        planned=(add_bridge(), *whys, undo),
        kept=("network host-bridge is autostarted",),
        warnings=("p4p1 has no carrier now",),
        choices=("em1: named", "p2p1: left alone, the management link (198.51.100.3/24)"),
        rows=ROWS,
    )


def small_plan() -> Plan:
    """A plan of two steps, for the JSON forms."""
    return Plan(
        command="attach-domain",
        planned=(add_bridge(), Planned(step=move("persistent"), why="the stored definition")),
        rows=ROWS[:1],
    )


def result() -> RunResult:
    """A finished run of `small_plan`."""
    directory = "/var/lib/vmnet/runs/20260102T030405Z"
    return RunResult(
        run="20260102T030405Z", directory=directory, plan=small_plan(), done=2, rows=ROWS_AFTER,
        passed_over=("web09 has no interface 00:00:5e:00:53:77 any more (persistent)",),
    )  # fmt: skip


def run_record() -> RunRecord:
    """A run that failed in its second step and was taken back."""
    plan = small_plan()
    ends = ((StepState.TAKEN_BACK, ""), (StepState.FAILED, "no carrier"))
    found = tuple(
        RunStep(planned=planned, state=state, text=text)
        for planned, (state, text) in zip(plan.planned, ends, strict=False)
    )
    return RunRecord(
        run="20260102T030405Z-host-setup",
        command="host-setup",
        state=RunState.ROLLED_BACK,
        began="2026-01-02T03:04:05Z",
        ended="2026-01-02T03:04:25Z",
        done=1,
        text="no carrier",
        undoes=None,
        directory="/var/lib/vmnet/runs/20260102T030405Z-host-setup",
        steps=found,
    )


def run_records() -> tuple[RunRecord, ...]:
    """That run, one that stands, and one whose text tries to steer the terminal."""
    failed = run_record()
    stands = replace(failed, run="20260102T040506Z-host-setup", state=RunState.STANDS, done=2, text="")
    undone = replace(failed, run="20260102T050607Z-attach-domain", state=RunState.UNDONE, text="by \x1b[31mred")
    return (failed, stands, undone)


def paths() -> tuple[Path, ...]:
    """The way of web01, whose tap fell out of the bridge."""
    spoilt = facts.with_link(facts.end_state(), "vnet0", controller=None)
    domain = next(domain for domain in spoilt.domains if domain.name == "web01")
    return walk(domain, spoilt, diagnose(facts.goal(), spoilt))
