#!/bin/sh
# Undoes the vmnet run 20260102T030405Z-host-setup without vmnet. As root, from a console: sh undo.sh
# You may run it again. It shows each command. If a command fails, it counts the failure and goes on.
set -u
# A closed terminal must not stop the script half-way.
trap '' PIPE HUP
cd "$(dirname "$(readlink -f "$0")")" || exit 1
export LC_ALL=C.UTF-8
umask 077
failed=0
# Prints one line. A question mark replaces each character that could control the terminal.
say() {
    case $* in
    *[!\ -~]*)
        printf '%s' "$*" | tr '\001-\037\177' '[?*]' | LC_ALL=C sed \
            -e 's/\xc2[\x80-\x9f]/?/g; s/\xd8\x9c/?/g' \
            -e 's/\xe2\x80[\x8e\x8f\xa8-\xae]/?/g; s/\xe2\x81[\xa6-\xa9]/?/g'
        printf '\n'
        ;;
    *) printf '%s\n' "$*" ;;
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
        case $line in "$1"*) printf '%s\n' "${line#"$1"}" ;; esac
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
lock 10


# undoes: all of it
try with_input virsh net-define /dev/stdin <<'END'
 <network>
   <name>host-bridge</name>
   <forward mode='bridge'/>
   <bridge name='br0'/>
 </network>
END

# undoes: all of it
try with_input virsh net-define /dev/stdin <<'END'
 <network>
   <name>host-bridge</name>
   <forward mode='bridge'/>
   <bridge name='br0'/>
 </network>
END

# undoes: all of it
network host-bridge 'Active: *yes' && try virsh net-destroy -- host-bridge
network host-bridge 'Active: *yes' || try virsh net-start -- host-bridge

# undoes: all of it
network default 'Persistent: *yes' && try virsh net-autostart --disable -- default

# undoes: all of it
try with_input virsh update-device 00000000-0000-4000-8000-000000000201 --config --file /dev/stdin <<'END'
 <interface type="network">
   <mac address="52:54:00:00:53:11"/>
   <source network="host-bridge"/>
   <model type="virtio"/>
 </interface>
END

# undoes: all of it
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try with_input virsh update-device 00000000-0000-4000-8000-000000000201 --live --file /dev/stdin <<'END'
 <interface type="network">
   <mac address="52:54:00:00:53:11"/>
   <source network="host-bridge"/>
   <model type="virtio"/>
 </interface>
END

# undoes: all of it
say 'by hand: virsh managedsave-edit 00000000-0000-4000-8000-000000000201    # 42: its interfaces move back to host-bridge'
failed=$((failed + 1))

# undoes: all of it
say 'by hand: virsh snapshot-edit -- 00000000-0000-4000-8000-000000000201 '"'"'before upgrade'"'"'    # -odd: its interfaces move back to br0'
failed=$((failed + 1))

# undoes: all of it

# undoes: all of it
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try with_input virsh update-device 00000000-0000-4000-8000-000000000201 --live --file /dev/stdin <<'END'
 <interface type="network">
   <mac address="52:54:00:00:53:11"/>
   <source network="default"/>
   <model type="virtio"/>
 </interface>
END
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try with_input virsh update-device 00000000-0000-4000-8000-000000000201 --live --file /dev/stdin <<'END'
 <interface type="network">
   <mac address="52:54:00:00:53:11"/>
   <source network="default"/>
   <model type="virtio"/>
 </interface>
END

# undoes: all of it

# undoes: all of it

# undoes: all of it

# undoes: all of it
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || unplug 00000000-0000-4000-8000-000000000201 52:54:00:00:53:11 --live
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try with_input virsh attach-device 00000000-0000-4000-8000-000000000201 --live --file /dev/stdin <<'END'
 <interface type="network">
   <mac address="52:54:00:00:53:11"/>
   <source network="host-bridge"/>
   <model type="virtio"/>
 </interface>
END

# undoes: all of it

# undoes: all of it

# undoes: all of it

# undoes:
try sleep 2

# undoes:
leave_last bond0 em1 2 em2 00000000-0000-4000-8000-0000000000aa

# undoes:

# undoes:
restore 00000000-0000-4000-8000-0000000000aa '/etc/NetworkManager/system-connections/it'"'"'s lan.nmconnection' 0600 0 0

# undoes:
delete 00000000-0000-4000-8000-000000000001 br0

# undoes:
network host-bridge 'Active: *yes' && try virsh net-destroy -- host-bridge

# undoes:
network host-bridge 'Persistent: *yes' && try virsh net-undefine -- host-bridge

# undoes:
network default 'Persistent: *yes' && try virsh net-autostart -- default

# undoes:
unplug 00000000-0000-4000-8000-000000000201 52:54:00:00:53:12 --config
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || unplug 00000000-0000-4000-8000-000000000201 52:54:00:00:53:12 --live

# undoes:
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try virsh domif-setlink 00000000-0000-4000-8000-000000000201 52:54:00:00:53:11 up

# undoes: profile for br0, in memory: a reboot forgets it
delete 00000000-0000-4000-8000-000000000001 br0

# because
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try virsh domif-setlink 00000000-0000-4000-8000-000000000201 52:54:00:00:53:11 down
try sleep 8
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try virsh domif-setlink 00000000-0000-4000-8000-000000000201 52:54:00:00:53:11 up

# because
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try virsh domif-setlink 00000000-0000-4000-8000-000000000201 52:54:00:00:53:11 down
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try virsh domif-setlink 00000000-0000-4000-8000-000000000201 52:54:00:00:53:12 down
try sleep 8
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try virsh domif-setlink 00000000-0000-4000-8000-000000000201 52:54:00:00:53:11 up
[ "$(virsh domstate 00000000-0000-4000-8000-000000000201 2>/dev/null)" = "shut off" ] || try virsh domif-setlink 00000000-0000-4000-8000-000000000201 52:54:00:00:53:12 up

# because

[ "$failed" = 0 ] && say 'everything is undone' && exit 0
say "$failed of the commands failed" >&2
exit 1
