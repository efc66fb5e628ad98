# The way of a request through PREROUTING and the chains that it jumps to.

# lines_with TEXT: at least those lines of $listing that hold it, in $lines.
lines_with() {
  lines=$listing
  [ "${#listing}" -le "$LONG_LIST" ] || lines=$(printf '%s\n' "$listing" | grep -F -e "$1")
}

# rows_of BACKEND NAT: adds to $rows a row "BACKEND POSITION KIND INTERFACE SPEC" for every rule that
# matters here, in the order in which requests come to them. A rule in a chain that PREROUTING jumps to
# stands at the position of the jump; INTERFACE is then the narrower of the two, as far as that can be
# told. Position 0: in a chain that requests do not come to. PREROUTING as printed is in $chain.
rows_of() {
  of=$1 listing=$2 at=0 walked=''
  lines_with '-N '
  chains=$NEWLINE$lines$NEWLINE
  lines_with "-A $CHAIN "
  long_chain=''
  [ "${#lines}" -le "$LONG_LIST" ] || long_chain=$(printf '%s\n' "$lines" | grep -e "^-A $CHAIN ")
  chain=$long_chain
  for line in $lines; do
    case $line in "-A $CHAIN "*) ;; *) continue ;; esac
    [ -n "${long_chain:+long}" ] || chain="$chain${chain:+$NEWLINE}$line"
    at=$((at + 1)) to_walk=''
    judge "$line" no plain -
    walk
  done
  lines_with "$METADATA"
  for line in $lines; do
    case $line in *"$METADATA"*) ;; *) continue ;; esac
    classify "$line"
    # Pods' requests do not pass the chains for what the node itself sends, or for what leaves it.
    case $kind:${rule_chain-} in
    foreign:* | competing:* | *:"$CHAIN" | unread:OUTPUT | unread:INPUT | unread:POSTROUTING) continue ;;
    esac
    case "$NEWLINE$walked" in
    *"$NEWLINE$rule_chain "*) ;;
    *) rows="$rows${rows:+$NEWLINE}$of 0 $kind $iface $line" ;;
    esac
  done
}

# judge SPEC NAMED VIA INTERFACE: adds the row of a rule to which requests of INTERFACE come at
# position $at (the rest: classify), and adds the chain that it leads on to, if any, to $to_walk. Fails
# where no request goes on to the next rule of its chain: a RETURN that takes all of them, back to the
# jump.
judge() {
  classify "$1" "$2" "$3"
  [ "$sees" = yes ] || return 0
  overlap "$iface" "$4" || return 0
  if [ "$rule_chain" != "$CHAIN" ] && [ "$jump" = RETURN ]; then
    if [ "$whole" = yes ] && covers "$iface" "$4"; then return 1; fi
    return 0
  fi
  covers "$4" "$iface" || iface=$4
  case $chains in
  *"$NEWLINE-N $jump$NEWLINE"*)
    # Its own rules say what it does. From one that was gone to, nothing comes back to PREROUTING.
    [ "$rule_chain $going" = "$CHAIN -g" ] || kind=foreign
    via_next
    to_walk="$to_walk${to_walk:+$NEWLINE}$jump $named $next_via $iface"
    ;;
  esac
  [ "$kind" = foreign ] || rows="$rows${rows:+$NEWLINE}$of $at $kind $iface $1"
}

# Adds the rows of the chains in $to_walk, rows "CHAIN NAMED VIA INTERFACE", and of those that they
# lead on to. Each in each way once, so that it ends even if they went round in a circle.
walk() {
  while [ -n "$to_walk" ]; do
    way=${to_walk%%"$NEWLINE"*}
    case $to_walk in *"$NEWLINE"*) to_walk=${to_walk#*"$NEWLINE"} ;; *) to_walk='' ;; esac
    case "$NEWLINE$walked$NEWLINE" in *"$NEWLINE$way$NEWLINE"*) continue ;; esac
    walked="$walked$NEWLINE$way"
    way_chain=${way%% *} way=${way#* }
    way_named=${way%% *} way=${way#* }
    way_via=${way%% *} way_iface=${way#* }
    lines_with "-A $way_chain "
    for line in $lines; do
      case $line in
      "-A $way_chain -d $METADATA/32 "*) ;;
      # Of thousands of Services, those at an address of their own see no request.
      "-A $way_chain -d "*"/32 "*)
        destination=${line#"-A $way_chain -d "}
        destination=${destination%% *}
        case ${destination%/32} in "$destination" | *[!0-9.]*) ;; *) continue ;; esac
        ;;
      "-A $way_chain "*) ;;
      *) continue ;;
      esac
      judge "$line" "$way_named" "$way_via" "$way_iface" || break
    done
  done
}
