"""A bond and bridge that exist already: find what differs, and change only that, without dropping a port."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from vmnet.errors import Refused
from vmnet.plan import steps
from vmnet.plan.host.layer3 import controllers_of
from vmnet.plan.host.profiles import MTU, differing, stray_settings
from vmnet.plan.risks.accept import listed
from vmnet.plan.steps import Planned
from vmnet.shell_words import command, root
from vmnet.spec.options import BOND_OPTIONS, BRIDGE_OPTIONS, parse_bond_options

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vmnet.facts import Facts, Link, Profile
    from vmnet.plan.host.build import Build
    from vmnet.plan.host.layer3 import Layer3
    from vmnet.plan.host.profiles import WantedProfile
    from vmnet.spec import Options
    from vmnet.spec.options import Option

# `nmcli device reapply` refuses these: they need the link created again, which drops every guest's tap.
_FIXED = ("802-3-ethernet.cloned-mac-address", "connection.master", "connection.slave-type")


def missing_of(
    wanted: Sequence[WantedProfile], ports: Sequence[str], holder: str | None, facts: Facts
) -> tuple[str, ...] | None:
    """Return the ports that are still to join the existing bridge and bond; None where those do not exist.

    What exists has its profile active, and is under its controller in the kernel. If a port is missing, no other link
    has the address (`holder`), which would have to move otherwise.
    """
    by_uuid = {profile.uuid: profile.ifname for profile in wanted}
    missing = tuple(profile.ifname for profile in wanted if not _exists(profile, by_uuid, facts))
    controllers = {profile.ifname for profile in wanted if profile.ifname not in ports}
    if controllers & set(missing) or (missing and holder not in (None, wanted[0].ifname)):
        return None
    return missing


def _exists(profile: WantedProfile, by_uuid: dict[str, str], facts: Facts) -> bool:
    link, device = facts.link(profile.ifname), facts.device(profile.ifname)
    if link is None or device is None or device.profile != profile.uuid:
        return False
    controller = dict(profile.shape).get("connection.master")
    return controller is None or link.controller == by_uuid[controller]


def mend_stack(wanted: Sequence[WantedProfile], layer3: Layer3 | None, facts: Facts) -> tuple[list[Planned], list[str]]:
    """Return the steps that change the existing profiles as requested, and a line for each that needs no change.

    Raises:
        Refused: something differs that cannot be changed on a running bond or bridge.
    """
    planned: list[Planned] = []
    kept: list[str] = []
    for want in wanted:
        profile = facts.profile(want.uuid)
        assert profile is not None
        changes = differing(want.final, profile, facts)
        if want.layer3:
            changes = (*changes, *stray_settings(profile, want.layer3))
        drifted = _drifted_options(want, facts)
        _check_options(want, changes, drifted, profile, facts)
        _check_changeable(want, changes, profile)
        if not changes and not drifted and not profile.volatile:
            kept.append(f"{want.type} {want.ifname}: profile {profile.name!r} is active and as requested")
            continue
        if changes or profile.volatile:
            planned += _change(want, profile, _whole_options(changes, profile) or want.boot, facts)
        planned += _set_options(want, drifted)
    if planned and layer3 is not None:
        planned += _prove(wanted[0], layer3)
    return planned, kept


def _check_changeable(want: WantedProfile, changes: steps.Settings, profile: Profile) -> None:
    fixed = [(key, value) for key, value in changes if key in _FIXED]
    if fixed:
        key, value = fixed[0]
        raise Refused(
            f"{want.ifname} runs with {key} {profile.get(key) or 'unset'}, and {value} is requested: "
            "NetworkManager cannot change that while it runs",
            "undo the run that made it (sudo vmnet undo), then run host-setup again",
        )


def _change(want: WantedProfile, profile: Profile, changes: steps.Settings, facts: Facts) -> list[Planned]:
    restore = steps.RestoreProfile(uuid=profile.uuid, name=profile.name, filename=profile.filename)
    reapply = steps.ReapplyDevice(ifname=want.ifname)
    modify = steps.ModifyProfile(uuid=profile.uuid, name=profile.name, settings=changes, save=True)
    link = facts.link(want.ifname)
    # The file of before may name no MTU: to reapply it would leave the link with the new one.
    mtu = [steps.SetMtu(ifname=want.ifname, mtu=link.mtu)] if link and MTU in dict(changes) else []
    return [
        Planned(step=modify, why=f"{want.ifname} differs from the request", undo=(restore, reapply, *mtu)),
        Planned(step=reapply, why="takes effect without dropping a port"),
    ]


def _prove(bridge: WantedProfile, layer3: Layer3) -> list[Planned]:
    addresses = tuple(a for a in layer3.addresses if a.version == 4)
    wait = steps.WaitAddress(ifname=bridge.ifname, addresses=addresses, timeout_s=15)
    planned = [Planned(step=wait, why="the address must exist")] if layer3.has_ipv4 else []
    for gateway in layer3.gateways:
        step = steps.WaitNeighbour(ifname=bridge.ifname, address=gateway, timeout_s=30)
        planned.append(Planned(step=step, why="the gateway must answer through the bridge"))
    return planned


# The options of a bond or bridge that runs already: which ones differ, in the profile or in the kernel alone.

_KEY = "bond.options"


class _Drift(NamedTuple):
    """An option that the kernel runs with another value."""

    option: Option
    wanted: str
    seen: str


def _drifted_options(want: WantedProfile, facts: Facts) -> tuple[_Drift, ...]:
    """Return the wanted options of a bond or bridge that have another value in the kernel."""
    seen = _running(want, facts)
    table = BOND_OPTIONS if want.type == "bond" else BRIDGE_OPTIONS
    found = (_Drift(table[name], value, seen[name]) for name, value in _wanted(want) if name in seen)
    return tuple(drift for drift in found if not drift.option.same(drift.wanted, drift.seen))


def _wanted(want: WantedProfile) -> Options:
    if want.type == "bond":
        return tuple((name, value) for name, value in _pairs(want).items() if name in BOND_OPTIONS)
    names = {option.setting: option.name for option in BRIDGE_OPTIONS.values()}
    return tuple((names[key], value) for key, value in want.shape if key in names)


def _pairs(want: WantedProfile) -> dict[str, str]:
    return parse_bond_options(dict(want.shape).get(_KEY, ""))


def _running(want: WantedProfile, facts: Facts) -> dict[str, str]:
    link = facts.link(want.ifname)
    state = (link.bond or link.bridge) if link else None
    return dict(state.options) if state else {}


def _check_options(
    want: WantedProfile, changes: steps.Settings, drifted: Sequence[_Drift], profile: Profile, facts: Facts
) -> None:
    """Raise Refused where the bond's mode or an option differs that no running bond can change."""
    link = facts.link(want.ifname)
    stored, wanted = profile.bond_options, _pairs(want)
    modes = {stored.get("mode"), link.bond.mode if link and link.bond else wanted.get("mode")}
    if "mode" in wanted and modes != {wanted["mode"]}:
        was = next(mode for mode in modes if mode != wanted["mode"])
        raise _cannot(want, profile, f"mode {was or 'unset'}", f"mode={wanted['mode']}")
    fixed = next((drift for drift in drifted if not drift.option.running), None)
    if fixed is not None:
        name = fixed.option.name
        raise _cannot(want, profile, f"{name} {fixed.seen}", f"{name}={fixed.wanted}")
    running = _running(want, facts)
    for name, value in wanted.items() if _KEY in dict(changes) else ():
        option = BOND_OPTIONS.get(name)
        # Without root, the kernel does not show each value: then it is the profile's.
        if option and not option.running and name not in running and stored.get(name, option.default) != value:
            raise _cannot(want, profile, f"{name} {stored.get(name, option.default)}", f"{name}={value}")


