"""Host steps -> the exact commands: what `--plan` prints is what the executor runs.

Steps that wait, and those of libvirt, have no command here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.plan import steps

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmnet.facts import Route

Argv = tuple[str, ...]

_NM = "org.freedesktop.NetworkManager"
_NM_PATH = "/org/freedesktop/NetworkManager"

CHECKPOINT_FLAGS = 6
"""DELETE_NEW_CONNECTIONS (2) | DISCONNECT_NEW_DEVICES (4): without them, the new profiles or devices remain after a
rollback (NMCheckpointCreateFlags in NetworkManager's D-Bus interface)."""

ACTIVATION_TIMEOUT_S = 45
UDEV_S = 10


def commands_of(step: steps.Step) -> tuple[Argv, ...]:
    """Return the commands that carry out `step`, as argv tuples in order; empty when no command does it."""
    match step:
        case steps.OpenCheckpoint() | steps.CommitCheckpoint() | steps.RollBackCheckpoint():
            return (_checkpoint(step),)
        case steps.SetLink(ifname=ifname, up=up):
            return (("ip", "link", "set", "dev", ifname, "up" if up else "down"),)
        case steps.PutPort(ifname=ifname, controller=controller):
            return (("ip", "link", "set", "dev", ifname, *(("master", controller) if controller else ("nomaster",))),)
        case steps.SetMtu(ifname=ifname, mtu=mtu):
            return (("ip", "link", "set", "dev", ifname, "mtu", str(mtu)),)
        case steps.KeepMac(ifnames=ifnames, mac=mac):
            settle = ("udevadm", "settle", f"--timeout={UDEV_S}")
            return (settle, *(("ip", "link", "set", "dev", ifname, "address", mac) for ifname in ifnames))
        case steps.LetSettle(seconds=seconds):
            return (("sleep", str(seconds)),)
        case steps.AddRoutes(routes=routes):
            return tuple(_route("replace", route) for route in routes)
        case steps.RemoveRoutes(routes=routes):
            return tuple(_route("delete", route) for route in routes)
        case _:
            return _profile_commands(step)


def take_down(uuid: str) -> Argv:
    """Return the command that takes a profile down."""
    return ("nmcli", "connection", "down", "uuid", uuid)


def _checkpoint(step: steps.CheckpointStep) -> Argv:
    match step:
        case steps.OpenCheckpoint(timeout_s=timeout_s):
            return _checkpoint_call("CheckpointCreate", "aouu", "0", str(timeout_s), str(CHECKPOINT_FLAGS))
        case steps.CommitCheckpoint():
            return _checkpoint_call("CheckpointDestroy", "o", "$CHECKPOINT")
        case steps.RollBackCheckpoint():
            return _checkpoint_call("CheckpointRollback", "o", "$CHECKPOINT")


def _route(verb: str, route: Route) -> Argv:
    via = ("via", str(route.gateway)) if route.gateway is not None else ()
    source = ("src", str(route.source)) if route.source is not None else ()
    end = ("dev", route.ifname, *source, "metric", str(route.metric))
    return ("ip", "route", verb, str(route.destination or "default"), *via, *end)


def _checkpoint_call(method: str, *args: str) -> Argv:
    return ("busctl", "call", _NM, _NM_PATH, _NM, method, *args)


def _profile_commands(step: steps.Step) -> tuple[Argv, ...]:
    match step:
        case steps.AddProfile():
            return (_add(step),)
        case steps.ModifyProfile(uuid=uuid, settings=settings, save=save):
            temporary = () if save else ("--temporary",)
            return (("nmcli", "connection", "modify", *temporary, "uuid", uuid, *_flat(settings)),)
        case steps.DeleteProfile(uuid=uuid):
            return (("nmcli", "connection", "delete", "uuid", uuid),)
        case steps.RestoreProfile(filename=filename):
            return (("nmcli", "connection", "load", filename),)
        case steps.ActivateProfile(uuid=uuid, wait=wait):
            seconds = str(ACTIVATION_TIMEOUT_S if wait else 0)
            return (("nmcli", "--wait", seconds, "connection", "up", "uuid", uuid),)
        case steps.DeactivateProfile(uuid=uuid):
            return (take_down(uuid),)
        case steps.DisconnectDevice(ifname=ifname):
            return (("nmcli", "device", "disconnect", ifname),)
        case steps.ReapplyDevice(ifname=ifname):
            return (("nmcli", "device", "reapply", ifname),)
        case _:
            return ()


def _add(step: steps.AddProfile) -> Argv:
    head = ("nmcli", "connection", "add", "save", "no", "type", step.type, "con-name", step.name)
    # Autoconnect would start the profile the moment it is added, before its controller is ready.
    fixed = ("ifname", step.ifname, "connection.uuid", step.uuid, "connection.autoconnect", "no")
    return (*head, *fixed, *_flat(step.settings))


def _flat(settings: Iterable[tuple[str, str]]) -> tuple[str, ...]:
    return tuple(word for pair in settings for word in pair)
