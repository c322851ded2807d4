"""Rollback in a shell: which port leaves an LACP bond last, and the proof that what answered before answers again."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from vmnet.names import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.plan import steps

ANSWER_FUNCTIONS = """\
# Arguments: bond, link. Whether the link must be the last port: see vmnet/facts/fabric.py.
leaves_last() {
    link=$2 awk '
        /^Slave Interface: / { port = $3; actor = 1 }
        /^details partner/ { actor = 0 }
        port && /^Aggregator ID:/ { group[port] = $3 }
        /^ *port number:/ { if (actor) number[port] = $3; else partner[port] = $3 }
        END {
            mine = group[ENVIRON["link"]]
            for (port in partner) {
                if (group[port] != mine) continue
                if (!lowest || partner[port] < lowest) lowest = partner[port] + 0
                if (number[port] == mine) first = partner[port] + 0
            }
            exit !(first && first == lowest)
        }' "/proc/net/bonding/$1" 2>/dev/null
}
# Arguments: bond, link, seconds, and for each other port its link and profile.
leave_last() {
    leaves_last "$1" "$2" || return 0
    seconds=$3
    shift 3
    while [ $# -gt 0 ]; do
        [ ! -d "/sys/class/net/$1/bonding_slave" ] || deactivate "$2"
        shift 2
    done
    sleep "$seconds"
}
name_server() {
    command -v dig >/dev/null || { say "$1 is not asked: dig is not installed"; return 0; }
    dig +time=2 +tries=1 "@$1" . NS >/dev/null 2>&1
}
# A router need not answer a ping. No route says on which link a link-local address is.
gateway() {
    ip neigh flush to "$1"
    case $1 in
    fe80:*) targets=$(ip -o -6 address show scope link | awk -v to="$1" '{ print to "%" $2 }') ;;
    *) targets=$1 ;;
    esac
    for target in $targets; do
        ! ping -n -q -c 1 -W 1 "$target" || return 0
    done
    ip neigh show to "$1" | grep -qF REACHABLE
}
heard=
# Arguments: number of a probe, its command. Runs before anything is undone.
hear() {
    number=$1
    shift
    ! "$@" >/dev/null 2>&1 || heard="$heard $number "
}
# Argument: down or up. Sets the links of the NICs that had no address, if there are any.
others() {
    return 1
}
# Arguments: seconds, the command that must succeed.
until_heard() {
    end=$(($(date +%s) + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$(date +%s)" -le "$end" ] || return 1
        sleep 1
    done
}
# Arguments: number of a probe, seconds, its name, its command. If no probe answered at first, it waits for all.
answers() {
    number=$1 seconds=$2 what=$3
    shift 3
    case $heard in
    '' | *" $number "*) ;;
    *) say "$what did not answer at the start of this script: no wait for it" && return ;;
    esac
    say "+ wait up to $seconds s for $what to answer"
    ! until_heard "$seconds" "$@" || return 0
    if others down; then
        until_heard 15 "$@" || :
        others up
        ! until_heard 15 "$@" || return 0
    fi
    missed "$what does not answer, but did before the run"
    say 'ON THE SWITCH: disable and enable the ports of the other NICs: it may still forward to one of them' >&2
}
"""
"""What the lines below call, besides `plan.shell.UNDO_FUNCTIONS`."""


def hear_lines(waits: Iterable[steps.WaitAnswer]) -> Iterator[str]:
    """Yield the lines that ask, before anything is undone, what must answer after it."""
    for number, wait in enumerate(waits, 1):
        yield shlex.join(("hear", str(number), *wait.asking()))
        if wait.others:
            links = shlex.join(wait.others)
            yield f'others() {{ for link in {links}; do ip link set dev "$link" "$1"; done; }}'


def answer_lines(waits: Iterable[steps.WaitAnswer]) -> Iterator[str]:
    """Yield the lines that wait for what answered; those of `hear_lines` come before."""
    for number, wait in enumerate(waits, 1):
        yield shlex.join(("answers", str(number), str(wait.timeout_s), printable(str(wait.probe)), *wait.asking()))
