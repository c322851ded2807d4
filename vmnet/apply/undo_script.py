"""A run's way back as a plain shell script: for the console of a host on which vmnet does not run any more.

It is written before the first step. It takes back what `vmnet undo` would, newest first, with nmcli and virsh alone,
and may be run again; what a script cannot do (it edits no saved states) it names.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from vmnet.apply.journal import UNDO_SCRIPT
from vmnet.apply.undo import standing_runs
from vmnet.plan import steps
from vmnet.plan.commands import commands_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.apply.journal import Journal
    from vmnet.host.profile_files import ProfileCopy
    from vmnet.plan.steps import Plan

_HEAD = """\
#!/bin/sh
# Takes the vmnet run {run} back, without vmnet. As root, from a console: sh {name}
# It may be run again. Each command is shown; what fails is counted, and the rest is done all the same.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit 1
export LC_ALL=C.UTF-8
document=$(mktemp) || exit 1
trap 'rm -f "$document"' EXIT
failed=0
try() {{
    echo "+ $*"
    "$@" || {{ echo "FAILED: $*" >&2; failed=$((failed + 1)); }}
}}
# uuid, file, mode, owner, group
restore() {{
    now=$(nmcli -e no -t -f UUID,FILENAME connection show | sed -n "s/^$1://p")
    try install -D -m "$3" -o "$4" -g "$5" "profiles/$1.nmconnection" "$2"
    [ "$now" = "$2" ] || [ ! -f "$now" ] || try rm -f -- "$now"
    try nmcli connection reload
}}
delete() {{
    nmcli -g connection.id connection show uuid "$1" >/dev/null 2>&1 || return 0
    try nmcli connection delete uuid "$1"
}}
activate() {{
    nmcli -g UUID connection show --active | grep -qxF "$1" || try nmcli --wait 60 connection up uuid "$1"
}}
network() {{
    virsh net-info -- "$1" 2>/dev/null | grep -q "^$2"
}}
"""
_TAIL = """
[ "$failed" = 0 ] && echo 'all of it is taken back' && exit 0
echo "$failed of the commands failed" >&2
exit 1
"""


def write_undo_script(plan: Plan, journal: Journal, copies: Iterable[ProfileCopy]) -> None:
    """Write the script beside the journal, on the disk, and have the link lead to it."""
    journal.write(UNDO_SCRIPT, undo_script(plan, journal.run, copies).encode())
    _lead_to(journal.directory.parent, journal)


def point_to_undo_script(runs: Path) -> None:
    """Have the link lead to the newest run that is left to undo; with none left, it goes."""
    standing = [journal for journal in standing_runs(runs) if (journal.directory / UNDO_SCRIPT).exists()]
    _lead_to(runs, standing[-1] if standing else None)


def _lead_to(runs: Path, journal: Journal | None) -> None:
    link = runs.parent / UNDO_SCRIPT
    if journal is None:
        link.unlink(missing_ok=True)
        return
    new = link.with_suffix(".new")
    new.unlink(missing_ok=True)
    new.symlink_to(Path(runs.name) / journal.run / UNDO_SCRIPT)
    new.replace(link)


def undo_script(plan: Plan, run: str, copies: Iterable[ProfileCopy]) -> str:
    """Return the script that takes `plan` back when it stands beside the run's `profiles/`.

    Args:
        copies: the profiles that were copied, with mode and owner.
    """
    known = {copy.uuid: copy for copy in copies}
    lines = [_HEAD.format(run=run, name=UNDO_SCRIPT)]
    for planned in reversed(plan.planned):
        for step in planned.undo:
            lines += ["", f"# undoes: {' '.join(planned.why.split())}", *_lines(step, known)]
    for planned in plan.planned:
        if isinstance(planned.step, steps.BounceLinks):
            lines += ["", f"# {' '.join(planned.why.split())}", *_bounce(planned.step)]
    return "\n".join([*lines, _TAIL])


def _lines(step: steps.Step, copies: dict[str, ProfileCopy]) -> Iterator[str]:
    match step:
        case steps.RestoreProfile(uuid=uuid, filename=filename):
            yield from _restore(uuid, filename, copies)
        case steps.DeleteProfile(uuid=uuid):
            yield shlex.join(("delete", uuid))
        case steps.ActivateProfile(uuid=uuid):
            yield shlex.join(("activate", uuid))
        case (
            steps.DefineNetwork()
            | steps.StartNetwork()
            | steps.StopNetwork()
            | steps.UndefineNetwork()
            | steps.SetNetworkAutostart()
        ):
            yield from _network(step)
        case steps.MoveInterface() | steps.RemoveInterface() | steps.RewriteSavedState() | steps.RaiseLinks():
            yield from _domain(step)
        case steps.OpenCheckpoint() | steps.CommitCheckpoint() | steps.RollBackCheckpoint():
            # By the time that somebody runs this, NetworkManager has forgotten or used it.
            return
        case _:
            yield from (shlex.join(("try", *argv)) for argv in commands_of(step))


def _restore(uuid: str, filename: str, copies: dict[str, ProfileCopy]) -> Iterator[str]:
    copy = copies.get(uuid)
    if copy is None:
        yield shlex.join(("try", "nmcli", "connection", "load", filename))
        return
    yield shlex.join(("restore", uuid, copy.filename, f"{copy.mode:04o}", str(copy.uid), str(copy.gid)))


def _network(
    step: steps.DefineNetwork
    | steps.StartNetwork
    | steps.StopNetwork
    | steps.UndefineNetwork
    | steps.SetNetworkAutostart,
) -> Iterator[str]:
    name = shlex.quote(step.name)
    active, stored = f"network {name} 'Active: *yes'", f"network {name} 'Persistent: *yes'"
    match step:
        case steps.DefineNetwork(document=document):
            yield from _document(document)
            yield 'try virsh net-define "$document"'
        case steps.StartNetwork(restart=restart):
            if restart:
                yield f"{active} && try virsh net-destroy -- {name}"
            yield f"{active} || try virsh net-start -- {name}"
        case steps.StopNetwork():
            yield f"{active} && try virsh net-destroy -- {name}"
        case steps.UndefineNetwork():
            yield f"{stored} && try virsh net-undefine -- {name}"
        case steps.SetNetworkAutostart(autostart=autostart):
            yield f"{stored} && try virsh net-autostart {'' if autostart else '--disable '}-- {name}"


def _domain(
    step: steps.MoveInterface | steps.RemoveInterface | steps.RewriteSavedState | steps.RaiseLinks,
) -> Iterator[str]:
    match step:
        case steps.MoveInterface(domain_uuid=uuid, scope=scope, after=after):
            yield from _document(after)
            option = "--live" if scope == "running" else "--config"
            yield f'{_unless_off(uuid, scope)}try virsh update-device {uuid} "$document" {option}'
        case steps.RemoveInterface(domain_uuid=uuid, mac=mac, scopes=scopes):
            for scope in scopes:
                option = "--live" if scope == "running" else "--config"
                yield f"{_unless_off(uuid, scope)}try virsh detach-interface {uuid} network --mac {mac} {option}"
        case steps.RaiseLinks(links=links):
            yield from (_set_link(link, "up") for link in links)
        case steps.RewriteSavedState(domain=domain, domain_uuid=uuid, snapshot=snapshot, wanted=wanted):
            what = ("snapshot-edit", uuid, snapshot) if snapshot is not None else ("managedsave-edit", uuid)
            source = wanted.network or wanted.bridge
            text = f"by hand: {shlex.join(('virsh', *what))}    # {domain}: its interfaces go back to {source}"
            yield shlex.join(("echo", text))
            yield "failed=$((failed + 1))"


def _unless_off(uuid: str, scope: str) -> str:
    return f'[ "$(virsh domstate {uuid} 2>/dev/null)" = "shut off" ] || ' if scope == "running" else ""


def _document(text: str) -> Iterator[str]:
    end = "END"
    while end in text.splitlines():
        end += "_"
    yield f"cat >\"$document\" <<'{end}'"
    yield text.rstrip("\n")
    yield end


def _bounce(step: steps.BounceLinks) -> Iterator[str]:
    yield from (_set_link(link, "down") for link in step.links)
    yield f"try sleep {step.seconds}"
    yield from (_set_link(link, "up") for link in step.links)


def _set_link(link: steps.BouncedLink, state: str) -> str:
    uuid = link.domain_uuid
    return f"{_unless_off(uuid, 'running')}try virsh domif-setlink {uuid} {link.mac} {state}"
