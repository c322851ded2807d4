"""doctor on faults of networks and domains, made for real: it names them, and what it prints cures them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest

from .chain import Fault, expect, heal, run_chain
from .domains import define, mac, nic, start

if TYPE_CHECKING:
    from .chamber import Chamber
    from .machine import Lab

pytestmark = pytest.mark.turns

NO_NETWORK_MANAGER = Fault(rule="nm.running", inject=None)
"""The chamber has none, which doctor says each time."""

LAN = "network='host-bridge'"


def on(number: int, name: str) -> str:
    """How a finding names an interface."""
    return f"{name} {mac(number)}"


def network(name: str, bridge: str, *more: str) -> str:
    """Shell that defines a network on a bridge."""
    xml = f"<network><name>{name}</name>{''.join(more)}<bridge name='{bridge}'/></network>"
    return f'echo "{xml}" | virsh -q net-define /dev/stdin\n'


def update(domain: str, script: str, *options: str) -> str:
    """Shell that changes a domain's only interface by a script of sed's."""
    return (
        f"virsh dumpxml --inactive --domain {domain} --xpath //interface | sed {shlex.quote(script)} "
        f"| virsh -q update-device --domain {domain} --file /dev/stdin {' '.join(options)}\n"
    )


def tap(domain: str, *words: str) -> str:
    """Shell that changes the tap of a domain's only interface."""
    return f"ip link set $(virsh domiflist {domain} | grep -o 'vnet[0-9]*') {' '.join(words)}"


DISK = (
    "<disk type='file'><driver name='qemu' type='qcow2'/><source file='/tmp/shot.qcow2'/>"
    "<target dev='vda' bus='virtio'/></disk>"
)
TO_DEFAULT = "s/<source .*/<source network='default'\\/>/"

NETWORKS = (
    Fault(
        rule="network.no-bridge",
        subject="lab",
        inject="ip link add br7 address 52:54:00:bb:00:70 type bridge\n"
        + network("lab", "br7", "<forward mode='bridge'/>")
        + "virsh -q net-start lab; virsh -q net-autostart lab\n",
        seen="br7: down",
    ),
    Fault(
        rule="network.not-at-boot",
        subject="default",
        inject="virsh -q autostart nat; virsh -q net-autostart --disable default",
        seen="not autostarted; on it: nat",
    ),
    Fault(
        rule="network.inactive",
        subject="lab",
        inject=update("off", "s/<source .*/<source network='lab'\\/>/", "--config") + "virsh -q net-destroy lab",
        seen="on it: off",
    ),
    Fault(
        rule="network.bridge-taken",
        subject="taken",
        inject="ip link add br8 address 52:54:00:bb:00:80 type bridge\n"
        + network("taken", "br8", "<forward mode='nat'/><ip address='192.168.77.1' netmask='255.255.255.0'/>")
        + "virsh -q net-autostart taken",
        seen="on br8",
    ),
    Fault(
        rule="network.state",
        subject="host-bridge",
        inject="virsh -q net-autostart --disable host-bridge",
        seen="not autostarted",
    ),
    Fault(
        rule="network.no-bridge",
        subject="lab",
        inject="ip link del br7",
        seen="br7: missing",
        heal="ip link add br7 address 52:54:00:bb:00:70 type bridge; ip link set br7 up",
    ),
    Fault(
        rule="network.still-named",
        subject="gone",
        inject=network("gone", "virbr5", "<forward mode='nat'/><ip address='192.168.125.1' netmask='255.255.255.0'/>")
        + "mkdir -p /etc/libvirt/hooks; echo 'iptables -t nat -A PREROUTING -j DNAT --to 192.168.125.7'"
        " >/etc/libvirt/hooks/qemu.new",
        seen="/etc/libvirt/hooks/qemu.new, line 1: iptables",
        heal="rm /etc/libvirt/hooks/qemu.new; virsh -q net-undefine gone",
    ),
)

