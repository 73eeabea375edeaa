# shellcheck shell=sh disable=SC2154
# Run on a server by `sh -s`, with these set before it (see core/probes.py):
#   address    the address that the server was leased
#   macs       its NICs' MAC addresses
#   patience   seconds for those that must answer
#   window     seconds to listen for those that must not
#   batch      how many questions are asked at once of those that must answer
#   silent_batch  how many of those that must not: these take their time whatever happens, and make little traffic
#   reach      lines of: index, address, methods (of arp,icmp), and peer or given; of peers, spare NICs do not ask
#   silent     the same of those that must not answer
# Needs ip, ping and iputils' arping, as root or through `sudo -n`. Prints one line for each finding:
#   device ROLE DEVICE MAC          ROLE: leased (holds the address), spare (a NIC of its own, without address)
#   answer METHOD DEVICE INDEX yes|no
#   failed METHOD DEVICE INDEX MESSAGE
#   error MESSAGE
#   done                            always the last: without it, the findings are not complete
# An address that must not answer is asked for by ARP probes without a sender (RFC 5227), which whoever holds it answers,
# whatever its routes and filters on senders are. So are peers, because such a probe fills nobody's neighbour table.
set -f
LC_ALL=C
PATH=$PATH:/usr/sbin:/sbin
export LC_ALL PATH

as_root=''
while read -r key _ effective _; do
    if [ "$key" = Uid: ] && [ "$effective" != 0 ]; then
        as_root='sudo -n'
    fi
done < /proc/self/status

# Which device holds the address, and which hold any.
device=''
holders=' '
addresses=$(ip -o -4 address show) || { echo "error ip does not list the addresses"; exit 0; }
while read -r _ name _ cidr _; do
    name=${name%%@*}
    holders="$holders$name "
    if [ "${cidr%%/*}" = "$address" ]; then
        device=$name
    fi
done <<END
$addresses
END
if [ -z "$device" ]; then
    echo "error no device holds the leased address $address"
    echo 'done'
    exit 0
fi

# What a link is: sets link, mac (its own, not its bond's), master, active (of a bond).
describe() {
    link=${2%:}
    link=${link%%@*}
    mac='' own='' master='' active=''
    while [ $# -gt 1 ]; do
        case $1 in
            link/ether) mac=$2 ;;
            permaddr|perm_hwaddr) own=$2 ;;
            master) master=$2 ;;
            active_slave) active=$2 ;;
        esac
        shift
    done
    mac=${own:-$mac}
}

links=$(ip -o -d link show) || { echo "error ip does not list the links"; exit 0; }
leased_mac='' through='' spares='' found=' '
while read -r line; do
    # shellcheck disable=SC2086
    describe $line
    found="$found$mac "
    if [ "$link" = "$device" ]; then
        leased_mac=$mac
        through=$active
    fi
    case " $macs " in *" $mac "*) ;; *) continue ;; esac
    case $holders in *" $link "*) continue ;; esac
    if [ -z "$master" ]; then
        spares="$spares $link"
        echo "device spare $link $mac"
    fi
done <<END
$links
END
if [ -n "$through" ]; then
    while read -r line; do
        # shellcheck disable=SC2086
        describe $line
        if [ "$link" = "$through" ]; then
            leased_mac=$mac
        fi
    done <<END
$links
END
fi
echo "device leased $device $leased_mac"
for mac in $macs; do
    case $found in *" $mac "*) ;; *) echo "error no device has the MAC address $mac" ;; esac
done

# failed METHOD DEVICE INDEX, and what the tool said, on one line.
failed() {
    method=$1 asker=$2 index=$3
    shift 3
    # shellcheck disable=SC2048,SC2086
    set -- $*
    echo "failed $method $asker $index $*"
}

icmp() { # device index address seconds
    said=$($as_root ping -n -q -c 1 -w "$4" -I "$1" "$3" 2>&1 </dev/null)
    code=$?
    case $code:$said in
        0:*) echo "answer icmp $1 $2 yes" ;;
        1:*|2:*nreachable*) echo "answer icmp $1 $2 no" ;;
        *) failed icmp "$1" "$2" "$said" ;;
    esac
}

arp() { # device index address seconds arguments of arping…
    asker=$1 index=$2 target=$3 seconds=$4
    shift 4
    said=$($as_root arping "$@" -w "$seconds" -I "$asker" "$target" 2>&1 </dev/null)
    case $said in
        *"Received 0 response"*) echo "answer arp $asker $index no" ;;
        *"Received "*" response"*) echo "answer arp $asker $index yes" ;;
        *) failed arp "$asker" "$index" "$said" ;;
    esac
}

running=0
ask() {
    "$@" &
    running=$((running + 1))
    if [ "$running" -ge "$batch" ]; then
        wait
        running=0
    fi
}

# Of one that must answer, only the answer is told: without, it is asked again when the crowd has gone.
attempt() {
    line=$("$@")
    case $line in answer*" yes") echo "$line" ;; esac
}

answered() { # method device index
    case $answers in *"answer $1 $2 $3 yes"*) return 0 ;; esac
    return 1
}

is_neighbour() { # address
    case "
$neighbours" in
        *"
$1 lladdr "*) return 0 ;;
    esac
    return 1
}

first_round() {
    while read -r index target methods kind; do
        [ -n "$index" ] || continue
        case $methods in *icmp*) ask attempt icmp "$device" "$index" "$target" "$patience" ;; esac
        case $methods:$kind in *arp*:given) ;; *) continue ;; esac
        for spare in $spares; do
            ask attempt arp "$spare" "$index" "$target" "$patience" -D
        done
    done <<END
$reach
END
    wait
}

# Who answered an ICMP echo and is in the neighbour table with its link address has answered ARP: asking again would only
# take time. All others that must answer are asked.
second_round() {
    running=0
    neighbours=$(ip -4 neighbour show dev "$device")
    while read -r index target methods kind; do
        [ -n "$index" ] || continue
        case $methods in *icmp*) answered icmp "$device" "$index" || ask icmp "$device" "$index" "$target" "$patience" ;; esac
        case $methods in *arp*) ;; *) continue ;; esac
        if answered icmp "$device" "$index" && is_neighbour "$target"; then
            echo "answer arp $device $index yes"
        elif [ "$kind" = peer ]; then
            ask arp "$device" "$index" "$target" "$patience" -D
        else
            ask arp "$device" "$index" "$target" "$patience" -f -s "$address"
        fi
        [ "$kind" = given ] || continue
        for spare in $spares; do
            answered arp "$spare" "$index" || ask arp "$spare" "$index" "$target" "$patience" -D
        done
    done <<END
$reach
END
    wait
}

# Last, when it is known whether this server can ask at all.
silent_round() {
    running=0
    batch=$silent_batch
    while read -r index target methods kind; do
        [ -n "$index" ] || continue
        case $methods in *icmp*) ask icmp "$device" "$index" "$target" "$window" ;; esac
        case $methods in *arp*) ask arp "$device" "$index" "$target" "$window" -D ;; *) continue ;; esac
        [ "$kind" = given ] || continue
        for spare in $spares; do
            ask arp "$spare" "$index" "$target" "$window" -D
        done
    done <<END
$silent
END
    wait
}

answers=$(first_round)
echo "$answers"
second_round
silent_round
echo 'done'
