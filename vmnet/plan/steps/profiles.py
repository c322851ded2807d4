"""Steps on NetworkManager's checkpoint and profiles."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.plan.steps.base import Argv, HostStep
from vmnet.shell_words import Variable, capture, command, pipe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from vmnet.shell_words import Command

_NM = "org.freedesktop.NetworkManager"
_NM_PATH = "/org/freedesktop/NetworkManager"
_CHECKPOINT = Variable("CHECKPOINT")

CHECKPOINT_FLAGS = 6
"""DELETE_NEW_CONNECTIONS (2) | DISCONNECT_NEW_DEVICES (4): without them, the new profiles or devices remain after a
rollback (NMCheckpointCreateFlags in NetworkManager's D-Bus interface)."""

ACTIVATION_TIMEOUT_S = 45

Settings = tuple[tuple[str, str], ...]


class CheckpointStep(HostStep):
    """A call of NetworkManager's checkpoints."""

    __slots__ = ()

    def _call(self, method: str, *args: str) -> tuple[Argv, ...]:
        return (("busctl", "call", _NM, _NM_PATH, _NM, method, *args),)

    def shell_lines(self) -> tuple[Command, ...]:
        (argv,) = self.commands()
        return (command(*(_CHECKPOINT if word == "$CHECKPOINT" else word for word in argv)),)

    def undo_lines(self) -> Iterable[str]:
        # When somebody runs this, NetworkManager has already forgotten or used it.
        return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCheckpoint(CheckpointStep):
    """NetworkManager notes the state of all devices, and rolls back to it after `timeout_s` without a commit.

    In a rollback, NetworkManager activates each device again that was reapplied since, and with a bridge or bond all
    its ports. Each guest's tap leaves the bridge, for a minute where there are hundreds, and then belongs to
    NetworkManager (seen with 1.52). So with an existing bridge, this is the `last_resort`: vmnet undoes its own steps,
    and NetworkManager rolls back only if that fails, or if no worker is left.
    """

    timeout_s: int
    last_resort: bool = False

    def text(self) -> str:
        return f"open a checkpoint of {self.timeout_s} s"

    def commands(self) -> tuple[Argv, ...]:
        return self._call("CheckpointCreate", "aouu", "0", str(self.timeout_s), str(CHECKPOINT_FLAGS))

    def shell_lines(self) -> tuple[Command, ...]:
        # The later commands name the checkpoint; busctl prints its path as `o "/org/..."`.
        (argv,) = self.commands()
        return (capture(_CHECKPOINT, pipe(command(*argv), command("cut", '-d"', "-f2"))),)

    def run_lines(self) -> Iterable[str]:
        yield f"checkpoint{self.shell_lines()[0].removeprefix('CHECKPOINT')}"
        yield '[ -n "$checkpoint" ] || go_back "NetworkManager opened no checkpoint"'


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitCheckpoint(CheckpointStep):
    """NetworkManager forgets the checkpoint: the change stays."""

    def text(self) -> str:
        return "commit the checkpoint"

    def commands(self) -> tuple[Argv, ...]:
        return self._call("CheckpointDestroy", "o", "$CHECKPOINT")

    def run_lines(self) -> Iterable[str]:
        return ('run nm CheckpointDestroy o "$checkpoint"', "checkpoint=", "trap - INT TERM HUP")


@dataclass(frozen=True, slots=True, kw_only=True)
class RollBackCheckpoint(CheckpointStep):
    """NetworkManager rolls back to the checkpoint of this run, if it still exists."""

    def text(self) -> str:
        return "roll back to the checkpoint"

    def commands(self) -> tuple[Argv, ...]:
        return self._call("CheckpointRollback", "o", "$CHECKPOINT")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileStep(HostStep):
    """Changes a profile, or brings it up or down."""

    uuid: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddProfile(ProfileStep):
    """Add a profile in memory only, so that a reboot removes it. A `ModifyProfile` with `save` makes it last."""

    type: str
    ifname: str
    settings: Settings

    def text(self) -> str:
        return f"add profile {self.name} for {self.ifname}"

    def commands(self) -> tuple[Argv, ...]:
        head = ("nmcli", "connection", "add", "save", "no", "type", self.type, "con-name", self.name)
        # Autoconnect would start the profile the moment it is added, before its controller is ready.
        fixed = ("ifname", self.ifname, "connection.uuid", self.uuid, "connection.autoconnect", "no")
        return ((*head, *fixed, *_flat(self.settings)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModifyProfile(ProfileStep):
    """Change a profile's settings: in memory, or (`save`) on disk as well."""

    settings: Settings
    save: bool

    def text(self) -> str:
        return f"change profile {self.name} {'on disk' if self.save else 'in memory'}"

    def commands(self) -> tuple[Argv, ...]:
        temporary = () if self.save else ("--temporary",)
        return (("nmcli", "connection", "modify", *temporary, "uuid", self.uuid, *_flat(self.settings)),)

    def undo_lines(self) -> Iterable[str]:
        (argv,) = self.commands()
        return (shlex.join(("try", *argv) if self.save else ("modify", self.uuid, *_flat(self.settings))),)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteProfile(ProfileStep):
    """Delete a profile, and with it the virtual link it made."""

    def text(self) -> str:
        return f"delete profile {self.name}"

    def commands(self) -> tuple[Argv, ...]:
        return (("nmcli", "connection", "delete", "uuid", self.uuid),)

    def undo_lines(self) -> Iterable[str]:
        return (shlex.join(("delete", self.uuid, self.name)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreProfile(ProfileStep):
    """Put a profile's file back, byte for byte, from the run's own copies, and have NetworkManager read it."""

    filename: str

    def text(self) -> str:
        return f"restore profile {self.name}"

    def commands(self) -> tuple[Argv, ...]:
        return (("nmcli", "connection", "load", self.filename),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivateProfile(ProfileStep):
    """Bring a profile up on its link. Without `wait`, a later step must check the result."""

    ifname: str
    wait: bool = True

    def text(self) -> str:
        return f"activate {self.ifname}" + (f" (profile {self.name})" if self.name != self.ifname else "")

    def commands(self) -> tuple[Argv, ...]:
        seconds = str(ACTIVATION_TIMEOUT_S if self.wait else 0)
        return (("nmcli", "--wait", seconds, "connection", "up", "uuid", self.uuid),)

    def undo_lines(self) -> Iterable[str]:
        return (shlex.join(("activate", self.uuid, "60" if self.wait else "0")),)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeactivateProfile(ProfileStep):
    """Take a profile down; nothing happens when it is not active."""

    def text(self) -> str:
        return f"deactivate profile {self.name}"

    def commands(self) -> tuple[Argv, ...]:
        return (take_down(self.uuid),)

    def undo_lines(self) -> Iterable[str]:
        return (shlex.join(("deactivate", self.uuid)),)


def take_down(uuid: str) -> Argv:
    """Return the command that takes a profile down."""
    return ("nmcli", "connection", "down", "uuid", uuid)


def _flat(settings: Settings) -> tuple[str, ...]:
    return tuple(word for pair in settings for word in pair)
