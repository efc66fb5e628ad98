# Whose rule takes the requests, where that can be said.

# first_of BACKEND: whose of the two systems' rules comes first there.
first_of() {
  for row in $rows; do
    split_row "$row"
    case $kind:$backend in
    "kube2iam:$1" | "kiam:$1")
      printf %s "$kind"
      return
      ;;
    esac
  done
}

# shielded BACKEND POSITION SYSTEM INTERFACE: a rule of SYSTEM comes before that position and takes
# all of INTERFACE's traffic. In the other set of tables none does: their order cannot be read.
shielded() {
  for row in $(rows_with "$3" "$1"); do
    split_row "$row"
    if [ "$place" -lt "$2" ] && covers "$iface" "$4"; then return 0; fi
  done
  return 1
}

# rivals_of SYSTEM INTERFACE: rows of rules that are, or may be, another program's and could take
# INTERFACE's requests before a rule of SYSTEM does.
rivals_of() {
  for row in $rows; do
    split_row "$row"
    case $kind:$spec in
    'unexpected:-A OUTPUT '*) continue ;;
    competing:* | unread:* | unexpected:*) ;;
    *) continue ;;
    esac
    rival=$row
    overlap "$iface" "$2" || continue
    shielded "$backend" "$place" "$1" "$2" || printf '%s\n' "$rival"
  done
}

# What may take requests and is in no list of iptables'.
not_listed() { if [ -n "$native_seen" ]; then printf %s "$native_first"; else printf %s "$unlisted_nft"; fi; }

# Whose rule comes first, where that can be said. Where both systems' rules stand in both sets of
# tables, or one here and one there, the order is that in which the tables were registered with the
# kernel, which cannot be read: known only if the same system comes first in each set that has any.
# Nor is it known where a rule in front of it is another program's, or cannot be read.
in_force() {
  first_nft=$(first_of nft) first_legacy=$(first_of legacy)
  case $first_nft:$first_legacy in
  :) first=none ;;
  :* | *:) first=$first_nft$first_legacy ;;
  kiam:kiam | kube2iam:kube2iam) first=$first_nft ;;
  *) first=unknown ;;
  esac
  if [ -n "$(not_listed)" ]; then first=unknown; fi
  if [ "$first" = none ]; then
    # What leads to one of them, or cannot be read, is not none.
    in_front=$(rivals_of none - | grep -v '^[a-z]* [0-9]* competing ')
    if [ -n "$in_front" ]; then first=unknown; fi
  fi
  for each in $(interfaces_of "$first"); do
    if [ -n "$(rivals_of "$first" "$each")" ]; then
      first=unknown
      break
    fi
  done
  printf %s "$first"
}
