#!/bin/sh
# host-setup: made by vmnet for the host kvmhost and its state at that time; needs root, nmcli, busctl, ip, virsh, ping.
#   sh THIS         makes the change; rolls back everything at the first failure or Ctrl-C
#   sh THIS undo    undoes the change later
set -u
export LC_ALL=C.UTF-8
[ "$(id -u)" = 0 ] || { echo 'this needs root' >&2; exit 3; }
[ "$(cat /etc/machine-id)" = 6d5ec2f6b0d94dd9a2ab4d1c7a0c5e10 ] || { echo 'this script was made for another host' >&2; exit 3; }
umask 077
kept=/var/lib/vmnet/by-script/e40492059d20
failed=0
checkpoint=
begun=

total=41
timeout=60
back=CheckpointRollback
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
# Copies the keyfile of a profile before it is changed.
keep() {
    [ ! -e "profiles/$1.nmconnection" ] && [ -f "$2" ] || return 0
    cp -p -- "$2" "profiles/$1.nmconnection"
    grep -lsxF -e "uuid=$1" /etc/NetworkManager/system-connections/*.nmconnection \
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
undo() {
    case $1 in
    2)
delete fce40a8f-ab4f-5958-acde-d372715b546d br0
ip route delete 172.16.4.0/24 dev em1 src 172.16.4.3 metric 98 2>/dev/null || :
ip route delete default via 172.16.4.1 dev em1 src 172.16.4.3 metric 98 2>/dev/null || :
        ;;
    3)
delete dcac265c-cd82-507c-9557-542fff8354f6 bond0
        ;;
    4)
delete 6243e9d0-0c61-5eb1-aacc-6b8e0d9a7cb6 em1
        ;;
    5)
delete b14b948a-eb43-54fa-a5f2-915ad5249a7d p4p1
        ;;
    12)
activate 20000000-0000-4000-8000-000000000002 60
        ;;
    21)
leave_last bond0 em1 2 p4p1 b14b948a-eb43-54fa-a5f2-915ad5249a7d
activate 20000000-0000-4000-8000-000000000001 60
try sleep 2
ip route replace 172.16.4.0/24 dev em1 src 172.16.4.3 metric 98 2>/dev/null || :
ip route replace default via 172.16.4.1 dev em1 src 172.16.4.3 metric 98 2>/dev/null || :
        ;;
    22)
modify fce40a8f-ab4f-5958-acde-d372715b546d ipv6.method disabled
reapply br0
        ;;
    28)
network host-bridge 'Persistent: *yes' && try virsh net-undefine -- host-bridge
        ;;
    29)
network host-bridge 'Active: *yes' && try virsh net-destroy -- host-bridge
        ;;
    30)
network host-bridge 'Persistent: *yes' && try virsh net-autostart --disable -- host-bridge
        ;;
    38)
give_back 20000000-0000-4000-8000-000000000001 /etc/NetworkManager/system-connections/lan.nmconnection
        ;;
    39)
give_back 20000000-0000-4000-8000-000000000002 /etc/NetworkManager/system-connections/spare.nmconnection
        ;;
    *) ;;
    esac
}
old_state() {
    back_again em1 60 172.16.4.3/24
    :
}
hear_all() {
    :
}
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

absent fce40a8f-ab4f-5958-acde-d372715b546d
absent dcac265c-cd82-507c-9557-542fff8354f6
absent 6243e9d0-0c61-5eb1-aacc-6b8e0d9a7cb6
absent b14b948a-eb43-54fa-a5f2-915ad5249a7d
trap 'go_back interrupted' INT TERM HUP
look p2p1 >before-p2p1
keep 20000000-0000-4000-8000-000000000001 /etc/NetworkManager/system-connections/lan.nmconnection
keep 20000000-0000-4000-8000-000000000002 /etc/NetworkManager/system-connections/spare.nmconnection

# NetworkManager rolls back to this state by itself if this run dies
step 1 'open a checkpoint of 60 s'
checkpoint=$(busctl call org.freedesktop.NetworkManager /org/freedesktop/NetworkManager org.freedesktop.NetworkManager CheckpointCreate aouu 0 60 6 | cut '-d"' -f2)
[ -n "$checkpoint" ] || go_back "NetworkManager opened no checkpoint"

# profile of br0, in memory only: a reboot removes it
step 2 'add profile br0 for br0'
run nmcli connection add save no type bridge con-name br0 ifname br0 connection.uuid fce40a8f-ab4f-5958-acde-d372715b546d connection.autoconnect no bridge.stp no 802-3-ethernet.cloned-mac-address 00:23:ae:ab:20:54 connection.autoconnect-slaves 0 ipv4.method disabled ipv6.method disabled

# profile of bond0, in memory only: a reboot removes it
step 3 'add profile bond0 for bond0'
run nmcli connection add save no type bond con-name bond0 ifname bond0 connection.uuid dcac265c-cd82-507c-9557-542fff8354f6 connection.autoconnect no bond.options mode=802.3ad,miimon=100 connection.master fce40a8f-ab4f-5958-acde-d372715b546d connection.slave-type bridge 802-3-ethernet.cloned-mac-address 00:23:ae:ab:20:54 connection.autoconnect-slaves 0

# profile of em1, in memory only: a reboot removes it
step 4 'add profile em1 for em1'
run nmcli connection add save no type ethernet con-name em1 ifname em1 connection.uuid 6243e9d0-0c61-5eb1-aacc-6b8e0d9a7cb6 connection.autoconnect no connection.master dcac265c-cd82-507c-9557-542fff8354f6 connection.slave-type bond

# profile of p4p1, in memory only: a reboot removes it
step 5 'add profile p4p1 for p4p1'
run nmcli connection add save no type ethernet con-name p4p1 ifname p4p1 connection.uuid b14b948a-eb43-54fa-a5f2-915ad5249a7d connection.autoconnect no connection.master dcac265c-cd82-507c-9557-542fff8354f6 connection.slave-type bond

# bond0 comes up before its ports
step 6 'activate bond0'
run nmcli --wait 45 connection up uuid dcac265c-cd82-507c-9557-542fff8354f6

# neighbours know the host by this MAC, and udev may have set another
step 7 'keep the MAC 00:23:ae:ab:20:54 on br0, bond0'
udevadm settle --timeout=10 || :
run ip link set dev br0 address 00:23:ae:ab:20:54
run ip link set dev bond0 address 00:23:ae:ab:20:54

# br0 gets 172.16.4.3/24
step 8 'change profile br0 in memory'
run nmcli connection modify --temporary uuid fce40a8f-ab4f-5958-acde-d372715b546d ipv4.method manual ipv4.addresses 172.16.4.3/24 ipv4.gateway 172.16.4.1 ipv4.dns 172.16.4.2 ipv4.route-metric 1100 ipv4.dad-timeout 0

# takes effect without dropping a port
step 9 'reapply br0'
run nmcli device reapply br0

# the address must exist before a port joins
step 10 'wait up to 15 s for 172.16.4.3/24 on br0'
wait_for 15 'wait up to 15 s for 172.16.4.3/24 on br0' address br0 '' '172.16.4.3/24 '

# bond0 must not send LACP before its port joins: a strict switch would drop the live NIC
step 11 'set bond0 down'
run ip link set dev bond0 down

# p4p1 becomes a port
step 12 'activate p4p1'
run nmcli --wait 0 connection up uuid b14b948a-eb43-54fa-a5f2-915ad5249a7d

# the ports must be in the bond
step 13 'wait up to 30 s for p4p1 in bond0'
wait_for 30 'wait up to 30 s for p4p1 in bond0' ports bond0 p4p1

# bond0 starts LACP and chooses its aggregator at once
step 14 'set bond0 up'
run ip link set dev bond0 up

# the switch must answer LACP
step 15 'wait up to 40 s for LACP on p4p1'
wait_for 40 'wait up to 40 s for LACP on p4p1' lacp p4p1

# the gateway must answer on br0 before the routes change
step 16 'wait up to 30 s for 172.16.4.1 to answer on br0'
wait_for 30 'wait up to 30 s for 172.16.4.1 to answer on br0' neighbour br0 172.16.4.1

# the host sends through br0 from here on
step 17 'add routes through br0: 172.16.4.0/24, default'
run ip route replace 172.16.4.0/24 dev br0 src 172.16.4.3 metric 98
run ip route replace default via 172.16.4.1 dev br0 src 172.16.4.3 metric 98

# the host prefers the routes of br0
step 18 'change profile br0 in memory'
run nmcli connection modify --temporary uuid fce40a8f-ab4f-5958-acde-d372715b546d ipv4.method manual ipv4.addresses 172.16.4.3/24 ipv4.gateway 172.16.4.1 ipv4.dns 172.16.4.2 ipv4.route-metric 99 ipv4.dad-timeout 0

# takes effect without dropping a port
step 19 'reapply br0'
run nmcli device reapply br0

# NetworkManager has added its own routes
step 20 'remove routes through br0: 172.16.4.0/24, default'
ip route delete 172.16.4.0/24 dev br0 src 172.16.4.3 metric 98 2>/dev/null
ip route delete default via 172.16.4.1 dev br0 src 172.16.4.3 metric 98 2>/dev/null

# em1 changes from its old profile to the port profile in one step
step 21 'activate em1'
run nmcli --wait 45 connection up uuid 6243e9d0-0c61-5eb1-aacc-6b8e0d9a7cb6

# em1 has given IPv6 up: earlier, br0 would have failed duplicate detection
step 22 'change profile br0 in memory'
run nmcli connection modify --temporary uuid fce40a8f-ab4f-5958-acde-d372715b546d ipv6.method link-local ipv6.addr-gen-mode default-or-eui64

# takes effect without dropping a port
step 23 'reapply br0'
run nmcli device reapply br0

# the switch must answer LACP
step 24 'wait up to 40 s for LACP on em1, p4p1'
wait_for 40 'wait up to 40 s for LACP on em1, p4p1' lacp em1 p4p1

# every NIC must be in the bond
step 25 'wait up to 30 s for em1, p4p1 in bond0'
wait_for 30 'wait up to 30 s for em1, p4p1 in bond0' ports bond0 em1 p4p1

# the bridge must forward frames
step 26 'wait up to 30 s for bond0 in br0'
wait_for 30 'wait up to 30 s for bond0 in br0' ports br0 bond0

# the gateway must answer through the bridge
step 27 'wait up to 30 s for 172.16.4.1 to answer on br0'
wait_for 30 'wait up to 30 s for 172.16.4.1 to answer on br0' neighbour br0 172.16.4.1

# network host-bridge does not exist yet
step 28 'define network host-bridge'
run with_input virsh net-define /dev/stdin <<'END'
 <network>
   <name>host-bridge</name>
   <uuid>1bcc10e1-3564-5687-9604-0e522c0a0b34</uuid>
   <forward mode="bridge"/>
   <bridge name="br0"/>
 </network>
END

# network host-bridge is not active
step 29 'start network host-bridge'
network host-bridge 'Active: *yes' || run virsh net-start -- host-bridge

# without autostart, domains on network host-bridge do not start after a reboot
step 30 'enable the autostart of network host-bridge'
network host-bridge 'Persistent: *yes' && run virsh net-autostart -- host-bridge

# bond0 is saved, with autoconnect still disabled
step 31 'change profile bond0 on disk'
run nmcli connection modify uuid dcac265c-cd82-507c-9557-542fff8354f6 connection.autoconnect no connection.autoconnect-slaves 1

# p4p1 is saved, with autoconnect still disabled
step 32 'change profile p4p1 on disk'
run nmcli connection modify uuid b14b948a-eb43-54fa-a5f2-915ad5249a7d connection.autoconnect no connection.autoconnect-priority 100

# br0 is saved, with autoconnect still disabled
step 33 'change profile br0 on disk'
run nmcli connection modify uuid fce40a8f-ab4f-5958-acde-d372715b546d ipv4.dad-timeout -1 connection.autoconnect no connection.autoconnect-slaves 1

# em1 is saved with autoconnect and starts br0, too: from here on a reboot boots the new state
step 34 'change profile em1 on disk'
run nmcli connection modify uuid 6243e9d0-0c61-5eb1-aacc-6b8e0d9a7cb6 connection.autoconnect yes connection.autoconnect-priority 100

# bond0 gets autoconnect, too
step 35 'change profile bond0 on disk'
run nmcli connection modify uuid dcac265c-cd82-507c-9557-542fff8354f6 connection.autoconnect yes

# p4p1 gets autoconnect, too
step 36 'change profile p4p1 on disk'
run nmcli connection modify uuid b14b948a-eb43-54fa-a5f2-915ad5249a7d connection.autoconnect yes

# br0 gets autoconnect, too
step 37 'change profile br0 on disk'
run nmcli connection modify uuid fce40a8f-ab4f-5958-acde-d372715b546d connection.autoconnect yes

# autoconnect of 'lan' is disabled (it is for em1); the profile is kept, and undo restores it
step 38 'change profile lan on disk'
run nmcli connection modify uuid 20000000-0000-4000-8000-000000000001 connection.autoconnect no

# autoconnect of 'spare' is disabled (it is for p4p1); the profile is kept, and undo restores it
step 39 'change profile spare on disk'
run nmcli connection modify uuid 20000000-0000-4000-8000-000000000002 connection.autoconnect no

# the management link must be unchanged, or the whole change is rolled back
step 40 'prove that p2p1 is untouched'
run untouched p2p1

# all checks passed: the change is kept
step 41 'commit the checkpoint'
run nm CheckpointDestroy o "$checkpoint"
checkpoint=
trap - INT TERM HUP

: >finished
say "done; to undo it: sh $0 undo"
