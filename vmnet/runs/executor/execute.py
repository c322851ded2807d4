"""Carry out one step on this host: the only place where plan and host meet."""

from __future__ import annotations

import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from vmnet.errors import HypervisorError, LinkError, ToolError
from vmnet.host import process
from vmnet.host.files.own_files import trouble_with
from vmnet.host.kernel import link_changes
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.host.networkmanager import nmcli, profile_files
from vmnet.plan import steps
from vmnet.plan.commands import commands_of
from vmnet.runs.executor.execute_libvirt import execute_libvirt
from vmnet.runs.executor.guests import wait_guests
from vmnet.runs.executor.move_interfaces import move_persistent
from vmnet.runs.executor.waits import prove_untouched, settle, wait, watch_lease

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from vmnet.host.lan.listen import TapListener

_RE_ARM_EVERY_S = 5.0
_IN_A_CUT = (steps.SetLink, steps.WaitLacp, steps.WaitNeighbour, steps.AddRoutes)
"""From the first word of LACP to the routes the host may be out of reach, and to ask NetworkManager for more time can
take a tenth of a second."""
_TELL_EVERY_S = 10.0
_DAEMON_S = 60.0
_PAUSE_S = 0.5
_LIBVIRTS = Path("/etc/libvirt")


@dataclass(slots=True, kw_only=True)
class Executor:
    """Carries out steps.

    `copies` is the directory with the byte copies of profiles. `note_checkpoint` writes down the D-Bus path of the
    checkpoint for other processes. `is_confirmed` says whether the admin has confirmed the run. `note_waiting` is told
    now and then how many seconds a step still waits.
    """

    uri: str
    copies: Path
    note_checkpoint: Callable[[str], object]
    is_confirmed: Callable[[], bool]
    note_waiting: Callable[[float], object]
    listener: TapListener | None = None
    checkpoint: str | None = None
    checkpoint_timeout_s: int = 0
    _re_armed: float = 0.0
    _told: float = 0.0
    _undoing: bool = False
    _hypervisor: Hypervisor | None = field(default=None)
    _knows_stored: bool = False

    def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
        """Carry out `step`.

        Args:
            undoing: the step undoes another, which may never have run: what it would remove may be missing.

        Raises:
            ToolError, LinkError, HypervisorError, Conflict: it failed.
        """
        self._undoing = undoing
        self.keep_checkpoint(hurried=isinstance(step, _IN_A_CUT))
        self._told = time.monotonic()
        if isinstance(step, steps.CheckpointStep):
            self._execute_checkpoint(step)
        elif isinstance(step, steps.WaitStep):
            wait(step, self._waiting, self.is_confirmed)
        elif isinstance(step, steps.ProfileStep):
            self._execute_profile(step, undoing=undoing)
        elif isinstance(step, steps.LinkStep):
            self._execute_link(step, undoing=undoing)
        elif isinstance(step, steps.WaitGuests):
            assert self.listener is not None
            wait_guests(step, self._libvirt(), self.listener, self._waiting)
        elif isinstance(step, steps.Pause):
            self._pause(step.seconds)
        else:
            execute_libvirt(step, self._libvirt(), undoing=undoing)

    def _pause(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while (left_s := end - time.monotonic()) > 0:
            self._waiting(left_s)
            time.sleep(min(_PAUSE_S, left_s))

    def _execute_link(self, step: steps.LinkStep, *, undoing: bool) -> None:
        match step:
            case steps.DisconnectDevice():
                nmcli.call(commands_of(step)[0], accept=(0, nmcli.NOT_ACTIVE, nmcli.NOT_FOUND))
            case steps.ReapplyDevice(ifname=ifname):
                if not undoing or profile_files.active_uuid(ifname):
                    self._reapply(step, undoing=undoing)
            case steps.SetLink() | steps.PutPort() | steps.SetMtu():
                _set_link(step, undoing=undoing)
            case steps.KeepMac():
                _keep_mac(step)
            case steps.LetSettle() | steps.LeaveLast():
                settle(step)
            case steps.AddRoutes(routes=routes):
                # In a rollback they only shorten the interruption.
                with suppress(LinkError) if undoing else nullcontext():
                    link_changes.add_routes(routes)
            case steps.RemoveRoutes(routes=routes):
                link_changes.remove_routes(routes)
            case steps.ProveUntouched():
                prove_untouched(step, self.copies)
            case _:
                assert_never(step)

    def _reapply(self, step: steps.ReapplyDevice, *, undoing: bool) -> None:
        leased = step.lease_s > 0
        lease, end = (nmcli.read_lease(step.ifname), nmcli.read_lease_end(step.ifname)) if leased else (None, "")
        _run(step, may_be_gone=undoing)
        if leased:
            watch_lease(step.ifname, lease, end, step.lease_s, self._waiting)

    def _execute_checkpoint(self, step: steps.CheckpointStep) -> None:
        if isinstance(step, steps.OpenCheckpoint):
            self.checkpoint = nmcli.open_checkpoint(commands_of(step)[0])
            self.checkpoint_timeout_s = step.timeout_s
            self._re_armed = time.monotonic()
            self.note_checkpoint(self.checkpoint)
            return
        path, self.checkpoint = self.checkpoint, None
        if path is None:
            return
        if isinstance(step, steps.CommitCheckpoint):
            nmcli.commit_checkpoint(path)
        else:
            nmcli.roll_back_checkpoint(path)

    def _execute_profile(self, step: steps.ProfileStep, *, undoing: bool) -> None:
        if isinstance(step, steps.RestoreProfile):
            profile_files.restore_profile(step.uuid, self.copies)
            return
        if isinstance(step, steps.ActivateProfile) and profile_files.active_uuid(step.ifname) == step.uuid:
            # Activating it again would take its ports down.
            return
        _run(step, may_be_gone=undoing or isinstance(step, steps.DeactivateProfile))
        if isinstance(step, steps.ModifyProfile) and step.save:
            profile_files.sync_profiles()
        if isinstance(step, steps.DeleteProfile) and undoing:
            profile_files.remove_leftover(step.uuid, step.name)

    def _waiting(self, left_s: float) -> None:
        self.keep_checkpoint(hurried=True)
        now = time.monotonic()
        if now - self._told >= _TELL_EVERY_S:
            self._told = now
            self.note_waiting(left_s)

    def keep_checkpoint(self, *, hurried: bool = False) -> None:
        """Let the checkpoint's timer start afresh, every few seconds while this process lives.

        Args:
            hurried: only where a quarter of the timer has run.

        Raises:
            ToolError: the checkpoint is gone, and this is no rollback: NetworkManager was restarted, or another tool
                removed it.
        """
        now = time.monotonic()
        every_s = self.checkpoint_timeout_s / 4 if hurried else _RE_ARM_EVERY_S
        if self.checkpoint is None or now - self._re_armed < every_s:
            return
        try:
            # One that is too busy to say so has it still; it is asked again at the next look.
            if nmcli.extend_checkpoint(self.checkpoint, self.checkpoint_timeout_s):
                self._re_armed = now
        except ToolError as error:
            self.checkpoint = None
            if self._undoing:
                # What it would have restored is undone step by step, in an order that matters.
                return
            raise ToolError(
                f"NetworkManager's checkpoint is gone: {error.stderr or error.message}",
                "NetworkManager was restarted, or another tool removed the checkpoint: journalctl -u NetworkManager",
            ) from None

    def find_checkpoint(self, path: str | None) -> bool:
        """Take over a checkpoint that a process before this one opened; return whether NetworkManager still has it."""
        with suppress(ToolError):
            if path in nmcli.read_daemon()[1]:
                self.checkpoint = path
        return self.checkpoint is not None

    def starts_by_itself(self, uuid: str) -> bool:
        """Return whether a profile is saved so that a boot starts it."""
        return profile_files.starts_by_itself(uuid)

    def wait_ready(self) -> None:
        """Wait until NetworkManager answers; after a minute, what needs it will say that it does not."""
        deadline = time.monotonic() + _DAEMON_S
        while True:
            time.sleep(_PAUSE_S)
            with suppress(ToolError):
                nmcli.read_daemon()
                return
            if time.monotonic() > deadline:
                return

    def wait_started(self) -> None:
        """Wait up to a minute until NetworkManager has brought up all profiles with autoconnect."""
        nmcli.wait_started(int(_DAEMON_S))

    def trouble(self) -> str:
        """Return what keeps files from being written ("/etc is full"), "" where nothing does."""
        return trouble_with((self.copies, profile_files.SAVED, _LIBVIRTS))

    def connect(self) -> None:
        """Open the connection to libvirt, and learn what there is to know of all domains at once."""
        if not self._knows_stored:
            self._libvirt().know_stored()
            self._knows_stored = True

    def reconnect(self) -> bool:
        """Open a broken connection to libvirt again: the daemon may have been restarted.
        Return whether it answers."""
        for _ in range(2):
            try:
                self._libvirt().read_states()
            except HypervisorError:
                self.close()
            else:
                return True
        return False

    def execute_together(self, taken: Sequence[steps.Step], *, undoing: bool = False) -> None:
        """Carry out steps of one domain, several only if all move interfaces in its persistent document. Several
        threads may be at it, each with a domain of its own, once `connect` was called.

        Raises:
            HypervisorError, Conflict, LinkError: one failed.
        """
        moves = [step for step in taken if isinstance(step, steps.MoveInterface)]
        if len(taken) > 1:
            move_persistent(moves, self._libvirt())
            return
        for step in taken:
            assert isinstance(step, steps.LibvirtStep)
            execute_libvirt(step, self._libvirt(), undoing=undoing)

    def _libvirt(self) -> Hypervisor:
        if self._hypervisor is None:
            self._hypervisor = Hypervisor(self.uri, read_only=False)
        return self._hypervisor

    def read_documents(self, uuids: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield the documents of libvirt's networks and of these domains, with secrets, by file names."""
        return self._libvirt().read_documents(uuids)

    def close(self) -> None:
        """Close the connection to libvirt, if there is one."""
        if self._hypervisor is not None:
            self._hypervisor.close()
            self._hypervisor = None
            self._knows_stored = False


def _run(step: steps.Step, *, may_be_gone: bool) -> None:
    """Run the step's commands. With `may_be_gone` (in a rollback), a missing profile or device is no failure, and an
    activation that fails is tried again."""
    for argv in commands_of(step):
        nmcli.call(argv, accept=(0, nmcli.NOT_FOUND) if may_be_gone else (0,), tries=3 if may_be_gone else 1)


def _set_link(step: steps.SetLink | steps.PutPort | steps.SetMtu, *, undoing: bool) -> None:
    if isinstance(step, steps.SetLink):
        link_changes.set_up(step.ifname, up=step.up)
        return
    if isinstance(step, steps.SetMtu):
        link_changes.set_mtu(step.ifname, step.mtu)
        return
    # A tap goes with its domain: if that was powered off since, there is nothing to undo.
    with suppress(LinkError) if undoing else nullcontext():
        link_changes.set_controller(step.ifname, step.controller)


def _keep_mac(step: steps.KeepMac) -> None:
    settle, *set_macs = commands_of(step)
    # udev may be busy with something else for longer than we wait.
    process.run(settle, accept=(0, 1))
    for argv in set_macs:
        process.run(argv)
