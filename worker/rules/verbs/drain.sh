# drain: closes connections to kube2iam that are idle, and in the end, where asked, all others.

# A client whose connection is closed connects again at once: that must lead to kiam, and nowhere else.
check_kiam_alone() {
  if rows_with kube2iam; then
    problem rule-present "kube2iam's rule is (still, or again) here: $(places_of kube2iam; printf '%s\n' "$found" | tr '\n' ';') A client whose connection is closed could come back to kube2iam. Cut this worker over first."
  fi
  if ! rows_with kiam; then
    problem rule-absent "kiam's rule (to $host_ip) is on none of the tables here. A client whose connection is closed would get the node's own role. See that kiam's rule is put back (ensure), then run again."
  elif ! serves kiam "$interface"; then
    problem interface-not-covered "kube2iam's rule was for interface $interface, but none of kiam's rules is: $(places_of kiam; printf '%s\n' "$found" | tr '\n' ';') A client behind $interface whose connection is closed would get the node's own role."
  else
    interfaces_of kiam
    check_rivals kiam "${interface:-$found}"
  fi
}

VERB=drain
USAGE='[--idle SECONDS] --wait SECONDS [--left leave|close]'
idle_seconds='' wait_seconds='' left_over=''

own_flag() {
  case $1 in
  --idle) once "$1" "$idle_seconds" && idle_seconds=$2 ;;
  --wait) once "$1" "$wait_seconds" && wait_seconds=$2 ;;
  --left) once "$1" "$left_over" && left_over=$2 ;;
  *) return 1 ;;
  esac
}

check_own_flags() {
  number --wait "$wait_seconds" 0 86400
  case $left_over in
  '' | leave) [ -n "$idle_seconds" ] || usage "drain needs --idle or --left close: else it closes nothing" ;;
  close) ;;
  *) usage "--left must be leave or close, not '$left_over'" ;;
  esac
  if [ -n "$idle_seconds" ]; then number --idle "$idle_seconds" 1 86400; fi
}

act() {
  # It must end soon after --wait, and reads only.
  LOCK_WAIT=5
  if ! healthy kiam before "$attempts"; then
    problem unhealthy "kiam does not answer on this worker: $http_detail. Clients whose connection is closed would be left without credentials. See the log of kiam's agent here."
  fi
  look
  check_forms
  check_kiam_alone
  if ! command -v ss >/dev/null 2>&1; then
    detail="ss is not installed here (iproute2): which connections are idle cannot be told, and none can be closed."
    if [ -n "$idle_seconds" ]; then
      problem no-ss "$detail Install iproute2 on this worker, or leave retirement.closeIdleSeconds unset."
    elif [ "$problems" -eq 0 ]; then
      notice no-ss "$detail kube2iam's end resets them."
      report ok
    fi
  fi
  if [ "$problems" -gt 0 ]; then
    say "nothing was touched."
    report refused
  fi

  HTTP_TIME=2
  kiam_failed='' closing=idle forgotten=0
  memory=$(memory_of_closed)
  # The uptime is cut to whole seconds: one more, lest it ends before --wait has passed.
  deadline=$(($(uptime_seconds) + wait_seconds + (wait_seconds > 0)))
  all_clients="sport = :$kube2iam_port"
  while list_clients "$all_clients"; do
    if any_to_close; then drain_once; fi
    [ "$problems" -eq 0 ] || break
    now=$(uptime_seconds)
    if [ -z "$clients" ]; then
      [ "$now" -lt "$forgotten" ] || break
    elif [ "$now" -ge "$deadline" ]; then
      close_more || break
      continue
    fi
    sleep 1
  done
  if [ -n "$clients" ] && [ -n "$kiam_failed" ]; then
    problem unhealthy "kiam stopped answering on this worker: $kiam_failed. No more connections were closed. See the log of kiam's agent here."
  fi
  [ "$problems" -eq 0 ] || report refused
  left=''
  for client in $clients; do
    split_client "$client"
    left="$left${left:+$NEWLINE}$address $port"
  done
  if [ -n "$clients" ]; then
    notice connections-left "$(words_for_clients)"
  else
    say "no connection to kube2iam is left."
  fi
  report ok
}

# Closes what may be closed, if that is safe at this very moment, and looks again. That kiam does not
# answer just now only puts it off.
drain_once() {
  if ! snapshot; then
    problem backend-unreadable "the tables could not be read (any more): $detail_nft $detail_legacy"
  else
    check_kiam_alone
  fi
  [ "$problems" -eq 0 ] || return 0
  kiam_failed=''
  if ! ask kiam; then
    kiam_failed=$http_detail
    return 0
  fi
  close_clients
  list_clients "$all_clients" && check_withstood
}

# state_in_words STATE, of a connection whose last data went $seconds ago
state_in_words() {
  case $1 in
  waiting) printf %s "waiting for an answer, idle for $seconds s" ;;
  queued) printf %s "data in flight, idle for $seconds s" ;;
  unknown | unnamed) printf %s "idle time not known: ss gives no details, is the kernel's tcp_diag there?" ;;
  *) printf %s "idle for $seconds s" ;;
  esac
}

words_for_clients() {
  printf '%s' "after $wait_seconds s connections to kube2iam's port $kube2iam_port are left:"
  for client in $clients; do
    split_client "$client"
    printf ' %s' "$address:$port ($(state_in_words "$state"));"
  done
  if [ "$left_over" = close ]; then
    printf ' %s' "they could not be closed: kube2iam's end resets them."
  else
    printf ' %s' "restart these pods, wait longer, or have them closed (retirement.then: proceed)."
  fi
}
