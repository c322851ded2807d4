"""Ask NetworkManager through nmcli, and its checkpoints through busctl."""

from __future__ import annotations

import time
from collections.abc import Iterable

from vmnet.errors import Conflict, ToolError
from vmnet.facts import Device, Profile
from vmnet.host.networkmanager import bus, nmcli_text
from vmnet.host.networkmanager.nmcli_text import Unclear
from vmnet.host.process import Output, run
from vmnet.spec import IpAddress

NOT_FOUND = 10
"""nmcli's exit status for a profile or device that is not there."""

NOT_ACTIVE = 6
"""nmcli's exit status for a device that is disconnected already."""

_NOT_RUNNING = 8
"""nmcli's exit status for a NetworkManager that it has heard nothing of in 25 s, be it that it runs and is busy: with
hundreds of new taps it can be so for a minute."""
_BUSY_S = 60.0

_NOT_ACTIVATED = 4
"""nmcli's exit status for an activation that failed, in the time that it was given."""
_PAUSE_S = 1.0

_NM = "org.freedesktop.NetworkManager"
_MANAGER = (_NM, "/org/freedesktop/NetworkManager", _NM)


def call(argv: tuple[str, ...], *, accept: tuple[int, ...] = (0,), tries: int = 1) -> Output:
    """Run nmcli, and again as long as it says that NetworkManager does not run while it does: nothing was done then.

    Args:
        tries: how often it is run should an activation fail. NetworkManager 1.52 has been seen to fail a port whose
            controller it starts with it ("A dependency of the connection failed"), on a host that was quiet.

    Raises:
        ToolError: nmcli is missing, the daemon is not running or does not answer, or what was asked for failed.
    """
    end = time.monotonic() + _BUSY_S
    while True:
        try:
            return run(argv, accept=accept)
        except ToolError as error:
            tries -= error.exit_status == _NOT_ACTIVATED
            if error.exit_status == _NOT_ACTIVATED and tries > 0:
                time.sleep(_PAUSE_S)
                continue
            if error.exit_status != _NOT_RUNNING or not bus.has_owner(_NM):
                raise
            if time.monotonic() > end:
                raise ToolError(
                    f"NetworkManager runs, but did not answer within {_BUSY_S:g} s",
                    "wait until it is less busy, or read its log: journalctl -u NetworkManager",
                    argv=argv,
                ) from None


def read_profiles() -> tuple[Profile, ...]:
    """Return all profiles with all their properties, secrets hidden; but for NetworkManager's volatile notes on taps,
    which say nothing that the taps do not, and on a host with hundreds of guests are most of what it knows.

    Raises:
        ToolError: nmcli is missing, the daemon is not running or does not answer, or what is printed is not understood.
    """
    listing = read_listing()
    uuids = nmcli_text.worth_showing(listing)
    if not uuids:
        return ()
    details = _show_profiles(uuids)
    try:
        return nmcli_text.parse_profiles(listing, details)
    except Unclear:
        # A value holds a newline, a profile's name perhaps.
        return nmcli_text.parse_both_forms(listing, details, _show_profiles(uuids, "-m", "tabular"))


def read_listing() -> tuple[nmcli_text.Listed, ...]:
    """Return all profiles in short.

    Raises:
        ToolError: as `read_profiles`.
    """
    argv = ("nmcli", "-t", "-f", "UUID,FILENAME,DEVICE,TYPE", "connection", "show")
    return nmcli_text.parse_listing(call(argv).stdout)


def _show_profiles(uuids: Iterable[str], *form: str) -> str:
    which = (word for uuid in dict.fromkeys(uuids) for word in ("uuid", uuid))
    # A profile that went away since the listing makes nmcli return NOT_FOUND after showing the others.
    return call(("nmcli", "-t", *form, "-f", "profile", "connection", "show", *which), accept=(0, NOT_FOUND)).stdout