def _cannot(want: WantedProfile, profile: Profile, seen: str, wanted: str) -> Refused:
    modify = root("nmcli", "connection", "modify", "uuid", profile.uuid, f"+{_KEY}", wanted)
    return Refused(
        f"{want.ifname} runs with {seen}, and {wanted} is requested: no running bond can change that",
        f"change the profile and reboot: {modify}; or undo the run that made the bond (sudo vmnet undo), and run "
        "host-setup again",
    )


def _whole_options(changes: steps.Settings, profile: Profile) -> steps.Settings:
    """Return the changes with all options of the bond: the profile's own and, over them, the wanted ones."""

    def merged(wanted: str) -> str:
        values = profile.bond_options | parse_bond_options(wanted)
        return ",".join(f"{name}={value}" for name, value in values.items())

    return tuple((key, merged(value) if key == _KEY else value) for key, value in changes)


def _set_options(want: WantedProfile, drifted: Sequence[_Drift]) -> list[Planned]:
    """Return the steps that set the options in the kernel, each undone by the value that it has now."""
    planned = []
    # The kernel counts the delays in units of miimon.
    for option, wanted, seen in sorted(drifted, key=lambda drift: drift.option.name != "miimon"):
        step = steps.SetOption(ifname=want.ifname, option=option.name, file=option.file, value=option.written(wanted))
        back = steps.SetOption(ifname=want.ifname, option=option.name, file=option.file, value=option.written(seen))
        why = f"the kernel runs {want.ifname} with {seen or 'none'}"
        planned.append(Planned(step=step, why=why, undo=(back,)))
    return planned


