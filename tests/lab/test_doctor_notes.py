"""doctor's notes: what works, is odd, and explains itself; each is there for as long as the oddity is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .chain import Fault, diagnose, run_chain
from .domains import define, mac, nic, start
from .test_doctor_domains import LAN, NO_NETWORK_MANAGER, network, update

if TYPE_CHECKING:
    from .chamber import Chamber

pytestmark = pytest.mark.turns

# A guest that is let go on is one whose address nobody tells.
LEFT = Fault(rule="domain.left", subject="all", seen="behind NAT: nat", inject=None, also=frozenset({"domain.address"}))
NOTES = (
    Fault(
        rule="domain.one-lan", subject="off", seen="2 interfaces on br0",
        inject=f"virsh -q attach-interface off network host-bridge --mac {mac(8)} --model virtio --config",
        heal=f"virsh -q detach-interface off network --mac {mac(8)} --config",
    ),
    Fault(
        rule="domain.address", subject="all", seen="not known: web",
        inject="virsh -q start web", heal="virsh -q destroy web",
    ),
    Fault(
        rule="network.shared-bridge", subject="br0", seen="networks again, host-bridge",
        inject=network("again", "br0", "<forward mode='bridge'/>"), heal="virsh -q net-undefine again",
    ),
    Fault(rule="domain.state", subject="web", seen="paused", inject="virsh -q start web --paused"),
    Fault(
        rule="domain.direct", subject="all", seen="on a NIC directly (macvtap): own",
        inject=update("own", "s/type=.network./type='direct'/; s/<source .*/<source dev='br0' mode='bridge'\\/>/",
                      "--config") + "virsh -q start own",
        heal=f"virsh -q destroy own; vmnet attach-domain own --mac {mac(4)} --yes",
    ),
    Fault(
        rule="domain.mac-twice", subject=mac(3), seen="off, own have this MAC",
        inject=f"virsh -q attach-interface own network host-bridge --mac {mac(3)} --model virtio --config",
        heal=f"virsh -q detach-interface own network --mac {mac(3)} --config",
        also=frozenset({"domain.one-lan"}),
    ),
)  # fmt: skip


def test_what_is_odd_is_noted_until_it_is_put_right(chamber: Chamber) -> None:
    define(chamber, "web", nic(1, source=LAN))
    define(chamber, "nat", nic(2))
    define(chamber, "off", nic(3, source=LAN))
    define(chamber, "own", nic(4, source=LAN))
    try:
        run_chain(chamber, NOTES, given=(NO_NETWORK_MANAGER, LEFT), notes=True)
    finally:
        chamber.run("virsh -q net-undefine again", check=False)


def test_what_works_and_is_odd_is_noted(chamber: Chamber) -> None:
    define(chamber, "twice", nic(1, source=LAN), nic(2, source=LAN))
    define(chamber, "own", nic(3, source=""))
    start(chamber, "twice", "own", leases=False)
    chamber.vmnet("attach-domain", "own", "--index", "1", "--yes")
    chamber.run("virsh -q suspend own\n" + network("again", "br0", "<forward mode='bridge'/>"))
    try:
        assert [finding["rule"] for finding in diagnose(chamber)] == ["nm.running"]
        said = json.loads(chamber.vmnet("doctor", "--output", "json", check=False).stdout)["troubles"]
    finally:
        chamber.run("virsh -q net-undefine again")
    notes = {trouble["finding"]["rule"]: trouble["finding"] for trouble in said}
    assert notes.keys() >= {"network.shared-bridge", "domain.state", "domain.one-lan", "domain.address"}
    # QEMU's own network cannot be left while the domain runs.
    assert notes["domain.documents"]["seen"].endswith("from its next start network host-bridge")
    assert notes["domain.documents"]["hint"].startswith("power it off and on")
