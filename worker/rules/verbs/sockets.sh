# Connections to kube2iam as ss tells of them: who holds them, and since when they are idle.

# Whole seconds since boot: a clock that is never set.
uptime_seconds() {
  read -r uptime </proc/uptime
  uptime=${uptime%%.*}
  printf %s "${uptime:-0}"
}

# socket_address TEXT sets address and port from what ss prints (1.2.3.4:80, [::ffff:1.2.3.4]:80;
# before iproute2 4.15 without brackets). A Go server's IPv4 peers are IPv6 sockets.
socket_address() {
  port=${1##*:} address=${1%:*}
  address=${address#"["} address=${address%"]"}
  case $address in ::ffff:*.*) address=${address#::ffff:} ;; esac
}

# milliseconds NAME RECORD: sets value to what ss says of NAME. It leaves out what is 0, so not there
# means that it happened just now.
milliseconds() {
  value=0
  case "$2 " in *" $1:"*) value=${2#*" $1:"} value=${value%% *} ;; esac
  case $value in '' | *[!0-9]*) value=0 ;; esac
}

# list_clients FILTER: the clients with an established connection that fits it, but for the worker
# itself, as rows "STATE SINCE LOCAL ADDRESS PORT" in $clients. SINCE: milliseconds since the last
# data in either direction. STATE:
#   idle      no data for --idle seconds
#   recent    data went to and fro more recently than that, or --idle was not given
#   waiting   the client spoke last: its answer is still to come
#   queued    data is not yet read or not yet acknowledged
#   unknown   ss gives no times
#   unnamed   ss gives no address that it would take, so it can't be closed
list_clients() {
  clients='' record=''
  if ! sockets=$(ss -tni state established "$1" 2>&1 </dev/null); then
    problem no-ss "connections could not be listed, so none is known to be idle: ss -tni: $sockets"
    return 1
  fi
  # A connection is a line with the addresses and one or more indented ones with the details.
  for line in $(printf '%s\n' "$sockets" | sed -e 's/[[:space:]][[:space:]]*/ /g') end; do
    case $line in
    ' '*) record=$record$line ;;
    *)
      add_client "$record"
      record=$line
      ;;
    esac
  done
}

# add_client RECORD: one connection, all its lines in one.
add_client() {
  details=$1
  split_words "$1" ' '
  # shellcheck disable=SC2086 # one word a line
  set -- $words
  [ $# -ge 4 ] || return 0
  # The heading, a warning.
  case $1$2 in *[!0-9]*) return 0 ;; esac
  socket_address "$3"
  to=$address
  socket_address "$4"
  case $address in 127.* | ::1) return 0 ;; esac
  case "$NEWLINE$own$NEWLINE" in *"$NEWLINE$address$NEWLINE"*) return 0 ;; esac
  milliseconds lastsnd "$details"
  sent=$value
  milliseconds lastrcv "$details"
  since=$sent
  if [ "$value" -lt "$since" ]; then since=$value; fi
  state=idle
  case $details in *' rto:'*) ;; *) state=unknown ;; esac
  # A server that answered has sent its last data after the client did. Equal: within one tick.
  if [ "$value" -lt "$sent" ]; then state=waiting; fi
  if [ "$1$2" != 00 ]; then state=queued; fi
  if [ "$state" = idle ] && { [ -z "$idle_seconds" ] || [ "$since" -lt $((idle_seconds * 1000)) ]; }; then
    state=recent
  fi
  case $to$address$port in *[!0-9A-Fa-f:.]*) state=unnamed ;; esac
  clients="$clients${clients:+$NEWLINE}$state $since $to $address $port"
}

# split_client ROW sets state since to address port, and seconds: of since, the whole ones.
split_client() {
  state=${1%% *} port=${1##* }
  address=${1% *} address=${address##* }
  since=${1#* } to=${since#* }
  since=${since%% *} to=${to%% *}
  seconds=$((since / 1000))
}

bracketed() { case $1 in *:*) printf '[%s]' "$1" ;; *) printf %s "$1" ;; esac; }
