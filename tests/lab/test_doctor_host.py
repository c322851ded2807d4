"""Faults of the host, its boot, its bond and LACP, made for real: see `chain`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vmnet.names import profile_uuid

from .chain import Fault, act, expect, heal, run_chain
from .observe import observe

if TYPE_CHECKING:
    from .machine import Lab

pytestmark = pytest.mark.turns

KEYFILES = "/etc/NetworkManager/system-connections"
NM = "org.freedesktop.NetworkManager /org/freedesktop/NetworkManager org.freedesktop.NetworkManager"
BONDING = "/sys/class/net/bond0/bonding"
OUT_OF_GROUP = frozenset({"lacp.aggregator", "lacp.port", "lacp.same-partner"})
OUT_OF_BOND = OUT_OF_GROUP | {"nic.controller", "bond.ports", "profile.active", "nic.mac", "nic.link"}


def write(path: str, text: str) -> str:
    """A line of shell that writes a file, and the directories above it."""
    return f"mkdir -p $(dirname {path}); printf '{text}' > {path}\n"


def earlier_run(lab: Lab) -> None:
    """A profile as an earlier host-setup would have left it, for a bridge of another name."""
    uuid = profile_uuid(lab.run("cat /etc/machine-id").stdout.strip(), "bridge br7")
    none = "ipv4.method disabled ipv6.method disabled"
    lab.run(f"nmcli connection add type bridge con-name br7 ifname br7 {none} connection.uuid {uuid}")


# All of it works now; a reboot would show it.
BOOT = (
    Fault(rule="boot.manager", subject="host", inject="systemctl disable NetworkManager"),
    Fault(
        rule="boot.profile-file", subject="em1", seen="mode 0644",
        inject=f"chmod 644 {KEYFILES}/em1.nmconnection",
    ),
    Fault(rule="boot.profile-file", subject="p4p1", seen="missing", inject=f"rm {KEYFILES}/p4p1.nmconnection"),
    Fault(
        rule="boot.other-tool", subject="em1", seen="ifupdown",
        inject=write("/etc/network/interfaces", "source /etc/network/interfaces.d/*\\n")
        + write("/etc/network/interfaces.d/lan", "auto em1\\niface em1 inet dhcp\\n"),
    ),
    Fault(
        rule="boot.other-tool", subject="p4p1", seen="netplan: /etc/netplan/60-old.yaml",
        inject=write("/etc/netplan/60-old.yaml", "network:\\n  ethernets:\\n    p4p1:\\n      dhcp4: true\\n"),
    ),
    Fault(
        rule="boot.unmanaged", subject="em1", seen="/etc/NetworkManager/conf.d/zz.conf",
        inject=write("/etc/NetworkManager/conf.d/zz.conf", "[keyfile]\\nunmanaged-devices=interface-name:em1\\n"),
    ),
    Fault(
        rule="boot.cloud-init", seen="/etc/systemd/network/10-cloud-init-em1.network",
        inject=write("/run/cloud-init/enabled", "") + write("/etc/cloud/cloud.cfg.d/90-users.cfg", "users: []\\n")
        + write("/etc/systemd/network/10-cloud-init-em1.network", "[Match]\\nName=em7\\n[Network]\\nDHCP=yes\\n"),
    ),
    Fault(
        rule="boot.wait-online", subject="systemd-networkd-wait-online.service",
        inject=write(
            "/run/systemd/system/systemd-networkd-wait-online.service.d/soon.conf",
            "[Service]\\nExecStart=\\nExecStart=/usr/lib/systemd/systemd-networkd-wait-online -i em7 --timeout=2\\n",
        ) + "systemctl daemon-reload\n"
        "systemctl start systemd-networkd-wait-online || true; systemctl stop systemd-networkd.socket systemd-networkd",
    ),
    Fault(
        rule="profile.alone", subject="em1", seen="rival",
        inject="nmcli connection add type ethernet ifname em1 con-name rival",
    ),
    Fault(
        rule="profile.pulls-ports", subject="br0",
        inject="nmcli connection modify br0 connection.autoconnect-slaves 0",
    ),
    Fault(
        rule="profile.mac", subject="bond0", seen="no MAC",
        inject="nmcli connection modify bond0 802-3-ethernet.cloned-mac-address ''",
    ),
    Fault(
        rule="profile.saved", subject="p4p1", seen="no autoconnect",
        inject="nmcli connection modify p4p1 connection.autoconnect no",
    ),
    Fault(
        rule="profile.controller", subject="em1",
        inject="nmcli connection modify em1 connection.master '' connection.slave-type ''",
    ),
    Fault(
        rule="profile.mode", subject="bond0", seen="active-backup",
        inject="nmcli connection modify bond0 bond.options mode=active-backup,miimon=100",
    ),
    Fault(rule="profile.left-over", subject="br7", inject=earlier_run),
    Fault(rule="nm.checkpoint", seen="Checkpoint", inject=f"busctl call {NM} CheckpointCreate aouu 0 600 0"),
    Fault(
        rule="management.alone", subject="p2p1", seen="other",
        inject="nmcli connection add type ethernet ifname p2p1 con-name other ipv4.method auto",
    ),
    Fault(
        rule="management.unchanged", subject="p2p1", seen="addresses was 10.0.0.3/24 and is 10.0.0.3/24, 10.0.0.77/24",
        inject="ip address add 10.0.0.77/24 dev p2p1", heal="ip address delete 10.0.0.77/24 dev p2p1",
    ),
)  # fmt: skip

ADDRESS = Fault(rule="nic.address", subject="em1", inject="ip address add 198.51.100.9/24 dev em1")
LINKS = (
    Fault(
        rule="nic.link", subject="p4p1", seen="no carrier", also=OUT_OF_GROUP,
        inject=lambda lab: lab.cable("p4p1", on=False), heal=lambda lab: lab.cable("p4p1", on=True),
    ),
    ADDRESS,
    # Not before LACP has the port again.
    Fault(rule="bond.address", subject="bond0", inject="ip address add 198.51.100.8/24 dev bond0"),
    Fault(rule="bond.min-links", subject="bond0", seen="min_links 2", inject=f"echo 2 > {BONDING}/min_links"),
    Fault(rule="bond.miimon", subject="bond0", seen="never", inject=f"echo 0 > {BONDING}/miimon"),
    Fault(
        rule="lacp.same-speed", subject="bond0", seen="p4p1 100 Mbit/s", also=OUT_OF_GROUP,
        inject="ethtool -s p4p1 speed 100 duplex full", heal="ethtool -s p4p1 speed 1000 duplex full",
    ),
    Fault(
        rule="nic.wireless", subject="wlan0", also=frozenset({"bond.ports", "lacp.aggregator"}),
        inject="modprobe mac80211_hwsim radios=1; sleep 2; ip link set wlan0 down; ip link set wlan0 master bond0",
        heal="ip link set wlan0 nomaster; modprobe -r mac80211_hwsim",
    ),
    Fault(
        rule="nic.controller", subject="p4p1", seen="port of nothing", also=OUT_OF_BOND,
        inject="nmcli device disconnect p4p1",
    ),
    ADDRESS,
    Fault(
        rule="nic.direct", subject="p4p1", seen="in use by mv0", also=OUT_OF_BOND,
        inject="nmcli device disconnect p4p1; ip link add link p4p1 name mv0 type macvtap",
    ),
)  # fmt: skip


SWITCH = "/usr/local/lib/lab/switch"
LACP = (
    Fault(
        # The other end of one cable takes part no more; its carrier stays.
        rule="lacp.port", subject="p4p1", also=OUT_OF_GROUP, inject="ip -n switch link set sw2 down nomaster; "
        "ip -n switch link set sw2 up", heal=f"{SWITCH} individual; {SWITCH} lag",
    ),
    Fault(
        rule="lacp.same-partner", subject="bond0", seen="in key 521 of 52:54:00:bb:00:ff", also=OUT_OF_GROUP,
        # A port takes its key when it joins.
        inject=f"{SWITCH} individual; ip -n switch link set two down; ip -n switch link set sw2 down nomaster\n"
        "ip -n switch link set two type bond ad_user_port_key 8; ip -n switch link set sw2 master two\n"
        "ip -n switch link set two up",
        heal=f"{SWITCH} lag",
    ),
    Fault(
        rule="lacp.partner", subject="bond0", seen="no partner", also=OUT_OF_GROUP, inject=f"{SWITCH} silent",
        heal=f"{SWITCH} lag",
    ),
)  # fmt: skip
# balance-rr on a plain switch brings the bridge's own frames back to it.
OTHER_MODE = OUT_OF_GROUP | {"bond.mode", "profile.mode", "lacp.partner", "bond.miimon", "bridge.loop"}
MODES = (
    Fault(
        rule="bond.unfit-mode", subject="bond0", seen="mode balance-rr", also=OTHER_MODE,
        inject=f"{SWITCH} plain; nmcli connection modify bond0 bond.options mode=balance-rr,miimon=100\n"
        "nmcli connection up bond0",
    ),
    Fault(
        rule="bond.arp-monitor", subject="bond0", seen="ARP every 1000 ms", also=OTHER_MODE,
        inject="nmcli connection modify bond0 bond.options "
        "mode=active-backup,arp_interval=1000,arp_ip_target=172.16.4.1; nmcli connection up bond0",
    ),
)  # fmt: skip
LEFT_SO = Fault(rule="bond.mode", subject="bond0", seen="active-backup", inject="", also=OTHER_MODE)
SAID_OF_IT = Fault(
    rule="bond.quiet-failover", subject="bond0", seen="active-backup over em1", inject="",
    heal=f"nmcli connection modify bond0 bond.options mode=802.3ad,miimon=100; {SWITCH} lag\n"
    "nmcli connection up bond0; sleep 5; dmesg --clear",
)  # fmt: skip


NO_WAY_OUT = frozenset({"route.default", "route.profile"})
LAYERS = (
    Fault(
        rule="bridge.link", subject="br0", seen="down", also=NO_WAY_OUT | {"bridge.uplinks", "bridge.listed"},
        inject="ip link set br0 down",
    ),
    Fault(
        rule="dns.resolv_conf", subject="host", seen="192.0.2.1",
        inject="echo nameserver 192.0.2.1 > /etc/resolv.conf", heal="systemctl reload NetworkManager",
    ),
    Fault(
        rule="address.kernel", subject="br0", seen="none", also=NO_WAY_OUT,
        inject="ip address delete 172.16.4.3/24 dev br0",
    ),
    Fault(rule="bridge.mtu-differs", subject="em1", seen="MTU 1400", inject="ip link set em1 mtu 1400"),
    Fault(rule="route.default", subject="default", seen="no default route", inject="ip route delete default"),
    Fault(
        rule="link.team", subject="team0", seen="a team under br0", also=frozenset({"bridge.uplinks"}),
        inject="modprobe team; ip link add team0 type team; ip link set team0 master br0", heal="ip link delete team0",
    ),
    Fault(
        rule="bridge.uplinks", subject="br0", seen="stray0",
        inject="ip link add stray0 type dummy; ip link set stray0 up master br0",
    ),
    Fault(
        rule="bond.ports", subject="bond0", seen="em1", also=OUT_OF_BOND, inject="nmcli device disconnect p4p1",
        heal="nmcli connection up p4p1",
    ),
)  # fmt: skip

ON_THE_HOST = (
    # The lab's host is a machine in QEMU; its domains are on the NAT network, and stand still.
    Fault(rule="domain.state", seen="paused", inject=None),
    Fault(rule="nic.one-mac", inject=None),
    Fault(rule="domain.left", inject=None),
)
NOTES = (
    Fault(
        rule="profile.names", subject="em1", seen="2 profiles",
        inject="nmcli connection add type ethernet con-name em1 ifname em9 autoconnect no connection.uuid "
        "0d2b1c5e-7a55-4a65-9c1e-6a0e1c8f0a11",
        heal="nmcli connection modify uuid 0d2b1c5e-7a55-4a65-9c1e-6a0e1c8f0a11 connection.id other",
    ),
)  # fmt: skip
CUT_OFF = Fault(
    rule="run.unfinished", seen="exists", also=frozenset({"nm.checkpoint", "nic.mtu", "bond.mtu", "bridge.mtu"}),
    inject="setsid vmnet host-setup --mtu 1400 --confirm 600 --yes >/root/cut-off 2>&1 </dev/null & "
    "until grep -qs '\"wait\"' /var/lib/vmnet/runs/*/journal.jsonl; do sleep 0.2; done; sleep 2; "
    "systemctl kill -s KILL 'vmnet-*'; systemctl stop 'vmnet-*'",
)  # fmt: skip


@pytest.mark.lab_state("bridged", guests=False)
def test_addresses_routes_and_strange_ports(lab: Lab) -> None:
    run_chain(lab, LAYERS)
    run_chain(lab, NOTES, given=ON_THE_HOST, notes=True)


@pytest.mark.lab_state("bridged", guests=False)
def test_a_run_that_was_cut_off(lab: Lab) -> None:
    before = observe(lab)
    act(lab, CUT_OFF.inject)
    heal(lab, CUT_OFF, expect(lab, (CUT_OFF,)))
    expect(lab, (), patience_s=120)
    assert observe(lab) == before


@pytest.mark.lab_state("bridged", guests=False)
def test_lacp_that_the_switch_breaks(lab: Lab) -> None:
    # A partner that has fallen silent is given up after three of its intervals: of 1 s instead of 30 s.
    lab.run("nmcli connection modify bond0 +bond.options lacp_rate=fast && nmcli connection up bond0")
    expect(lab, ())
    for fault in LACP:
        act(lab, fault.inject)
        heal(lab, fault, expect(lab, [fault]))
        expect(lab, ())


@pytest.mark.lab_state("bridged", guests=False)
def test_bonds_that_do_not_go_with_guests(lab: Lab) -> None:
    for fault in MODES:
        act(lab, fault.inject)
        found = expect(lab, [fault])
    heal(lab, MODES[-1], found)
    heal(lab, SAID_OF_IT, expect(lab, [LEFT_SO, SAID_OF_IT, *ON_THE_HOST], notes=True))
    expect(lab, ON_THE_HOST, notes=True, patience_s=150)


@pytest.mark.lab_state("bridged", guests=False)
def test_what_only_a_reboot_would_show(lab: Lab) -> None:
    run_chain(lab, BOOT)


@pytest.mark.lab_state("bridged", guests=False)
def test_links_ports_and_the_bond(lab: Lab) -> None:
    run_chain(lab, LINKS)
