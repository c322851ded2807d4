#!/bin/sh
# Takes the vmnet run 20261130T073524Z-host-setup back, without vmnet. As root, from a console: sh undo.sh
# It may be run again. Each command is shown; what fails is counted, and the rest is done all the same.
set -u
cd "$(dirname "$(readlink -f "$0")")" || exit 1
export LC_ALL=C.UTF-8
document=$(mktemp) || exit 1
trap 'rm -f "$document"' EXIT
failed=0
try() {
    echo "+ $*"
    "$@" || { echo "FAILED: $*" >&2; failed=$((failed + 1)); }
}
# uuid, file, mode, owner, group
restore() {
    now=$(nmcli -e no -t -f UUID,FILENAME connection show | sed -n "s/^$1://p")
    try install -D -m "$3" -o "$4" -g "$5" "profiles/$1.nmconnection" "$2"
    [ "$now" = "$2" ] || [ ! -f "$now" ] || try rm -f -- "$now"
    try nmcli connection reload
}
# uuid, name; a loss of power may have left an empty file, of which NetworkManager knows nothing
delete() {
    if nmcli -g connection.id connection show uuid "$1" >/dev/null 2>&1; then try nmcli connection delete uuid "$1"; fi
    for file in "$2" "$2-$1"; do
        file=/etc/NetworkManager/system-connections/$file.nmconnection
        [ ! -f "$file" ] || [ -s "$file" ] || try rm -f -- "$file"
    done
}
# uuid, seconds; a port whose controller starts with it may fail (4) and come up at the next attempt
activate() {
    ! nmcli -g UUID connection show --active | grep -qxF "$1" || return 0
    echo "+ nmcli --wait $2 connection up uuid $1"
    for left in 2 1 0; do
        status=0
        nmcli --wait "$2" connection up uuid "$1" || status=$?
        if [ "$status" -ne 4 ] || [ "$left" -eq 0 ]; then break; fi
        sleep 1
    done
    [ "$status" -eq 0 ] || { echo "FAILED: nmcli connection up uuid $1" >&2; failed=$((failed + 1)); }
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
    ! nmcli -g UUID connection show --active | grep -qxF "$1" || try nmcli connection down uuid "$1"
}
# uuid, MAC, --live or --config; a running document calls an interface on a network what the network makes of it
unplug() {
    where=
    [ "$3" = --live ] || where=--inactive
    type=$(virsh domiflist "$1" ${where:+"$where"} | awk -v mac="$2" '$NF == mac { print $2 }')
    [ -n "$type" ] || return 0
    try virsh detach-interface "$1" "$type" --mac "$2" "$3"
    # A guest lets go of it in its own time, one that is booting not at all.
    for second in 1 2 3 4 5 6 7 8 9 10; do
        virsh domiflist "$1" ${where:+"$where"} | grep -qF "$2" || return 0
        sleep 1
    done
    echo "FAILED: the guest has not let go of $2 within $second s; run this again when it has started" >&2
    failed=$((failed + 1))
}
# link, seconds, addresses
back_again() {
    link=$1 end=$(($(date +%s) + $2))
    shift 2
    for wanted; do
        until ip -o address show dev "$link" scope global 2>/dev/null | grep -qF " $wanted "; do
            [ "$(date +%s)" -le "$end" ] || {
                echo "FAILED: $link has not got $wanted back; does the DHCP server answer?" >&2
                failed=$((failed + 1))
                return
            }
            sleep 1
        done
    done
}
network() {
    virsh net-info -- "$1" 2>/dev/null | grep -q "^$2"
}


# undoes: 'lan' is set aside (it is for em1); it is kept, and undo gives it back
try nmcli connection load /etc/NetworkManager/system-connections/lan.nmconnection

# undoes: em1 leaves its old profile and joins in one step
activate 11111111-0000-0000-0000-000000000002 60

# undoes: em1 leaves its old profile and joins in one step
try sleep 2

# undoes: em1 leaves its old profile and joins in one step
ip route replace 192.0.2.0/24 dev em1 src 192.0.2.3 metric 98 2>/dev/null || :
ip route replace default via 192.0.2.1 dev em1 src 192.0.2.3 metric 98 2>/dev/null || :

# undoes: profile for em2, in memory: a reboot forgets it
delete 89698178-7e06-5a15-b714-62890eb9f449 em2

# undoes: profile for em1, in memory: a reboot forgets it
delete 12f206ec-98e2-5626-838c-5902638d88c7 em1

# undoes: profile for bond0, in memory: a reboot forgets it
delete cbb52ff2-8b30-5bcd-84d0-262eaeecc102 bond0

# undoes: profile for br0, in memory: a reboot forgets it
delete f0a62eb4-cf6c-58f7-8dbe-a2fb0cc3b472 br0

# undoes: profile for br0, in memory: a reboot forgets it
ip route delete 192.0.2.0/24 dev em1 src 192.0.2.3 metric 98 2>/dev/null || :
ip route delete default via 192.0.2.1 dev em1 src 192.0.2.3 metric 98 2>/dev/null || :

# the old address must be back
back_again em1 60 192.0.2.3/24

[ "$failed" = 0 ] && echo 'all of it is taken back' && exit 0
echo "$failed of the commands failed" >&2
exit 1
