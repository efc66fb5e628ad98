# Whose rule takes the requests, where that can be said.

# first_of BACKEND: whose of the two systems' rules comes first there, in $first.
first_of() {
  for row in $rows; do
    split_row "$row"
    first=$kind
    case $kind:$backend in "kube2iam:$1" | "kiam:$1") return ;; esac
  done
  first=''
}

# shielded BACKEND POSITION SYSTEM INTERFACE: a rule of SYSTEM comes before that position and takes
# all of INTERFACE's traffic. In the other set of tables none does: their order cannot be read.
shielded() {
  rows_with "$3" "$1"
  for row in $found; do
    split_row "$row"
    if [ "$place" -lt "$2" ] && covers "$iface" "$4"; then return 0; fi
  done
  return 1
}

# rivals_of SYSTEM INTERFACE: rows of rules that are, or may be, another program's and could take
# INTERFACE's requests before a rule of SYSTEM does, in $rivals.
rivals_of() {
  rivals=''
  for row in $rows; do
    split_row "$row"
    case $kind:$spec in
    'unexpected:-A OUTPUT '*) continue ;;
    competing:* | unread:* | unexpected:*) ;;
    *) continue ;;
    esac
    rival=$row
    overlap "$iface" "$2" || continue
    shielded "$backend" "$place" "$1" "$2" || rivals="$rivals${rivals:+$NEWLINE}$rival"
  done
}

# What may take requests and is in no list of iptables'.
not_listed() { if [ -n "$native_seen" ]; then [ -n "$native_first" ]; else [ -n "$unlisted_nft" ]; fi; }

# Whose rule comes first, where that can be said, in $first. Where both systems' rules stand in both sets of
# tables, or one here and one there, the order is that in which the tables were registered with the
# kernel, which cannot be read: known only if the same system comes first in each set that has any.
# Nor is it known where a rule in front of it is another program's, or cannot be read.
in_force() {
  first_of nft
  first_nft=$first
  first_of legacy
  first_legacy=$first
  case $first_nft:$first_legacy in
  :) first=none ;;
  :* | *:) first=$first_nft$first_legacy ;;
  kiam:kiam | kube2iam:kube2iam) first=$first_nft ;;
  *) first=unknown ;;
  esac
  if not_listed; then first=unknown; fi
  if [ "$first" = none ]; then
    # What leads to one of them, or cannot be read, is not none.
    rivals_of none -
    for rival in $rivals; do
      split_row "$rival"
      [ "$kind" = competing ] || first=unknown
    done
  fi
  interfaces_of "$first"
  for each in $found; do
    rivals_of "$first" "$each"
    if [ -n "$rivals" ]; then
      first=unknown
      break
    fi
  done
}