DOMAINS = (
    Fault(rule="domain.tap", subject=on(1, "web"), inject=tap("web", "nomaster"), seen="in no bridge"),
    Fault(rule="domain.tap", subject=on(2, "nat"), inject=tap("nat", "nomaster"), seen="in no bridge"),
    Fault(rule="domain.tap-down", subject=on(1, "web"), inject=tap("web", "down"), seen="down"),
    Fault(
        rule="domain.link-down",
        subject=on(2, "nat"),
        inject=f"virsh -q domif-setlink nat {mac(2)} down",
        seen="link down in the running document",
    ),
    Fault(
        rule="domain.network-missing",
        subject=on(3, "off"),
        inject=update("off", "s/<source .*/<source network='br0'\\/>/", "--config"),
        seen="no network br0",
    ),
    Fault(
        rule="domain.source-bridge",
        subject=on(4, "other"),
        inject=update(
            "other", "s/<source .*/<source bridge='uplink'\\/>/; s/type=.network./type='bridge'/", "--config"
        ),
        seen="uplink: no bridge",
    ),
    Fault(
        rule="domain.documents",
        subject=on(1, "web"),
        inject=update("web", TO_DEFAULT, "--config"),
        seen="running network host-bridge, persistent network default",
    ),
    Fault(
        rule="domain.snapshot",
        subject=on(3, "off"),
        inject=update("off", TO_DEFAULT, "--config")
        + "virsh -q snapshot-create-as off before-move\n"
        + update("off", "s/<source .*/<source network='host-bridge'\\/>/", "--config"),
        seen="snapshot before-move: network default",
    ),
    Fault(
        rule="domain.saved",
        subject=on(5, "saved"),
        inject="virsh -q start saved; virsh -q managedsave saved\n"
        + update("saved", "s/<source .*/<source network='host-bridge'\\/>/", "--config"),
        seen="managed save network default, persistent network host-bridge",
    ),
    Fault(
        rule="filter.missing",
        subject=on(3, "off"),
        inject=update("off", "s/<model /<filterref filter='nobodys'\\/>&/", "--config"),
        seen="no such filter",
    ),
    Fault(
        rule="domain.tap",
        subject=on(2, "nat"),
        inject="virsh -q net-destroy default",
        seen="in no bridge",
        also=frozenset({"network.inactive"}),
    ),
    Fault(
        rule="domain.session-bridge",
        subject="ann: play",
        inject="useradd -m ann; d=/home/ann/.config/libvirt/qemu; mkdir -p $d\n"
        "virsh dumpxml off | sed \"s/<source network=.*/<source bridge='br0'\\/>/; s/interface type='network'/"
        "interface type='bridge'/\" >$d/play.xml; chown -R ann: /home/ann/.config",
        seen="no line 'allow br0' in /etc/qemu/bridge.conf",
    ),
)


def test_faults_of_networks(chamber: Chamber) -> None:
    define(chamber, "nat", nic(2))
    define(chamber, "off", nic(3, source=LAN))
    try:
        run_chain(chamber, NETWORKS, given=(NO_NETWORK_MANAGER,))
    finally:
        names = "lab taken gone"
        chamber.run(f"for n in {names}; do virsh -q net-destroy $n; virsh -q net-undefine $n; done", check=False)
        chamber.run("ip link del br7; ip link del br8; rm -f /etc/libvirt/hooks/qemu.new", check=False)


def test_faults_of_domains(chamber: Chamber) -> None:
    for number, name, source in ((1, "web", LAN), (2, "nat", ""), (3, "off", LAN), (4, "other", LAN), (5, "saved", "")):
        define(chamber, name, nic(number, source=source or "network='default'"), more=DISK if name == "off" else "")
    chamber.run("qemu-img create -q -f qcow2 /tmp/shot.qcow2 64M")
    start(chamber, "web", "nat", leases=False)
    try:
        run_chain(chamber, DOMAINS, given=(NO_NETWORK_MANAGER,))
    finally:
        chamber.run("userdel -r ann; rm -rf /etc/qemu; chmod u-s /usr/lib/qemu/qemu-bridge-helper", check=False)


def filtered(number: int, address: str = "") -> str:
    """An interface on default with a filter that knows the guest's address, or is to learn it."""
    parameter = f"<parameter name='IP' value='{address}'/>" if address else ""
    return nic(number, f"<filterref filter='clean-traffic'>{parameter}</filterref>")


def test_filters_that_hold_to_the_old_address(chamber: Chamber) -> None:
    define(chamber, "learns", filtered(1))
    define(chamber, "told", filtered(2, "192.168.122.77"))
    start(chamber, "learns")
    start(chamber, "told", leases=False)
    to_lan = "s/<source .*/<source network='host-bridge'\\/>/"
    faults = (
        Fault(
            rule="filter.old-address",
            subject=on(1, "learns"),
            inject=update("learns", to_lan, "--live", "--config"),
            seen="allows only 192.168.122.",
        ),
        Fault(
            rule="filter.old-address",
            subject=on(2, "told"),
            inject=update("told", to_lan, "--live", "--config"),
            seen="allows only 192.168.122.77",
        ),
    )
    run_chain(chamber, faults, given=(NO_NETWORK_MANAGER,))


@pytest.mark.lab_state("bridged", guests=False)
def test_what_libvirt_could_not_start_at_boot(lab: Lab) -> None:
    routed = "<forward mode='nat'/><ip address='192.168.126.1' netmask='255.255.255.0'/>"
    expect(lab, ())
    lab.run(
        network("late", "virbr6", routed)
        + update("old01", "s/<source .*/<source network='late'\\/>/", "--config")
        # libvirt takes its start for the first one since boot.
        + "virsh -q autostart old01; rm /run/libvirt/qemu/autostarted; systemctl restart libvirtd"
    )
    failed = Fault(rule="boot.guest-not-started", subject="old01", inject="", seen="late")
    off = Fault(rule="network.inactive", subject="late", inject="", seen="on it: old01")
    by_hand = Fault(rule="network.not-at-boot", subject="late", inject="", seen="not autostarted")
    heal(lab, off, expect(lab, (failed, off)))
    heal(lab, by_hand, expect(lab, (failed, by_hand)))
    heal(lab, failed, expect(lab, (failed,)))
    expect(lab, ())
    assert "network-online.target" in lab.run("systemctl show -p After libvirtd").stdout
    assert "running" in lab.run("virsh domstate old01").stdout
