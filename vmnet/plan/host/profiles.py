"""The profiles that host-setup wants, and the comparison of an existing profile with a wanted one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.names import profile_uuid
from vmnet.plan.host.layer3 import plain
from vmnet.spec.options import BRIDGE_OPTIONS

if TYPE_CHECKING:
    from collections.abc import Collection

    from vmnet.facts import Facts, Link, Profile
    from vmnet.names import Mac
    from vmnet.plan.host.layer3 import Layer3
    from vmnet.plan.steps import Settings
    from vmnet.spec import BondSpec, BridgeSpec, VlanSpec

PORT_PRIORITY = 100
"""autoconnect-priority of the NICs' port profiles: at boot they win over any older profile for the same NIC."""

MAC = "802-3-ethernet.cloned-mac-address"
"""NetworkManager's setting of a link's MAC."""

MTU = "802-3-ethernet.mtu"
"""NetworkManager's setting of a link's MTU."""

PULLS_PORTS = "connection.autoconnect-slaves"
"""Whether activating a controller activates its ports. At boot it must, or the bridge may come up empty; while it is
built it must not: the live NIC would be pulled in before the bridge has the address."""

STARTS: Settings = (("connection.autoconnect", "yes"),)
"""NetworkManager activates the profile by itself, most of all at boot."""
_CONTROLLER_BOOT: Settings = (*STARTS, (PULLS_PORTS, "1"))
_NM_TYPES = {"bridge": "bridge", "bond": "bond", "vlan": "vlan", "ethernet": "802-3-ethernet"}
_OF_BRIDGE = {option.setting: option for option in BRIDGE_OPTIONS.values()}
NO_ADDRESS: Settings = (("ipv4.method", "disabled"), ("ipv6.method", "disabled"))
"""Layer 3 of a bridge or bond on which the host has no address."""


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
    asked: BridgeSpec, nics: tuple[Link, ...], mac: Mac, layer3: Layer3, facts: Facts, *, created: Collection[str] = ()
) -> tuple[WantedProfile, ...]:
    """Return the profiles: the bridge's, the VLAN's and the bond's where they are wanted, and one for each NIC.

    A profile that is active on a link of the right name and type is changed in place, and keeps its UUID.

    Args:
        nics: those that become ports; none where the bridge stands on a VLAN of a bond that exists, or of a NIC.
        created: the names of those that are created and not changed in place: none gets the UUID of an active profile.
    """
    uuids = _Uuids(facts, created, asked.profiles)
    mtu = _mtu(layer3.mtu)
    # The MAC cannot be changed later without dropping taps.
    common = ((MAC, mac), *mtu)
    bridge = _bridge(asked, common, layer3, uuids)
    parent = asked.bond_name or asked.nics[0]
    vlan = (_vlan(asked.vlan, parent, bridge, mtu, uuids),) if asked.vlan else ()
    if asked.bond is None or not nics:
        return (bridge, *vlan, *(_port(nic, "bridge", bridge.uuid, mtu, uuids) for nic in nics))
    under = () if vlan else _under("bridge", bridge.uuid)
    mtu = _mtu(asked.bond.mtu or layer3.mtu)
    bond = WantedProfile(
        uuid=uuids.get("bond", asked.bond.ifname, under="" if vlan else "bridge"),
        ifname=asked.bond.ifname,
        type="bond",
        shape=(
            ("bond.options", bond_options(asked.bond)),
            *under,
            # NetworkManager fails to activate a bond whose MAC it cannot set.
            *(((MAC, mac),) if asked.bond.pinned else ()),
            *mtu,
        ),
        layer3=NO_ADDRESS if vlan else (),
        boot=_CONTROLLER_BOOT,
    )
    return (bridge, *vlan, bond, *(_port(nic, "bond", bond.uuid, mtu, uuids) for nic in nics))


def _mtu(mtu: int | None) -> Settings:
    return ((MTU, str(mtu)),) if mtu else ()


def _under(kind: str, controller: str) -> Settings:
    return (("connection.master", controller), ("connection.slave-type", kind))


