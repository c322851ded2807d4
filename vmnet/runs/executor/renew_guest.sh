# shellcheck shell=sh disable=SC2016 # the single quotes are for the shell that xargs starts
# Runs inside a guest, through its agent: has the DHCP client of the interface with the MAC $1 ask for an address anew,
# from whatever server is there now. Says which client that was; exit code 3: none that is known.
LC_ALL=C
export LC_ALL

# A lease of the network that was left must not be asked for again: each client is made to forget it.
renew() {
    if grep -qs '^ADMIN_STATE=configur' "/run/systemd/netif/links/$(cat "/sys/class/net/$1/ifindex")"; then
        networkctl reconfigure "$1" && echo systemd-networkd
        return
    fi
    if nmcli -g GENERAL.STATE device show "$1" 2>/dev/null | grep -qx '100 (connected)'; then
        nmcli --wait 0 connection up uuid "$(nmcli -g GENERAL.CON-UUID device show "$1")" ifname "$1" >/dev/null &&
            echo NetworkManager
        return
    fi
    for process in /proc/[0-9]*; do
        tr '\0' '\n' <"$process/cmdline" 2>/dev/null | grep -qx -e "$1" -e "-i$1" || continue
        case $(cat "$process/comm") in
        dhclient) dhclient_again "$process" && return ;;
        udhcpc) kill -USR2 "${process##*/}" && kill -USR1 "${process##*/}" && echo udhcpc && return ;;
        esac
    done
    return 1
}

# Its own words say which files it keeps its process and its leases in.
dhclient_again() {
    words=$(mktemp) || return
    cat "$1/cmdline" >"$words"
    xargs -0 sh -c 'exec "$0" -r "$@"' <"$words" >/dev/null 2>&1
    xargs -0 sh -c '"$0" "$@" >/dev/null 2>&1 </dev/null &' <"$words"
    rm "$words"
    echo dhclient
}

# Bridges, bonds and VLANs of the guest have the MAC of the interface below them; one of them may have the address.
known=3
for link in /sys/class/net/*; do
    [ "$(cat "$link/address" 2>/dev/null)" = "$1" ] && renew "${link##*/}" && known=0
done
exit $known
