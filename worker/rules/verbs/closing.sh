# Closing connections to kube2iam, one by one.

# Seconds, for connections that are left after --wait: to catch a moment in which a client waits for
# no answer, and then for all else.
QUIET_TIME=10 CLOSE_PATIENCE=30
# Milliseconds after an answer in which a client is closed rather than later, and how often that
# moment is looked for; a look takes some 10 ms.
JUST_ANSWERED=20 LOOKS=50

# may_close STATE: whether such a connection is to be closed now. $closing: `idle` during --wait;
# after it, with --left close, `quiet` (clients that wait for no answer), then `all`; `none` where the
# kernel closes nothing.
may_close() {
  case $closing:$1 in
  idle:idle | quiet:idle | quiet:recent) return 0 ;;
  all:idle | all:recent | all:waiting | all:queued | all:unknown) return 0 ;;
  esac
  return 1
}

any_to_close() {
  for client in $clients; do
    split_client "$client"
    if may_close "$state"; then return 0; fi
  done
  return 1
}

# look_at_one FILTER: list_clients for one connection. While `quiet` ones are to be closed, it looks
# until the client has just been answered, which leaves the most time until it asks again; $LOOKS times
# at the most, and once where the client has been silent for a second.
look_at_one() {
  looks=0
  while list_clients "$1"; do
    if [ "$closing" != quiet ] || [ -z "$clients" ]; then return 0; fi
    split_client "$clients"
    if [ "$since" -ge 1000 ]; then return 0; fi
    if [ "$state" = recent ] && [ "$since" -le "$JUST_ANSWERED" ]; then return 0; fi
    looks=$((looks + 1))
    [ "$looks" -lt "$LOOKS" ] || return 0
  done
  return 1
}

# Closes what may be closed. Each is looked at once more right before: what a client sends between the
# look and the closing is lost, so as little time as can be must pass. What ss did not say to have
# closed is in $withstood: rows "ADDRESS PORT".
close_clients() {
  withstood='' withstood_detail=''
  for client in $clients; do
    split_client "$client"
    may_close "$state" || continue
    this_one="src $(bracketed "$to") and dst $(bracketed "$address") and sport = :$kube2iam_port and dport = :$port"
    look_at_one "$this_one" || return 0
    may_close "${clients%% *}" || continue
    answer=$(ss -tnK state established "$this_one" 2>&1 </dev/null)
    case "$NEWLINE$answer" in
    # ss lists what it has closed.
    *"$NEWLINE"[0-9]*)
      closed="$closed${closed:+$NEWLINE}$address $port $seconds"
      forgotten=$(($(uptime_seconds) + memory))
      say "closed the connection of $address:$port to kube2iam, $(state_in_words "${clients%% *}")."
      ;;
    *)
      withstood="$withstood${withstood:+$NEWLINE}$address $port"
      withstood_detail=$answer
      ;;
    esac
  done
}

# What was to be closed and is there as before. After --wait it is left to be reset by kube2iam's end.
check_withstood() {
  for client in $clients; do
    split_client "$client"
    may_close "$state" || continue
    case "$NEWLINE$withstood$NEWLINE" in *"$NEWLINE$address $port$NEWLINE"*) ;; *) continue ;; esac
    detail="the connection of $address:$port to kube2iam is idle for $seconds s and could not be closed: ss -K closed nothing ($withstood_detail). The kernel needs CONFIG_INET_DIAG_DESTROY for that."
    if [ "$closing" = idle ]; then
      problem not-closed "$detail Leave retirement.closeIdleSeconds unset, or restart the pod with that address."
    else
      notice not-closed "$detail kube2iam's end resets it."
      closing=none deadline=0
    fi
    return
  done
}

# Seconds for which the kernel remembers where a connection that was reset was sent to. A new one with
# the same ports goes there as well within that time, whatever the rules say: to kube2iam, which must
# not end before.
memory_of_closed() {
  # Not by `read`: dash reads byte by byte, and of this file only the first read gives anything.
  value=$(cat /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close 2>/dev/null)
  # 10 is the kernel's default.
  case $value in '' | *[!0-9]* | ?????*) value=10 ;; esac
  if [ "$value" -gt 60 ]; then value=60; fi
  printf %s $((value + 1))
}

# The time that clients were given is over. Those that are left may be closed more freely, if at all.
close_more() {
  case $left_over:$closing in
  close:idle) closing=quiet deadline=$((now + QUIET_TIME)) ;;
  close:quiet) closing=all deadline=$((now + CLOSE_PATIENCE)) ;;
  *) return 1 ;;
  esac
}
