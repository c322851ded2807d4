"""Steps on devices, links and routes."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vmnet.facts import Route
from vmnet.facts.proof import Proof
from vmnet.names import Mac
from vmnet.plan.steps.base import Argv, HostStep, listed

if TYPE_CHECKING:
    from collections.abc import Iterable

UDEV_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class DisconnectDevice(HostStep):
    """Take down what is active on a link, and let NetworkManager start nothing on it by itself; nothing happens when
    nothing is active."""

    ifname: str

    def text(self) -> str:
        return f"disconnect {self.ifname}"

    def commands(self) -> tuple[Argv, ...]:
        return (("nmcli", "device", "disconnect", self.ifname),)

    def undo_lines(self) -> Iterable[str]:
        # It may be disconnected already.
        return (f"{shlex.join(argv)} 2>/dev/null || :" for argv in self.commands())


@dataclass(frozen=True, slots=True, kw_only=True)
class ReapplyDevice(HostStep):
    """Let a device take over what changed in its profile, without dropping its ports.

    With `lease_s`, the IPv4 lease must outlast it. NetworkManager asks the server again. If that is silent, it gives
    the address up: 1.52 after 12 s, 1.42 after 45 s. vmnet watches the lease for so long, unless it is renewed earlier.
    """

    ifname: str
    lease_s: int = 0

    def text(self) -> str:
        return f"reapply {self.ifname}{f', and watch its lease for up to {self.lease_s} s' if self.lease_s else ''}"

    def commands(self) -> tuple[Argv, ...]:
        return (("nmcli", "device", "reapply", self.ifname),)

    def run_lines(self) -> Iterable[str]:
        words = ("reapply_leased", self.ifname, str(self.lease_s)) if self.lease_s else self.commands()[0]
        return (shlex.join(("run", *words)),)

    def undo_lines(self) -> Iterable[str]:
        return (shlex.join(("reapply", self.ifname)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetLink(HostStep):
    """Set a link up or down without NetworkManager: a bond that is down sends no LACP."""

    ifname: str
    up: bool

    def text(self) -> str:
        return f"set {self.ifname} {'up' if self.up else 'down'}"

    def commands(self) -> tuple[Argv, ...]:
        return (_set(self.ifname, "up" if self.up else "down"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMtu(HostStep):
    """Set a link's MTU in bytes without NetworkManager: reapplying a profile without an MTU does not change it."""

    ifname: str
    mtu: int

    def text(self) -> str:
        return f"set the MTU of {self.ifname} to {self.mtu}"

    def commands(self) -> tuple[Argv, ...]:
        return (_set(self.ifname, "mtu", str(self.mtu)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class SetOption(HostStep):
    """Set an option of a bond or bridge in the kernel, without NetworkManager. `file` is the option's, below the link's
    directory in /sys/class/net; `value` is what the kernel reads from it, `option` what people call it."""

    ifname: str
    option: str
    file: str
    value: str

    def text(self) -> str:
        return f"set {self.option} of {self.ifname} to {self.value or 'nothing'} in the kernel"

    def commands(self) -> tuple[Argv, ...]:
        path = f"/sys/class/net/{self.ifname}/{self.file}"
        return (("sh", "-c", 'echo "$1" >"$2"', "sh", self.value, path),)


@dataclass(frozen=True, slots=True, kw_only=True)
class PutPort(HostStep):
    """Make the link a port of `controller` in the kernel, without NetworkManager and libvirt: for taps, which neither
    of them restores. None removes it from its controller."""

    ifname: str
    controller: str | None

    def text(self) -> str:
        there = self.controller
        return f"add {self.ifname} to {there}" if there else f"remove {self.ifname} from its controller"

    def commands(self) -> tuple[Argv, ...]:
        return (_set(self.ifname, *(("master", self.controller) if self.controller else ("nomaster",))),)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepMac(HostStep):
    """Give new links their MAC again when udev is done with them: it sets one of its own choice on a
    new bond or bridge (systemd.link(5), MACAddressPolicy=persistent), and at times after NetworkManager has set its."""

    ifnames: tuple[str, ...]
    mac: Mac

    def text(self) -> str:
        return f"keep the MAC {self.mac} on {', '.join(self.ifnames)}"

    def commands(self) -> tuple[Argv, ...]:
        settle = ("udevadm", "settle", f"--timeout={UDEV_S}")
        return (settle, *(_set(ifname, "address", self.mac) for ifname in self.ifnames))

    def run_lines(self) -> Iterable[str]:
        settle, *set_macs = self.commands()
        return f"{shlex.join(settle)} || :", *(shlex.join(("run", *argv)) for argv in set_macs)


@dataclass(frozen=True, slots=True, kw_only=True)
class LetSettle(HostStep):
    """Wait for so long that the switch forgets LACP on the link that left first before it forgets it on the others.

    A switch that takes one port of a group without LACP (Linux bonding with ad_select stable does) takes the one that
    it forgot first.
    """

    seconds: int

    def text(self) -> str:
        return f"wait {self.seconds} s for the switch"

    def commands(self) -> tuple[Argv, ...]:
        return (("sleep", str(self.seconds)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveLast(HostStep):
    """In a rollback: if `ifname` must be the last port that leaves the bond (`facts.fabric.leaves_last`), remove the
    others first and let the switch settle. Nothing happens if it must leave first, or if the bond does not exist.

    The order depends on who sent LACP first, which changes with each boot. So vmnet decides it during the rollback.
    `others` are ifname and profile UUID of each other port. `turned`: the other order, after an undo in the first one
    has failed.
    """

    bond: str
    ifname: str
    others: tuple[tuple[str, str], ...]
    seconds: int
    turned: bool = False

    def text(self) -> str:
        first = listed(ifname for ifname, _ in self.others)
        order = ", in reverse order because the last undo failed" if self.turned else ""
        return f"remove {first} from {self.bond} first, if the LACP switch needs {self.ifname} to leave last{order}"

    def undo_lines(self) -> Iterable[str]:
        others = (word for pair in self.others for word in pair)
        return (shlex.join(("leave_last", self.bond, self.ifname, str(self.seconds), *others)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class _RoutesStep(HostStep):
    """Routes of the main table beside NetworkManager's own."""

    routes: tuple[Route, ...]

    def _routes(self) -> str:
        links = listed(dict.fromkeys(route.ifname for route in self.routes))
        return f"routes through {links}: {listed(route.destination or 'default' for route in self.routes)}"

    def _commands(self, verb: str) -> tuple[Argv, ...]:
        return tuple(_route(verb, route) for route in self.routes)

    def undo_lines(self) -> Iterable[str]:
        # They only shorten the outage: a leased address may not exist yet, and routes disappear with their link.
        return (f"{shlex.join(argv)} 2>/dev/null || :" for argv in self.commands())


@dataclass(frozen=True, slots=True, kw_only=True)
class AddRoutes(_RoutesStep):
    """Add routes to the main table beside NetworkManager's own, through netlink: at once."""

    def text(self) -> str:
        return f"add {self._routes()}"

    def commands(self) -> tuple[Argv, ...]:
        return self._commands("replace")


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveRoutes(_RoutesStep):
    """Remove what `AddRoutes` added. A route that no longer exists is no failure."""

    def text(self) -> str:
        return f"remove {self._routes()}"

    def commands(self) -> tuple[Argv, ...]:
        return self._commands("delete")

    def run_lines(self) -> Iterable[str]:
        return (f"{shlex.join(argv)} 2>/dev/null" for argv in self.commands())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProveUntouched(HostStep):
    """Fail unless the link is as it was when the plan was made (empty: may differ), and its profile's file too
    (None: may change)."""

    ifname: str
    proof: Proof
    profile: str | None

    def text(self) -> str:
        return f"prove that {self.ifname} is untouched"

    def run_lines(self) -> Iterable[str]:
        return (shlex.join(("run", "untouched", self.ifname)),)


def _set(ifname: str, *words: str) -> Argv:
    return ("ip", "link", "set", "dev", ifname, *words)


def _route(verb: str, route: Route) -> Argv:
    via = ("via", str(route.gateway)) if route.gateway is not None else ()
    source = ("src", str(route.source)) if route.source is not None else ()
    end = ("dev", route.ifname, *source, "metric", str(route.metric))
    return ("ip", "route", verb, str(route.destination or "default"), *via, *end)
