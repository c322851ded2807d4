"""A host-setup plan as a shell script that makes the change, and undoes it, on a host without vmnet.

It does what `vmnet.apply` does, in the same order: under a checkpoint of NetworkManager, profiles in memory until all
is proven, everything rolled back at the first failure. It has no journal: after a power cut, the host boots the state
before.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from typing import TYPE_CHECKING

from vmnet.fields import encode
from vmnet.plan import steps
from vmnet.plan.host.answers import all_old_addresses, old_answers
from vmnet.plan.shell import UNDO_FUNCTIONS, comment, undo_lines
from vmnet.plan.shell_answers import answer_lines, hear_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from vmnet.facts import Facts
    from vmnet.plan.steps import Plan

_HEAD = """\
#!/bin/sh
{made_for}; needs root, nmcli, busctl, ip, virsh, ping.
#   sh THIS         makes the change; rolls back everything at the first failure or Ctrl-C
#   sh THIS undo    undoes the change later
set -u
export LC_ALL=C.UTF-8
[ "$(id -u)" = 0 ] || {{ echo 'this needs root' >&2; exit 3; }}
[ "$(cat /etc/machine-id)" = {machine_id} ] || {{ echo 'this script was made for another host' >&2; exit 3; }}
umask 077
kept=/var/lib/vmnet/by-script/{digest}
failed=0
checkpoint=
begun=
"""
_FUNCTIONS = """\
# Copies the keyfile of a profile before it is changed.
keep() {
    [ ! -e "profiles/$1.nmconnection" ] && [ -f "$2" ] || return 0
    cp -p -- "$2" "profiles/$1.nmconnection"
    grep -lsxF -e "uuid=$1" /etc/NetworkManager/system-connections/*.nmconnection \\
        /run/NetworkManager/system-connections/*.nmconnection >"profiles/$1.files"
}
give_back() {
    copy=profiles/$1.nmconnection
    [ ! -e "$copy" ] || restore "$1" "$2" "$(stat -c %a "$copy")" "$(stat -c %u "$copy")" "$(stat -c %g "$copy")"
}
nm() {
    busctl call org.freedesktop.NetworkManager /org/freedesktop/NetworkManager org.freedesktop.NetworkManager "$@"
}
step() {
    say "[$1/$total] $2"
    begun="$1 $begun"
    [ -z "$checkpoint" ] || run nm CheckpointAdjustRollbackTimeout ou "$checkpoint" "$timeout"
}
run() {
    "$@" || go_back "$*"
}
go_back() {
    trap '' INT TERM HUP
    say "FAILED: $1; rolling back" >&2
    [ -z "$checkpoint" ] || try nm "$back" o "$checkpoint"
    undo_all
    exit 4
}
undo_all() {
    for number in $begun; do undo "$number"; done
    old_state
    [ "$failed" = 0 ] || { say "$failed of the commands failed" >&2; exit 7; }
    rm -rf "$kept"
    say 'everything is undone'
}
absent() {
    ! nmcli -g connection.id connection show uuid "$1" >/dev/null 2>&1 || {
        say "profile $1 exists already: the host has changed since this script was made; nothing was changed" >&2
        exit 3
    }
}
# Arguments: seconds, what is missing, the command that must succeed.
wait_for() {
    seconds=$1 what=$2
    shift 2
    end=$(($(date +%s) + seconds))
    until "$@"; do
        [ "$(date +%s)" -le "$end" ] || go_back "$what (waited $seconds s)"
        sleep 0.3
    done
}
carrier() {
    [ "$(cat "/sys/class/net/$1/carrier" 2>/dev/null)" = 1 ]
}
# Both ends collect and distribute (48), and the values of the partner are no defaults (64).
lacp() {
    for port; do
        state=$(cat "/sys/class/net/$port/bonding_slave/ad_actor_oper_port_state" 2>/dev/null) || return 1
        partner=$(cat "/sys/class/net/$port/bonding_slave/ad_partner_oper_port_state") || return 1
        [ $((state & 112)) = 48 ] && [ $((partner & 48)) = 48 ] || return 1
    done
}
ports() {
    controller=$1
    shift
    for port; do
        [ "$(basename "$(readlink "/sys/class/net/$port/master")")" = "$controller" ] || return 1
        carrier "$port" || return 1
        [ ! -e "/sys/class/net/$port/brport" ] || [ "$(cat "/sys/class/net/$port/brport/state")" = 3 ] || return 1
    done
}
# Arguments: link, the value of its lease to print.
lease() {
    nmcli -t -f DHCP4 device show "$1" | sed -n "s/.*:$2 = //p"
}
# Arguments: link, "leased" or nothing, addresses.
address() {
    link=$1 leased=$2
    shift 2
    [ $# != 0 ] || set -- 'inet '
    for wanted; do
        ip -o address show dev "$link" scope global -tentative 2>/dev/null | grep -qF -e " $wanted" || return 1
    done
    [ -n "$leased" ] || return 0
    leased=$(lease "$link" ip_address)
    for wanted; do
        case $wanted in inet*) [ -z "$leased" ] ;; *) [ "$leased" != "${wanted%%/*}" ] ;; esac || return 0
    done
    return 1
}
# Arguments: link, seconds. Applies its profile, and watches its lease until it is renewed or the time is over.
reapply_leased() {
    leased=$(lease "$1" ip_address) before=$(lease "$1" expiry)
    nmcli device reapply "$1" || return 1
    seconds=$2
    while [ "$seconds" -gt 0 ]; do
        ip -o -4 address show dev "$1" scope global | grep -qF -e " $leased/" || return 1
        after=$(lease "$1" expiry)
        [ "${after:-$before}" = "$before" ] || return 0
        sleep 1
        seconds=$((seconds - 1))
    done
}
look() {
    ip -br -4 address show dev "$1"
    ip -4 route show dev "$1"
    ip rule | grep -wF -e "$1"
    (cd "/sys/class/net/$1" && cat ifindex address mtu carrier_changes)
    ! firewall-cmd --state >/dev/null 2>&1 || firewall-cmd --get-zone-of-interface="$1" 2>&1
}
confirmed() {
    [ -e confirmed ] || { say "to confirm, from a new connection: touch $kept/confirmed"; sleep 3; false; }
}
untouched() {
    look "$1" | cmp -s - "before-$1"
}
neighbour() {
    ping -n -c 1 -W 1 -I "$1" "$2" >/dev/null 2>&1
    ip neigh show to "$2" dev "$1" | grep -qE 'REACHABLE|DELAY|PROBE|STALE|PERMANENT'
}
"""
_MIDDLE = """\
# A closed terminal must not stop the script half-way.
trap '' PIPE
lock 0
for directory in /var/lib/vmnet "${kept%/*}" "$kept" "$kept/profiles"; do
    mkdir -p "$directory"
    if [ "$(stat -c %u "$directory")" != 0 ] || ! chmod go-w "$directory"; then
        say "$directory must be a directory of root" >&2
        exit 4
    fi
done
cd "$kept" || exit 4
if [ "${1-}" = undo ]; then
    [ -e finished ] || { say 'nothing to undo: the change was not made'; exit 0; }
    hear_all
    begun=$(seq "$total" -1 1)
    undo_all
    exit 0
fi
[ ! -e finished ] || { say "the change is made already; to undo it: sh $0 undo"; exit 0; }
"""
_TAIL = """
: >finished
say "done; to undo it: sh $0 undo"
"""


def host_script(plan: Plan, facts: Facts) -> str:
    """Return the script that carries out `plan`, made from `facts`. For an empty plan, the script says so."""
    digest = hashlib.sha256(json.dumps(encode(plan)).encode()).hexdigest()[:12]
    machine = shlex.quote(facts.machine_id)
    made_for = comment(f"{plan.command}: made by vmnet for the host {facts.hostname} and its state at that time")
    lines = [_HEAD.format(made_for=made_for, machine_id=machine, digest=digest)]
    opened = [p.step for p in plan.planned if isinstance(p.step, steps.OpenCheckpoint)]
    lines += [f"total={len(plan.planned)}", f"timeout={max((step.timeout_s for step in opened), default=0)}"]
    # Its rollback makes a bridge again, and removes the guests' taps from an existing one: there undo_all does it all.
    lines.append(f"back={'CheckpointDestroy' if any(step.last_resort for step in opened) else 'CheckpointRollback'}")
    lines += [UNDO_FUNCTIONS + _FUNCTIONS + "\n".join(_undo_functions(plan, facts)), _MIDDLE]
    if plan.empty:
        lines.append("say 'nothing to do: all was as wanted'\nexit 0")
    lines += [shlex.join(("absent", uuid)) for uuid in _to_add(plan)]
    lines.append("trap 'go_back interrupted' INT TERM HUP")
    proven = [planned.step.ifname for planned in plan.planned if isinstance(planned.step, steps.ProveUntouched)]
    lines += [f"look {shlex.quote(ifname)} >{shlex.quote(f'before-{ifname}')}" for ifname in proven]
    lines += [shlex.join(("keep", uuid, filename)) for uuid, filename in _to_keep(plan)]
    for number, planned in enumerate(plan.planned, 1):
        lines += ["", comment(planned.why)]
        lines += [shlex.join(("step", str(number), str(planned.step))), *planned.step.run_lines()]
    return "\n".join([*lines, _TAIL])


def _to_add(plan: Plan) -> Iterator[str]:
    deleted = {planned.step.uuid for planned in plan.planned if isinstance(planned.step, steps.DeleteProfile)}
    for planned in plan.planned:
        if isinstance(planned.step, steps.AddProfile) and planned.step.uuid not in deleted:
            yield planned.step.uuid


def _to_keep(plan: Plan) -> Iterator[tuple[str, str]]:
    for planned in plan.planned:
        for step in planned.undo:
            if isinstance(step, steps.RestoreProfile):
                yield step.uuid, step.filename


def _undo_functions(plan: Plan, facts: Facts) -> Iterator[str]:
    yield "undo() {"
    yield "    case $1 in"
    for number, planned in enumerate(plan.planned, 1):
        lines = [line for step in planned.undo for line in undo_lines(step, _restore)]
        if lines:
            yield from (f"    {number})", *lines, "        ;;")
    yield from ("    *) ;;", "    esac", "}")
    waits = [line for wait in all_old_addresses(plan, facts) for line in undo_lines(wait, _restore)]
    answers = old_answers(plan, facts) if plan.planned else []
    yield from ("old_state() {", *(f"    {line}" for line in (*waits, *answer_lines(answers), ":")), "}")
    yield from ("hear_all() {", *(f"    {line}" for line in (*hear_lines(answers), ":")), "}")


def _restore(step: steps.RestoreProfile) -> Iterable[str]:
    return (shlex.join(("give_back", step.uuid, step.filename)),)
