"""Carry out one step on this host: the only place where plan and host meet."""

from __future__ import annotations

import time
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from functools import singledispatch
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.errors import HypervisorError, LinkError, ToolError
from vmnet.facts.fabric import leaves_last
from vmnet.host import process
from vmnet.host.files.own_files import trouble_with
from vmnet.host.kernel import link_changes
from vmnet.host.kernel.sysfs import read_ports_of
from vmnet.host.libvirt.hypervisor import Hypervisor
from vmnet.host.networkmanager import nmcli, profile_files
from vmnet.plan import steps
from vmnet.runs.executor.execute_libvirt import execute_libvirt
from vmnet.runs.executor.guests import wait_guests
from vmnet.runs.executor.move_interfaces import move_persistent
from vmnet.runs.executor.waits import prove_untouched, wait, watch_lease

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
    re_armed: float = 0.0
    undoing: bool = False
    _told: float = 0.0
    _hypervisor: Hypervisor | None = field(default=None)
    _knows_stored: bool = False

    def execute(self, step: steps.Step, *, undoing: bool = False) -> None:
        """Carry out `step`.

        Args:
            undoing: the step undoes another, which may never have run: what it would remove may be missing.

        Raises:
            ToolError, LinkError, HypervisorError, Conflict: it failed.
        """
        self.undoing = undoing
        self.keep_checkpoint(hurried=isinstance(step, _IN_A_CUT))
        self._told = time.monotonic()
        on_host(step, self)

    def waiting(self, left_s: float) -> None:
        """Keep the checkpoint while a step waits, and tell now and then that it does."""
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
        if self.checkpoint is None or now - self.re_armed < every_s:
            return
        try:
            # One that is too busy to say so has it still; it is asked again at the next look.
            if nmcli.extend_checkpoint(self.checkpoint, self.checkpoint_timeout_s):
                self.re_armed = now
        except ToolError as error:
            self.checkpoint = None
            if self.undoing:
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
            self.libvirt().know_stored()
            self._knows_stored = True

    def reconnect(self) -> bool:
        """Open a broken connection to libvirt again: the daemon may have been restarted.
        Return whether it answers."""
        for _ in range(2):
            try:
                self.libvirt().read_states()
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
            move_persistent(moves, self.libvirt())
            return
        for step in taken:
            assert isinstance(step, steps.LibvirtStep)
            execute_libvirt(step, self.libvirt(), undoing=undoing)

    def libvirt(self) -> Hypervisor:
        """Return the connection to libvirt, opened when it is first needed."""
        if self._hypervisor is None:
            self._hypervisor = Hypervisor(self.uri, read_only=False)
        return self._hypervisor

    def read_documents(self, uuids: Collection[str]) -> Iterator[tuple[str, str]]:
        """Yield the documents of libvirt's networks and of these domains, with secrets, by file names."""
        return self.libvirt().read_documents(uuids)

    def close(self) -> None:
        """Close the connection to libvirt, if there is one."""
        if self._hypervisor is not None:
            self._hypervisor.close()
            self._hypervisor = None
            self._knows_stored = False


@singledispatch
def on_host(step: steps.Step, _executor: Executor) -> None:
    """Carry out a step. Each class of steps has one function that does it: registered here, with `waits.missing` or
    with `execute_libvirt.on_libvirt`."""
    raise TypeError(f"nothing carries out {type(step).__name__}")


@on_host.register(steps.WaitStep)
def _(step: steps.WaitStep, executor: Executor) -> None:
    wait(step, executor.waiting, executor.is_confirmed)


@on_host.register(steps.LibvirtStep)
def _(step: steps.LibvirtStep, executor: Executor) -> None:
    execute_libvirt(step, executor.libvirt(), undoing=executor.undoing)


@on_host.register(steps.WaitGuests)
def _(step: steps.WaitGuests, executor: Executor) -> None:
    assert executor.listener is not None
    wait_guests(step, executor.libvirt(), executor.listener, executor.waiting)


@on_host.register(steps.Pause)
def _(step: steps.Pause, executor: Executor) -> None:
    end = time.monotonic() + step.seconds
    while (left_s := end - time.monotonic()) > 0:
        executor.waiting(left_s)
        time.sleep(min(_PAUSE_S, left_s))


@on_host.register(steps.OpenCheckpoint)
def _(step: steps.OpenCheckpoint, executor: Executor) -> None:
    executor.checkpoint = nmcli.open_checkpoint(step.commands()[0])
    executor.checkpoint_timeout_s, executor.re_armed = step.timeout_s, time.monotonic()
    executor.note_checkpoint(executor.checkpoint)


@on_host.register(steps.CommitCheckpoint)
@on_host.register(steps.RollBackCheckpoint)
def _(step: steps.CheckpointStep, executor: Executor) -> None:
    path, executor.checkpoint = executor.checkpoint, None
    commits = isinstance(step, steps.CommitCheckpoint)
    if path is not None:
        (nmcli.commit_checkpoint if commits else nmcli.roll_back_checkpoint)(path)


