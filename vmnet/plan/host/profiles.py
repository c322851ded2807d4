"""The profiles that host-setup wants, and the comparison of an existing profile with a wanted one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.names import profile_uuid
from vmnet.plan.host.layer3 import plain

if TYPE_CHECKING:
    from collections.abc import Collection

    from vmnet.facts import Facts, Link, Profile
    from vmnet.names import Mac
    from vmnet.plan.host.layer3 import Layer3
    from vmnet.plan.steps import Settings
    from vmnet.spec import HostSpec

PORT_PRIORITY = 100
"""autoconnect-priority of the NICs' port profiles: at boot they win over any older profile for the same NIC."""

PULLS_PORTS = "connection.autoconnect-slaves"
"""Whether activating a controller activates its ports. At boot it must, or the bridge may come up empty; while it is
built it must not: the live NIC would be pulled in before the bridge has the address."""

STARTS: Settings = (("connection.autoconnect", "yes"),)
"""NetworkManager activates the profile by itself, most of all at boot."""
_CONTROLLER_BOOT: Settings = (*STARTS, (PULLS_PORTS, "1"))
_NM_TYPES = {"bridge": "bridge", "bond": "bond", "ethernet": "802-3-ethernet"}


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedProfile:
    """A wanted profile: `type` as `nmcli connection add` takes it, `shape` its own settings, `layer3` the bridge's
    addresses (set late), `boot` what makes NetworkManager start it by itself."""

    uuid: str
    ifname: str
    type: str
    shape: Settings
    layer3: Settings
    boot: Settings

    @property
    def final(self) -> Settings:
        """All settings of the saved profile."""
        return (*self.shape, *self.layer3, *self.boot)


def wanted_profiles(
    spec: HostSpec, nics: tuple[Link, ...], mac: Mac, layer3: Layer3, facts: Facts, *, created: Collection[str]
) -> tuple[WantedProfile, ...]:
    """Return the bridge's profile, the bond's where one is wanted, and one for each NIC, in that order.

    A profile that is active on a link of the right name and type is changed in place, and keeps its UUID.

    Args:
        created: the names of those that are created and not changed in place: none gets the UUID of an active profile.
    """
    uuids = _Uuids(facts, created)
    mtu = (("802-3-ethernet.mtu", str(layer3.mtu)),) if layer3.mtu else ()
    # The MAC cannot be changed later without dropping taps.
    common = (("802-3-ethernet.cloned-mac-address", mac), *mtu)
    bridge = _bridge(spec, common, layer3, uuids)
    if spec.bond is None:
        return (bridge, _port(nics[0], "bridge", bridge.uuid, mtu, uuids))
    bond = WantedProfile(
        uuid=uuids.get("bond", spec.bond.ifname),
        ifname=spec.bond.ifname,
        type="bond",
        shape=(
            ("bond.options", bond_options(spec)),
            ("connection.master", bridge.uuid),
            ("connection.slave-type", "bridge"),
            *common,
        ),
        layer3=(),
        boot=_CONTROLLER_BOOT,
    )
    return (bridge, bond, *(_port(nic, "bond", bond.uuid, mtu, uuids) for nic in nics))


def _bridge(spec: HostSpec, common: Settings, layer3: Layer3, uuids: _Uuids) -> WantedProfile:
    snooping = spec.bridge.multicast_snooping
    return WantedProfile(
        uuid=uuids.get("bridge", spec.bridge.ifname),
        ifname=spec.bridge.ifname,
        type="bridge",
        shape=(
            ("bridge.stp", _yes(spec.bridge.stp)),
            *((("bridge.multicast-snooping", _yes(snooping)),) if snooping is not None else ()),
            *common,
        ),
        layer3=layer3.settings,
        boot=_CONTROLLER_BOOT,
    )


def bond_options(spec: HostSpec) -> str:
    """Return the bond's options as NetworkManager's bond.options takes them."""
    assert spec.bond is not None
    options = [f"mode={spec.bond.mode.value}", f"miimon={spec.bond.miimon_ms}"]
    if spec.bond.lacp_rate:
        options.append(f"lacp_rate={spec.bond.lacp_rate}")
    if spec.bond.xmit_hash_policy:
        options.append(f"xmit_hash_policy={spec.bond.xmit_hash_policy}")
    return ",".join(options)