def read_devices(ifname: str | None = None) -> tuple[Device, ...]:
    """Return the device, or (None) all devices, as NetworkManager sees them; none where there is no such device.

    Raises:
        ToolError: nmcli is missing, the daemon is not running or does not answer, or what is printed is not understood.
    """
    try:
        return nmcli_text.parse_devices(_show_devices((nmcli_text.DEVICE_FIELDS, *nmcli_text.LEASES), ifname))
    except Unclear:
        # The options of leases are the one thing in it that others write. So each device is asked for its own.
        devices = nmcli_text.parse_devices(_show_devices((nmcli_text.DEVICE_FIELDS,), ifname))
        return tuple(_with_lease(device) if device.profile and not device.external else device for device in devices)


def _with_lease(device: Device) -> Device:
    return nmcli_text.with_lease(device, {group: _read_options(group, device.ifname) for group in nmcli_text.LEASES})


def _read_options(group: str, ifname: str) -> dict[str, str]:
    return nmcli_text.parse_options(group, _show_devices((group,), ifname))


def _show_devices(fields: Iterable[str], ifname: str | None) -> str:
    argv = ("nmcli", "-t", "-f", ",".join(fields), "device", "show", *((ifname,) if ifname else ()))
    return call(argv, accept=(0, NOT_FOUND)).stdout


def read_lease(ifname: str) -> IpAddress | None:
    """Return the IPv4 address that a DHCP server has given to the link; None while there is none, or no such link."""
    devices = read_devices(ifname)
    return devices[0].lease if devices else None


def read_lease_end(ifname: str) -> str:
    """Return when the link's IPv4 lease ends, in seconds since the epoch; "" while there is none, or no such link."""
    return _read_options("DHCP4", ifname).get("expiry", "")


def read_daemon() -> tuple[str, tuple[str, ...]]:
    """Return the running daemon's version, and the D-Bus paths of its open checkpoints."""
    version, checkpoints = bus.get_properties(*_MANAGER, "Version", "Checkpoints")
    return str(version), tuple(str(path) for path in checkpoints)


def read_client() -> str | None:
    """Return the version of nmcli itself, "1.42.4"; None where it does not tell.

    Raises:
        ToolError: nmcli is missing.
    """
    return nmcli_text.parse_version(run(("nmcli", "--version")).stdout)


def wait_started(timeout_s: int) -> None:
    """Wait until NetworkManager has brought up all that starts by itself (nm-online(1)), or the time is over."""
    run(("nm-online", "-s", "-q", "-t", str(timeout_s)), accept=(0, 1), timeout_s=timeout_s + 10)


def open_checkpoint(argv: tuple[str, ...]) -> str:
    """Open a checkpoint with the plan's own command and return its D-Bus path.

    Raises:
        Conflict: another tool's checkpoint covers the devices.
    """
    try:
        return str(bus.call(*argv[argv.index(_NM) :])[0])
    except ToolError as error:
        if "already included in checkpoint" in error.stderr:
            raise Conflict(
                f"another tool has opened a checkpoint of NetworkManager: {error.stderr}",
                "finish or cancel that tool's change, or wait until the checkpoint's timer ends. Then run vmnet again",
            ) from None
        raise


def commit_checkpoint(path: str) -> None:
    """Destroy the checkpoint: what was changed since stays."""
    bus.call(*_MANAGER, "CheckpointDestroy", "o", path)


def roll_back_checkpoint(path: str) -> None:
    """Go back to the checkpoint. The call returns when NetworkManager has restored every device."""
    bus.call(*_MANAGER, "CheckpointRollback", "o", path, timeout_s=90)


def extend_checkpoint(path: str, timeout_s: int) -> bool:
    """Let the checkpoint's timer run `timeout_s` seconds from now; False: NetworkManager is too busy to say so.

    Raises:
        ToolError: the checkpoint is gone, or NetworkManager is.
    """
    try:
        bus.call(*_MANAGER, "CheckpointAdjustRollbackTimeout", "ou", path, str(timeout_s), timeout_s=25)
    except ToolError as error:
        if bus.TIMED_OUT in error.stderr:
            return False
        raise
    return True