@on_host.register(steps.AddProfile)
def _run(step: steps.Step, executor: Executor, *, may_be_gone: bool = False) -> None:
    """Run the step's commands. With `may_be_gone`, and in a rollback, a missing profile or device is no failure, and an
    activation that fails is tried again."""
    gone = may_be_gone or executor.undoing
    for argv in step.commands():
        nmcli.call(argv, accept=(0, nmcli.NOT_FOUND) if gone else (0,), tries=3 if gone else 1)


@on_host.register(steps.ModifyProfile)
def _(step: steps.ModifyProfile, executor: Executor) -> None:
    _run(step, executor)
    if step.save:
        profile_files.sync_profiles()


@on_host.register(steps.DeleteProfile)
def _(step: steps.DeleteProfile, executor: Executor) -> None:
    # After a loss of power, it is taken again.
    _run(step, executor, may_be_gone=True)
    if executor.undoing:
        profile_files.remove_leftover(step.uuid, step.name)


@on_host.register(steps.RestoreProfile)
def _(step: steps.RestoreProfile, executor: Executor) -> None:
    profile_files.restore_profile(step.uuid, executor.copies)


@on_host.register(steps.ActivateProfile)
def _(step: steps.ActivateProfile, executor: Executor) -> None:
    # Activating it again would take its ports down.
    if profile_files.active_uuid(step.ifname) != step.uuid:
        _run(step, executor)


@on_host.register(steps.DeactivateProfile)
def _(step: steps.DeactivateProfile, executor: Executor) -> None:
    _run(step, executor, may_be_gone=True)


@on_host.register(steps.DisconnectDevice)
def _(step: steps.DisconnectDevice, _: Executor) -> None:
    nmcli.call(step.commands()[0], accept=(0, nmcli.NOT_ACTIVE, nmcli.NOT_FOUND))


@on_host.register(steps.ReapplyDevice)
def _(step: steps.ReapplyDevice, executor: Executor) -> None:
    if executor.undoing and not profile_files.active_uuid(step.ifname):
        return
    leased = step.lease_s > 0
    lease, end = (nmcli.read_lease(step.ifname), nmcli.read_lease_end(step.ifname)) if leased else (None, "")
    _run(step, executor)
    if leased:
        watch_lease(step.ifname, lease, end, step.lease_s, executor.waiting)


@on_host.register(steps.SetLink)
def _(step: steps.SetLink, _: Executor) -> None:
    link_changes.set_up(step.ifname, up=step.up)


@on_host.register(steps.SetMtu)
def _(step: steps.SetMtu, _: Executor) -> None:
    link_changes.set_mtu(step.ifname, step.mtu)


@on_host.register(steps.SetOption)
def _(step: steps.SetOption, executor: Executor) -> None:
    # The bond or bridge may be gone, and its options with it.
    with suppress(LinkError) if executor.undoing else nullcontext():
        link_changes.set_option(step.ifname, step.file, step.value)


@on_host.register(steps.PutPort)
def _(step: steps.PutPort, executor: Executor) -> None:
    # A tap goes with its domain: if that was powered off since, there is nothing to undo.
    with suppress(LinkError) if executor.undoing else nullcontext():
        link_changes.set_controller(step.ifname, step.controller)


@on_host.register(steps.KeepMac)
def _(step: steps.KeepMac, _: Executor) -> None:
    settle, *set_macs = step.commands()
    # udev may be busy with something else for longer than we wait.
    process.run(settle, accept=(0, 1))
    for argv in set_macs:
        process.run(argv)


@on_host.register(steps.LetSettle)
def _(step: steps.LetSettle, _: Executor) -> None:
    time.sleep(step.seconds)


@on_host.register(steps.LeaveLast)
def _(step: steps.LeaveLast, _: Executor) -> None:
    ports = read_ports_of(step.bond)
    if leaves_last(step.ifname, ports) == step.turned:
        return
    there = {port.ifname for port in ports}
    for ifname, uuid in step.others:
        if ifname in there:
            nmcli.call(steps.take_down(uuid), accept=(0, nmcli.NOT_ACTIVE, nmcli.NOT_FOUND))
    time.sleep(step.seconds)


@on_host.register(steps.AddRoutes)
def _(step: steps.AddRoutes, executor: Executor) -> None:
    # In a rollback they only shorten the interruption.
    with suppress(LinkError) if executor.undoing else nullcontext():
        link_changes.add_routes(step.routes)


@on_host.register(steps.RemoveRoutes)
def _(step: steps.RemoveRoutes, _: Executor) -> None:
    link_changes.remove_routes(step.routes)


@on_host.register(steps.ProveUntouched)
def _(step: steps.ProveUntouched, executor: Executor) -> None:
    prove_untouched(step, executor.copies)
