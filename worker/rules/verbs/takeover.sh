# Whether one system can take over from the other.

# is_unused NAME: the machine has no interface of that name. A prefix or a negation may fit one that
# comes any moment; what cannot be read counts as used.
is_unused() {
  case $1 in *+ | !* | -) return 1 ;; esac
  interfaces=$(sed -n -e 's/^ *\([^:]*\):.*/\1/p' /proc/net/dev 2>/dev/null)
  [ -n "$interfaces" ] || return 1
  case "$NEWLINE$interfaces$NEWLINE" in *"$NEWLINE$1$NEWLINE"*) return 1 ;; esac
}

# check_takeover SYSTEM OTHER: OTHER's rules must see what each rule of SYSTEM sees, and nothing
# else may stand where it would come next, or comes first already.
check_takeover() {
  if ! rows_with "$2"; then
    if rows_with unread || rows_with unexpected || not_listed; then
      problem rule-absent "$2's rule (to $host_ip) is not among the rules that could be read here. It may be one of those that could not: see there."
    else
      problem rule-absent "$2's rule (to $host_ip) is on none of the tables here. Without it pods would get the node's own role. Let $2's pod on this worker write it (--iptables), then run again."
    fi
    return
  fi
  # Of several rules one may be for an interface that went, or never was; if it is the only one, the
  # interface may come with the first pod.
  live=''
  rows_with "$1"
  all_that_go=$found
  for goes in $all_that_go; do
    split_row "$goes"
    goes_iface=$iface
    if serves "$2" "$goes_iface"; then live=yes; fi
  done
  for goes in $all_that_go; do
    split_row "$goes"
    goes_iface=$iface
    if serves "$2" "$goes_iface"; then
      continue
    elif is_unused "$goes_iface" && { [ "$1" = kiam ] || [ -n "$live" ]; }; then
      notice interface-unused "$1's rule is for interface $goes_iface, which this machine does not have: nobody's requests come in by it, so that it can go."
    else
      problem interface-not-covered "$1's rule is for interface $goes_iface, but none of $2's rules is: $(places_of "$2"; printf '%s\n' "$found" | tr '\n' ';') Pods behind $goes_iface would get the node's own role. Give $2 the same --host-interface."
    fi
  done
  interfaces_of "$1"
  theirs=$found
  interfaces_of "$2"
  check_rivals "$2" "$theirs$NEWLINE$found"
}
