"""Steps as lines of a POSIX shell, for the scripts that run without vmnet."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vmnet.documents.interfaces import with_filter
from vmnet.names import printable
from vmnet.plan import steps
from vmnet.plan.commands import commands_of
from vmnet.plan.shell_answers import ANSWER_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_FUNCTIONS = """\
# Prints one line. A question mark replaces each character that could control the terminal.
say() {
    case $* in
    *[!\\ -~]*)
        printf '%s' "$*" | tr '\\001-\\037\\177' '[?*]' | LC_ALL=C sed \\
            -e 's/\\xc2[\\x80-\\x9f]/?/g; s/\\xd8\\x9c/?/g' \\
            -e 's/\\xe2\\x80[\\x8e\\x8f\\xa8-\\xae]/?/g; s/\\xe2\\x81[\\xa6-\\xa9]/?/g'
        printf '\\n'
        ;;
    *) printf '%s\\n' "$*" ;;
    esac || :
}
missed() {
    say "FAILED: $*" >&2
    failed=$((failed + 1))
}
try() {
    say "+ $*"
    "$@" || missed "$*"
}
# Arguments: a command. Its input has a space before each line.
with_input() {
    sed 's/^ //' | "$@"
}
# Argument: seconds to wait. One vmnet at a time changes a host. VMNET_LOCKED=1: the caller holds the lock.
lock() {
    [ "${VMNET_LOCKED-}" != 1 ] || return 0
    if mkdir -p /run/vmnet && chmod 0700 /run/vmnet && touch /run/vmnet/lock; then
        exec 9<>/run/vmnet/lock
    else
        say 'the lock of vmnet cannot be taken; this script goes on without it' >&2
        return 0
    fi
    status=0
    flock -w "$1" -E 5 9 || status=$?
    if [ "$status" -eq 5 ]; then
        say "another vmnet is changing this host: $(cat /run/vmnet/lock)" >&2
        say 'sudo vmnet follow shows what it does; run this again when it has ended' >&2
        exit 5
    fi
    printf 'process %s, since %s' "$$" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" >/run/vmnet/lock
}
# Argument: a text. Prints the rest of the lines that begin with it.
after() {
    while IFS= read -r line; do
        case $line in "$1"*) printf '%s\\n' "${line#"$1"}" ;; esac
    done
}
# Arguments: file, options of install. The new file replaces the old one when it is complete.
replace() {
    file=$1 new=${1%/*}/.${1##*/}.vmnet
    shift
    install "$@" "$new" && mv -f -- "$new" "$file"
}
# Arguments: uuid, file, mode, owner, group.
restore() {
    now=$(nmcli -e no -t -f UUID,FILENAME connection show | after "$1:")
    try replace "$2" -D -m "$3" -o "$4" -g "$5" "profiles/$1.nmconnection"
    [ "$now" = "$2" ] || [ ! -f "$now" ] || try rm -f -- "$now"
    only "$1" "$2"
    try nmcli connection reload
}
# Arguments: uuid, file. Removes the other keyfiles that the profile got after it was copied.
only() {
    nm=NetworkManager/system-connections
    for file in /etc/"$nm"/*.nmconnection /run/"$nm"/*.nmconnection; do
        if [ "$file" = "$2" ] || ! grep -qxF -e "uuid=$1" -- "$file" 2>/dev/null; then continue; fi
        grep -qxF -e "$file" -- "profiles/$1.files" 2>/dev/null || try rm -f -- "$file"
    done
}
# Arguments: uuid, name. A loss of power may have left an empty file, which NetworkManager ignores.
delete() {
    if nmcli -g connection.id connection show uuid "$1" >/dev/null 2>&1; then try nmcli connection delete uuid "$1"; fi
    for file in "$2" "$2-$1"; do
        file=/etc/NetworkManager/system-connections/$file.nmconnection
        [ ! -f "$file" ] || [ -s "$file" ] || try rm -f -- "$file"
    done
    only "$1" ''
}
# Arguments: uuid, seconds. A port whose controller starts with it may fail (4) and come up at the next attempt.
activate() {
    ! nmcli -g UUID connection show --active | grep -qxF -e "$1" || return 0
    say "+ nmcli --wait $2 connection up uuid $1"
    for left in 2 1 0; do
        status=0
        nmcli --wait "$2" connection up uuid "$1" || status=$?
        if [ "$status" -ne 4 ] || [ "$left" -eq 0 ]; then break; fi
        sleep 1
    done
    [ "$status" -eq 0 ] || missed "nmcli connection up uuid $1"
}
modify() {
    uuid=$1
    shift
    nmcli -g connection.id connection show uuid "$uuid" >/dev/null 2>&1 || return 0
    try nmcli connection modify --temporary uuid "$uuid" "$@"
}
reapply() {
    ! nmcli -g GENERAL.STATE device show "$1" 2>/dev/null | grep -q '^100' || try nmcli device reapply "$1"
}
deactivate() {
    ! nmcli -g UUID connection show --active | grep -qxF -e "$1" || try nmcli connection down uuid "$1"
}
# Arguments: uuid, MAC, --live or --config. A running document has the network's type for an interface on a network
unplug() {
    where=
    [ "$3" = --live ] || where=--inactive
    type=$(virsh domiflist "$1" ${where:+"$where"} | mac=$2 awk '$NF == ENVIRON["mac"] { print $2 }')
    [ -n "$type" ] || return 0
    try virsh detach-interface "$1" "$type" --mac "$2" "$3"
    # A guest releases it in its own time; a booting guest does not release it.
    for second in 1 2 3 4 5 6 7 8 9 10; do
        virsh domiflist "$1" ${where:+"$where"} | grep -qF -e "$2" || return 0
        sleep 1
    done
    missed "the guest has not released $2 within $second s; run this again when it has started"
}
# Arguments: link, seconds, addresses.
back_again() {
    link=$1 end=$(($(date +%s) + $2))
    shift 2
    for wanted; do
        until ip -o address show dev "$link" scope global 2>/dev/null | grep -qF -e " $wanted "; do
            [ "$(date +%s)" -le "$end" ] || {
                missed "$link does not have $wanted again; check the DHCP server"
                return
            }
            sleep 1
        done
    done
}
network() {
    virsh net-info -- "$1" 2>/dev/null | grep -q "^$2"
}
"""
UNDO_FUNCTIONS = _FUNCTIONS + ANSWER_FUNCTIONS
"""What the lines of `undo_lines` call. A script has `failed` set to 0, and its umask to 077.

`echo` is not used: dash's takes a backslash in a name for an escape, and ends the line at `\\c`."""


def comment(text: str) -> str:
    """Return `text` as a comment, which is one line whatever the text holds."""
    return f"# {printable(' '.join(text.split()))}"


def undo_lines(step: steps.Step, restore: Callable[[steps.RestoreProfile], Iterable[str]]) -> Iterator[str]:
    """Yield the lines that carry out an undo with the functions of `UNDO_FUNCTIONS`.

    Args:
        restore: says how a profile's file is put back; where the copies are differs from script to script.
    """
    match step:
        case steps.RestoreProfile():
            yield from restore(step)
        case _ if isinstance(step, steps.ProfileStep):
            yield shlex.join(_profile(step))
        case steps.ReapplyDevice() | steps.WaitAddress() | steps.LeaveLast():
            yield shlex.join(_link(step))
        case _ if isinstance(step, steps.NetworkStep):
            yield from network_lines(step, "try")
        case steps.MoveInterface() | steps.LearnAgain() | steps.RemoveInterface():
            yield from _domain(step)
        case steps.RewriteSavedState() | steps.RaiseLinks():
            yield from _domain(step)
        case steps.AddRoutes() | steps.RemoveRoutes() | steps.DisconnectDevice():
            # Routes only shorten the outage: a leased address may not exist yet, and routes disappear with their link.
            # A device may be disconnected already.
            yield from (f"{shlex.join(argv)} 2>/dev/null || :" for argv in commands_of(step))
        case _ if isinstance(step, steps.CheckpointStep):
            # When somebody runs this, NetworkManager has already forgotten or used it.
            return
        case _:
            yield from (shlex.join(("try", *argv)) for argv in commands_of(step))


def _link(step: steps.ReapplyDevice | steps.WaitAddress | steps.LeaveLast) -> tuple[str, ...]:
    match step:
        case steps.ReapplyDevice(ifname=ifname):
            return ("reapply", ifname)
        case steps.WaitAddress(ifname=ifname, addresses=addresses, timeout_s=seconds):
            return ("back_again", ifname, str(seconds), *map(str, addresses))
        case steps.LeaveLast(bond=bond, ifname=ifname, others=others, seconds=seconds):
            return ("leave_last", bond, ifname, str(seconds), *(word for pair in others for word in pair))


def _profile(step: steps.ProfileStep) -> tuple[str, ...]:
    match step:
        case steps.DeleteProfile(uuid=uuid, name=name):
            return ("delete", uuid, name)
        case steps.ActivateProfile(uuid=uuid, wait=wait):
            return ("activate", uuid, "60" if wait else "0")
        case steps.DeactivateProfile(uuid=uuid):
            return ("deactivate", uuid)
        case steps.ModifyProfile(uuid=uuid, settings=settings, save=False):
            return ("modify", uuid, *(word for pair in settings for word in pair))
        case _:
            return ("try", *commands_of(step)[0])


def network_lines(step: steps.NetworkStep, run: str) -> Iterator[str]:
    """Yield the lines that carry out a step on a libvirt network; `run` is the function that runs its commands."""
    name = shlex.quote(step.name)
    active, stored = f"network {name} 'Active: *yes'", f"network {name} 'Persistent: *yes'"
    match step:
        case steps.DefineNetwork(document=document):
            yield from with_document(run, "virsh net-define", document)
        case steps.StartNetwork(restart=restart):
            if restart:
                yield f"{active} && {run} virsh net-destroy -- {name}"
            yield f"{active} || {run} virsh net-start -- {name}"
        case steps.StopNetwork():
            yield f"{active} && {run} virsh net-destroy -- {name}"
        case steps.UndefineNetwork():
            yield f"{stored} && {run} virsh net-undefine -- {name}"
        case steps.SetNetworkAutostart(autostart=autostart):
            yield f"{stored} && {run} virsh net-autostart {'' if autostart else '--disable '}-- {name}"


def _domain(
    step: steps.MoveInterface | steps.LearnAgain | steps.RemoveInterface | steps.RewriteSavedState | steps.RaiseLinks,
) -> Iterator[str]:
    match step:
        case steps.MoveInterface(scope=scope):
            uuid, unless_off = shlex.quote(step.domain_uuid), _unless_off(step.domain_uuid, scope)
            option = "--live" if scope == "running" else "--config"
            if step.replug:
                yield f"{unless_off}unplug {uuid} {shlex.quote(step.mac)} --live"
            verb = "attach-device" if step.replug else "update-device"
            yield from with_document(f"{unless_off}try", f"virsh {verb} {uuid} {option} --file", step.after)
        case steps.RemoveInterface(domain_uuid=uuid, mac=mac, scopes=scopes):
            for scope in scopes:
                option = "--live" if scope == "running" else "--config"
                yield f"{_unless_off(uuid, scope)}{shlex.join(('unplug', uuid, mac, option))}"
        case steps.LearnAgain(domain_uuid=uuid, document=document):
            update = shlex.join(("virsh", "update-device", uuid, "--live", "--file"))
            for text in (with_filter(document, None), document):
                yield from with_document(f"{_unless_off(uuid, 'running')}try", update, text)
        case steps.RaiseLinks(links=links):
            yield from (_set_link(link, "up") for link in links)
        case steps.RewriteSavedState(domain=domain, domain_uuid=uuid, snapshot=snapshot, wanted=wanted):
            what = ("snapshot-edit", "--", uuid, snapshot) if snapshot is not None else ("managedsave-edit", uuid)
            source = wanted.network or wanted.bridge
            text = f"by hand: {shlex.join(('virsh', *what))}    # {domain}: its interfaces move back to {source}"
            yield shlex.join(("say", text))
            yield "failed=$((failed + 1))"


def _unless_off(uuid: str, scope: str) -> str:
    asked = f"virsh domstate {shlex.quote(uuid)} 2>/dev/null"
    return f'[ "$({asked})" = "shut off" ] || ' if scope == "running" else ""


def with_document(run: str, command: str, text: str) -> Iterator[str]:
    """Yield the lines that have the function `run` run a command with `text` as its input, without a file: the disk may
    be full.

    All lines are indented: none ends the text, and dash 0.5.12 loses a byte of a line that begins
    as the end does and continues with non-ASCII letters.
    """
    yield f"{run} with_input {command} /dev/stdin <<'END'"
    yield from (f" {line}" for line in text.rstrip("\n").split("\n"))
    yield "END"


def bounce_lines(step: steps.BounceLinks) -> Iterator[str]:
    """Yield the lines that take guests' links down and up; a shell cannot ask agents well, and does not."""
    if step.seconds == 0:
        return
    yield from (_set_link(link, "down") for link in step.links)
    yield f"try sleep {step.seconds}"
    yield from (_set_link(link, "up") for link in step.links)


def _set_link(link: steps.BouncedLink, state: str) -> str:
    argv = ("try", "virsh", "domif-setlink", link.domain_uuid, link.mac, state)
    return f"{_unless_off(link.domain_uuid, 'running')}{shlex.join(argv)}"
