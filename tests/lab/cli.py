"""``scripts/lab``: one verb, one call of ``Lab``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from . import qemu, recipe
from .console import attach
from .errors import LabError
from .machine import Lab
from .ssh import CONNECTION_LOST
from .starts import MADE, Starts
from .status import render_status

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ABOUT = """\
A lab host that anyone can break: Debian with NetworkManager, libvirt and guests in a virtual machine, behind a switch
that speaks LACP. Nothing on this machine changes but a cache directory."""

EXAMPLES = """\
the lab:
  p2p1  management, 10.0.0.3/24, the way in          em1, p4p1  the LAN, 172.16.4.0/24, each a port of the switch
  172.16.4.1 gateway   172.16.4.2 DNS   172.16.4.50 the LAN peer   DHCP .100 to .199
  guests: web01 (runs), db01 (runs, two interfaces), old01 (shut off), all on libvirt's default network
states:
  clean   em1 holds 172.16.4.3/24 and the default route, p4p1 is plain, guests on virbr0
  primer  the broken start: profiles that were never up, an empty bridge, no address but the management one
  made by the first reset to them: bridged, mended (clean, primer after host-setup), four-nics (clean with em2, p4p2
  on a second switch, and VLANs 20, 30), bridged-four, on-vlan (four-nics, the address on em1.10)
switch:
  lag         one LACP bond of both ports; a port without LACP is dropped as soon as the other speaks it (default)
  individual  LACP, and each port works alone until it is spoken
  plain       no LACP        silent  links up, nothing behind

examples:
  scripts/lab up                                   # the first time builds and takes minutes, later seconds
  scripts/lab run -- nmcli device
  scripts/lab lan -- ping -c 3 172.16.4.3
  scripts/lab lan -- ssh root@172.16.4.3 hostname  # from the LAN, on the very address that moves
  scripts/lab cable em1 off; scripts/lab run -- ip -br link; scripts/lab reset primer
  scripts/lab --name other up --release trixie --state primer"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/lab", description=ABOUT, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--name", default="default", help="which of several labs (default: %(default)s)")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    up = verbs.add_parser("up", help="build if needed, start, reach a state, install this checkout's vmnet")
    up.add_argument("--release", choices=recipe.RELEASES, help="Debian release (default: the running one, or bookworm)")
    up.add_argument("--state", choices=recipe.STATES, default="clean", help="default: %(default)s")
    reset = verbs.add_parser("reset", help="load a state again, all cables plugged in; make it if it can be made")
    reset.add_argument("state", nargs="?", default="", help="default: the state loaded last")
    keep = verbs.add_parser("save", help="save the machine as it is now as a state for reset")
    keep.add_argument("state")
    verbs.add_parser("install", help="install this checkout's vmnet again, in every state")
    for verb, where in (("run", "as root on the lab host"), ("lan", "on the LAN peer, 172.16.4.50")):
        run = verbs.add_parser(verb, help=f"run a command {where}: {verb} -- CMD...; hands back its exit code")
        run.add_argument("--timeout", type=float, default=3600, metavar="SECONDS", help="default: %(default)s")
        run.add_argument("command", nargs="+", metavar="CMD")
    switch = verbs.add_parser("switch", help="change what the switch is")
    switch.add_argument("mode", choices=recipe.SWITCH_MODES)
    cable = verbs.add_parser("cable", help="plug or pull a cable at both ends")
    cable.add_argument("nic", choices=(*recipe.CABLES, *qemu.SECOND_CABLES))
    cable.add_argument("position", choices=("on", "off"))
    push = verbs.add_parser("push", help="copy files to the lab host")
    push.add_argument("files", nargs="+", type=Path, metavar="FILE")
    push.add_argument("--to", default="/root", metavar="DIRECTORY", help="default: %(default)s")
    verbs.add_parser("console", help="the serial console, a root shell; leave with Ctrl-]")
    verbs.add_parser("reboot", help="reboot in order and wait")
    verbs.add_parser("power-cycle", help="press the reset button and wait")
    verbs.add_parser("status", help="what runs, in which state, at what cost")
    verbs.add_parser("down", help="end the machine and remove it; the build stays cached")
    return parser


def _reset(lab: Lab, state: str) -> None:
    """Load a saved state; make it first if it is one of those made of others."""
    with lab.monitor() as monitor:
        saved = monitor.snapshots()
    if state in MADE and state not in saved:
        Starts(lab).reach(state)
    else:
        lab.reset(state)


def _execute(lab: Lab, arguments: argparse.Namespace) -> int:
    verbs: dict[str, Callable[[], object]] = {
        "up": lambda: lab.up(arguments.state),
        "reset": lambda: _reset(lab, arguments.state),
        "save": lambda: lab.save(arguments.state),
        "install": lab.install,
        "switch": lambda: lab.switch(arguments.mode),
        "cable": lambda: lab.cable(arguments.nic, on=arguments.position == "on"),
        "push": lambda: lab.push(arguments.files, to=arguments.to),
        "console": lambda: attach(lab.directory / "console.sock"),
        "reboot": lab.reboot,
        "power-cycle": lab.power_cycle,
        "status": lambda: print(render_status(lab)),
        "down": lab.down,
    }
    if arguments.verb in {"run", "lan"}:
        return _stream(lab, arguments)
    verbs[arguments.verb]()
    return 0


def _stream(lab: Lab, arguments: argparse.Namespace) -> int:
    prefix = ["ip", "netns", "exec", "lan"] if arguments.verb == "lan" else []
    terminal = sys.stdin.isatty() and sys.stdout.isatty()
    code = lab.ssh.stream([*prefix, *arguments.command], timeout=arguments.timeout, terminal=terminal)
    if code == CONNECTION_LOST:
        print("lab: exit code 255: from the command, or the connection was lost", file=sys.stderr)
    return code


def main(words: Sequence[str] | None = None) -> int:
    """Run one verb; return the exit code."""
    arguments = _parser().parse_args(words)
    try:
        lab = Lab(arguments.name)
        record = lab.record
        release = getattr(arguments, "release", None) or (record.release if record else None)
        return _execute(Lab(arguments.name, release) if release else lab, arguments)
    except (LabError, OSError) as error:
        print(f"lab: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    return 1