def _bridge(asked: BridgeSpec, common: Settings, layer3: Layer3, uuids: _Uuids) -> WantedProfile:
    options = {"stp": "no"} | dict(asked.options)
    return WantedProfile(
        uuid=uuids.get("bridge", asked.ifname),
        ifname=asked.ifname,
        type="bridge",
        shape=(*((BRIDGE_OPTIONS[name].setting, value) for name, value in options.items()), *common),
        layer3=layer3.settings,
        boot=_CONTROLLER_BOOT,
    )


def _vlan(vlan: VlanSpec, parent: str, bridge: WantedProfile, mtu: Settings, uuids: _Uuids) -> WantedProfile:
    return WantedProfile(
        uuid=uuids.get("vlan", vlan.ifname, under="bridge"),
        ifname=vlan.ifname,
        type="vlan",
        shape=(("vlan.parent", parent), ("vlan.id", str(vlan.id)), *_under("bridge", bridge.uuid), *mtu),
        layer3=(),
        boot=STARTS,
    )


def bond_profile(bond: BondSpec, facts: Facts) -> WantedProfile:
    """Return what is wanted of the profile of a bond that exists, when another bridge is to stand on a VLAN of it."""
    uuid = _Uuids(facts, (), ()).get("bond", bond.ifname)
    options: Settings = (("bond.options", bond_options(bond)),)
    return WantedProfile(uuid=uuid, ifname=bond.ifname, type="bond", shape=options, layer3=(), boot=())


def bond_options(bond: BondSpec) -> str:
    """Return the bond's options as NetworkManager's bond.options takes them."""
    return ",".join(f"{key}={value}" for key, value in (("mode", bond.mode.value), *bond.options))


def _port(nic: Link, controller_type: str, controller: str, mtu: Settings, uuids: _Uuids) -> WantedProfile:
    priority = ("connection.autoconnect-priority", str(PORT_PRIORITY))
    return WantedProfile(
        uuid=uuids.get("ethernet", nic.ifname, under=controller_type),
        ifname=nic.ifname,
        type="ethernet",
        shape=(*_under(controller_type, controller), *mtu),
        layer3=(),
        boot=(*STARTS, priority),
    )


class _Uuids:
    """Chooses the UUIDs of the wanted profiles: each host has its own, the same each time. `known`: those that are to
    be used again, by ifname."""

    def __init__(self, facts: Facts, created: Collection[str], known: Settings) -> None:
        self._facts = facts
        self._created = created
        self._known = dict(known)

    def get(self, kind: str, ifname: str, *, under: str = "") -> str:
        active = self._facts.active_profile(ifname)
        if ifname not in self._created and active is not None and self._fits(active, ifname, kind, under):
            return active.uuid
        role = f"{'port' if kind == 'ethernet' else kind} {ifname}"
        first = self._known.get(ifname) or profile_uuid(self._facts.machine_id, role)
        taken = active is not None and active.uuid == first
        return profile_uuid(self._facts.machine_id, f"{role} again") if taken else first

    def _fits(self, active: Profile, ifname: str, kind: str, under: str) -> bool:
        device = self._facts.device(ifname)
        if active.type != _NM_TYPES[kind] or (device and device.external):
            return False
        return not under or active.get("connection.slave-type") == under


def differing(wanted: Settings, profile: Profile, facts: Facts) -> Settings:
    """Return the wanted settings that the profile does not have."""
    return tuple((key, value) for key, value in wanted if not _same(key, value, profile.get(key), facts))


def _same(key: str, wanted: str, seen: str, facts: Facts) -> bool:
    seen = plain(seen)
    if key == "bond.options":
        # NetworkManager may add options of its own; ours must be among them.
        return set(wanted.split(",")) <= set(seen.split(","))
    if key in _OF_BRIDGE:
        # nmcli shows most options of a bridge only where they differ from the default.
        return _OF_BRIDGE[key].stored(seen or _OF_BRIDGE[key].default) == wanted
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