def _port(nic: Link, controller_type: str, controller: str, mtu: Settings, uuids: _Uuids) -> WantedProfile:
    priority = ("connection.autoconnect-priority", str(PORT_PRIORITY))
    return WantedProfile(
        uuid=uuids.get("ethernet", nic.ifname, port_of=controller_type),
        ifname=nic.ifname,
        type="ethernet",
        shape=(("connection.master", controller), ("connection.slave-type", controller_type), *mtu),
        layer3=(),
        boot=(*STARTS, priority),
    )


class _Uuids:
    """Chooses the UUIDs of the wanted profiles: each host has its own, the same each time."""

    def __init__(self, facts: Facts, created: Collection[str]) -> None:
        self._facts = facts
        self._created = created

    def get(self, kind: str, ifname: str, *, port_of: str = "") -> str:
        active = self._facts.active_profile(ifname)
        if ifname not in self._created and active is not None and self._fits(active, ifname, kind, port_of):
            return active.uuid
        role = f"{'port' if port_of else kind} {ifname}"
        first = profile_uuid(self._facts.machine_id, role)
        taken = active is not None and active.uuid == first
        return profile_uuid(self._facts.machine_id, f"{role} again") if taken else first

    def _fits(self, active: Profile, ifname: str, kind: str, port_of: str) -> bool:
        device = self._facts.device(ifname)
        if active.type != _NM_TYPES[kind] or (device and device.external):
            return False
        over = port_of or ("bridge" if kind == "bond" else "")
        return not over or active.get("connection.slave-type") == over


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def differing(wanted: Settings, profile: Profile, facts: Facts) -> Settings:
    """Return the wanted settings that the profile does not have."""
    return tuple((key, value) for key, value in wanted if not _same(key, value, profile.get(key), facts))


def _same(key: str, wanted: str, seen: str, facts: Facts) -> bool:
    seen = plain(seen)
    if key == "bond.options":
        # NetworkManager may add options of its own; ours must be among them.
        return set(wanted.split(",")) <= set(seen.split(","))
    if key == "connection.master":
        # By uuid or by ifname: both name the same controller.
        profile = facts.profile(wanted)
        return seen in (wanted, profile.ifname if profile else wanted)
    if key.endswith((".addresses", ".dns", ".dns-search", ".routes")):
        return _items(wanted) == _items(seen)
    return wanted.lower() == seen.lower()


def _items(value: str) -> list[str]:
    return [item.strip().lower() for item in value.replace(";", ",").split(",") if item.strip()]


def stray_settings(profile: Profile, layer3: Settings) -> Settings:
    """Return resets for address settings that the bridge's profile has and the wanted layer 3 does not."""
    wanted = {key for key, _ in layer3}
    keys = ("addresses", "gateway", "dns", "routes", "dns-search")
    present = [f"{family}.{key}" for family in ("ipv4", "ipv6") for key in keys]
    return tuple((key, "") for key in present if key not in wanted and profile.get(key))


def is_default(profile: Profile) -> bool:
    """Return whether NetworkManager created the profile for a wired NIC that had none ("Wired connection 1")."""
    return profile.volatile and plain(profile.get("connection.autoconnect-priority")) == "-999"


def competes(profile: Profile, nics: tuple[Link, ...], names: tuple[str, ...]) -> str:
    """Return why the profile competes for a chosen NIC or a wanted name; "" when it does not.

    NetworkManager's own default profiles (in /run, priority -999) lose to any port profile and are not changed.
    """
    if is_default(profile):
        return ""
    if profile.ifname in names and profile.ifname not in {nic.ifname for nic in nics}:
        return f"it uses the name {profile.ifname}"
    if profile.type != "802-3-ethernet":
        return ""
    mac = profile.get("802-3-ethernet.mac-address").lower()
    for nic in nics:
        if profile.ifname == nic.ifname or (not profile.ifname and mac and mac == nic.permanent_mac):
            return f"it is for {nic.ifname}"
    return "it matches any wired NIC" if not profile.ifname and not mac else ""