# A bridge or bond of the wanted name that exists already, and what uses it.

_GUESTS = ("tun", "veth", "macvtap")
"""Kinds of links whose other end is a domain or a container."""


def check_contents(build: Build) -> None:
    """Raise Refused where a bridge or bond gets a new profile and has ports or VLANs besides the wanted ones, or an
    address that the host would lose.

    When another profile is activated on a bridge, NetworkManager removes all ports, also taps of running domains. It
    restores only its own ports.
    """
    for wanted in build.wanted:
        if wanted.ifname in build.ports or build.facts.link(wanted.ifname) is None:
            continue
        _check_addresses(wanted, build)
        others = _others(wanted.ifname, build)
        if others:
            raise Refused(
                f"{_taken(wanted)}, which cuts off {listed(describe_link(link, build.facts) for link in others)}",
                f"remove them from {wanted.ifname} (shut domains down), or choose another name with --{wanted.type}",
            )


def _check_addresses(wanted: WantedProfile, build: Build) -> None:
    profile = profile_on(wanted, build)
    if profile is None or {profile.uuid, profile.name} & set(build.spec.displace):
        return
    displace = command("--displace", profile.name)
    if _carries_address(wanted, build):
        raise Refused(
            f"{_taken(wanted)}, and nobody could reach the host's address meanwhile",
            f"choose another name with --{wanted.type}: vmnet then builds the new one beside it and moves the address "
            f"last; or accept the interruption with {displace}",
        )
    kept = build.facts.addresses_of(build.layer3.holder) if build.layer3.holder else ()
    lost = [a for a in build.facts.addresses_of(wanted.ifname) if a not in (*kept, *build.layer3.addresses)]
    if lost:
        raise Refused(
            f"{_taken(wanted)}, and the host would lose {listed(map(str, lost))} of profile {profile.name!r}",
            f"choose another name with --{wanted.type}, or accept the loss with {displace}",
        )


def _taken(wanted: WantedProfile) -> str:
    return f"{wanted.type} {wanted.ifname} exists already and would get a new profile"


def _carries_address(wanted: WantedProfile, build: Build) -> bool:
    holder = build.layer3.holder
    if wanted.ifname == holder:
        return True
    chains = [controllers_of(nic, build.facts) for nic in build.nics]
    return any(wanted.ifname in chain and holder in chain for chain in chains)


def profile_on(wanted: WantedProfile, build: Build) -> Profile | None:
    """Return the profile that created the link with the name of the wanted one, and is active on it."""
    device = build.facts.device(wanted.ifname)
    return None if device is None or device.external else build.facts.active_profile(wanted.ifname)


def content_warnings(build: Build) -> Iterator[str]:
    """Yield a warning for each other uplink of a bridge, or port of a bond, that is kept."""
    for wanted in build.wanted:
        others = [link for link in _others(wanted.ifname, build) if link.kind not in _GUESTS and not link.parent]
        if wanted.type in ("bridge", "bond") and others:
            yield (
                f"{wanted.type} {wanted.ifname} keeps ports that are not in the request: "
                f"{listed(link.ifname for link in others)}. Without STP, a second uplink of a bridge can be a loop"
            )


def _others(ifname: str, build: Build) -> list[Link]:
    expected = {nic.ifname for nic in build.nics} | {wanted.ifname for wanted in build.wanted}
    above = [link for link in build.facts.links if link.parent == ifname]
    return [link for link in (*build.facts.ports(ifname), *above) if link.ifname not in expected]


def describe_link(link: Link, facts: Facts) -> str:
    """Return the link's name, and the domain that it belongs to."""
    domain = domain_of_tap(link.ifname, facts)
    return f"{link.ifname} of domain {domain}" if domain else link.ifname


def domain_of_tap(ifname: str, facts: Facts) -> str | None:
    """Return the running domain whose interface ends in the link `ifname` on the host."""
    taps = ((domain.name, interface.target) for domain in facts.domains for interface in domain.running)
    return next((name for name, target in taps if target == ifname), None)
