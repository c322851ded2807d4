"""The settings of NetworkManager's profiles that hold no secret. All others are removed."""

from __future__ import annotations

import re

from vmnet.redact.words import REMOVED, is_secret_name

_IP = (
    "method addresses gateway dns dns-search dns-options dns-priority routes route-metric route-table routing-rules "
    "replace-local-rule ignore-auto-routes ignore-auto-dns dhcp-client-id dhcp-iaid dhcp-timeout dhcp-send-hostname "
    "dhcp-hostname dhcp-fqdn dhcp-hostname-flags never-default may-fail required-timeout dad-timeout link-local"
)
_HARMLESS = {
    "connection": "id uuid stable-id type interface-name autoconnect autoconnect-priority autoconnect-retries "
    "multi-connect auth-retries timestamp read-only zone master controller slave-type port-type autoconnect-slaves "
    "autoconnect-ports secondaries gateway-ping-timeout metered lldp mdns llmnr dns-over-tls mptcp-flags "
    "wait-device-timeout wait-activation-delay",
    "ipv4": _IP,
    "ipv6": f"{_IP} ip6-privacy addr-gen-mode ra-timeout mtu dhcp-duid",
    "802-3-ethernet": "port speed duplex auto-negotiate mac-address cloned-mac-address generate-mac-address-mask "
    "mac-address-blacklist mac-address-denylist mtu s390-subchannels s390-nettype wake-on-lan accept-all-mac-addresses",
    "bridge": "mac-address stp priority forward-delay hello-time max-age ageing-time group-forward-mask "
    "multicast-snooping vlan-filtering vlan-default-pvid vlan-protocol vlan-stats-enabled vlans group-address "
    "multicast-querier multicast-router",
    "bridge-port": "priority path-cost hairpin-mode vlans",
    "bond": "options",
    "bond-port": "queue-id prio",
    "vlan": "parent id flags protocol ingress-priority-map egress-priority-map",
    "802-11-wireless": "ssid mode band channel mtu hidden powersave mac-address cloned-mac-address",
    "match": "interface-name kernel-command-line driver path",
    "ethtool": "",
    "tun": "mode owner group pi vnet-hdr multi-queue",
    "macvlan": "parent mode promiscuous tap",
    "vxlan": "parent id local remote destination-port",
    "ovs-bridge": "fail-mode mcast-snooping-enable rstp-enable stp-enable datapath-type",
    "ovs-interface": "type",
    "ovs-port": "vlan-mode tag bond-mode lacp",
    "team-port": "queue-id prio sticky lacp-prio lacp-key",
}
_KEPT = frozenset(f"{setting}.{key}" for setting, keys in _HARMLESS.items() for key in keys.split())
_ALIASES = {"ethernet": "802-3-ethernet", "wifi": "802-11-wireless"}
_KEY = re.compile(r"\A[a-z0-9-]+\.(?!\d+\Z)[A-Za-z0-9_-]+\Z")
"""A VLAN's name, em1.5, is none."""


def is_setting(key: str) -> bool:
    """Return whether the text has the form of a setting's name: "ipv4.method"."""
    return _KEY.match(key) is not None


def setting_without_secrets(key: str, value: str) -> str:
    """Return the value of a profile's setting where it is known to be harmless."""
    setting, _, name = key.partition(".")
    known = f"{_ALIASES.get(setting, setting)}.{name}"
    features = setting == "ethtool" and not is_secret_name(name)
    # An empty value says that nothing is set.
    return value if not value or known in _KEPT or features else REMOVED
