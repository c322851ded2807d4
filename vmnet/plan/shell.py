"""What the scripts that run without vmnet have in common; the lines of a step are in `vmnet.plan.steps`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vmnet.names import printable
from vmnet.plan import steps
from vmnet.plan.shell_answers import ANSWER_FUNCTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

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


def undo_lines(step: steps.Step, restore: Callable[[steps.RestoreProfile], Iterable[str]]) -> Iterable[str]:
    """Return the lines that carry out an undo with the functions of `UNDO_FUNCTIONS`.

    Args:
        restore: says how a profile's file is put back; where the copies are differs from script to script.
    """
    return restore(step) if isinstance(step, steps.RestoreProfile) else step.undo_lines()
