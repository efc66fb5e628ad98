# nft's own tables, which iptables does not list.

# A space and a tab.
BLANKS=' 	'

# Besides iptables' tables, nft itself makes tables of any name, with chains at the same hook. Rows
# "FAMILY TABLE CHAIN PRIORITY" of the nat chains there that may take credential requests are in
# $native; $native_first: one of them may come before iptables' own, at priority -100. Without nft
# they cannot be seen.
look_for_native() {
  native='' native_first='' native_seen=''
  if [ "$state_nft" = empty ] || ! command -v nft >/dev/null 2>&1; then return 0; fi
  if ! headings=$(nft -n list chains 2>&1 </dev/null); then
    notice native-unread "nft is here and could not list its chains ($headings): a nat chain of its own, if any, is not in this report."
    return 0
  fi
  # What iptables cannot list of its own table is looked at here instead.
  native_seen=yes
  for line in $headings; do
    case $line in
    'table '* | *'type nat hook prerouting'*) ;;
    *)
      case ${line#"${line%%[![:space:]]*}"} in 'chain '*) ;; *) continue ;; esac
      ;;
    esac
    split_words "$line" "$BLANKS"
    # shellcheck disable=SC2086 # one word a line
    set -- $words
    case $1 in
    table) family=$2 table=$3 ;;
    chain) native_chain=$2 ;;
    *)
      priority=${line##*priority } priority=${priority%%;*}
      case $priority in dstnat) priority=-100 ;; esac
      case $family in ip | inet) ;; *) continue ;; esac
      # This is the one that iptables lists.
      if [ "$family $table $native_chain" = "ip nat $CHAIN" ] && [ -n "$tool_nft" ]; then continue; fi
      if takes_metadata; then
        native="$native${native:+$NEWLINE}$family $table $native_chain $priority"
        # What is not a number is an offset from a name: not known.
        case $priority in
        -[0-9] | -[0-9][0-9] | [0-9]*) ;;
        *) native_first=yes ;;
        esac
      fi
      ;;
    esac
  done
}

# Whether the chain named by $family $table $native_chain may see credential requests: its table
# names the metadata address or a network that holds it, or it leads elsewhere without naming a
# destination. What cannot be read may.
takes_metadata() {
  chain_text=$(nft -n list chain "$family" "$table" "$native_chain" 2>/dev/null </dev/null) || return 0
  # In iptables' own table every rule of kube2iam and kiam would count: so only the chain is looked at,
  # and where it leads on, the answer is yes.
  if [ "$family $table" = 'ip nat' ]; then
    case $chain_text in *' jump '* | *' goto '* | *map* | *' @'*) return 0 ;; esac
    names_metadata "$chain_text"
  else
    table_text=$(nft -n list table "$family" "$table" 2>/dev/null </dev/null) || return 0
    names_metadata "$table_text"
  fi && return 0
  for rule in $(printf '%s\n' "$chain_text" | grep -e dnat -e redirect | grep -v daddr); do
    case $rule in *dport*) printf '%s\n' "$rule" | grep -w 80 >/dev/null && return 0 ;; *) return 0 ;; esac
  done
  return 1
}

# names_metadata TEXT: an address, a network or a range in it is or holds the metadata address.
names_metadata() {
  addresses=$(printf '%s\n' "$1" | grep -oE '[0-9]+(\.[0-9]+){3}(/[0-9]+|-[0-9]+(\.[0-9]+){3})?' | sort -u)
  for address in $addresses; do
    case $address in
    *-*)
      { is_ipv4 "${address%-*}" && is_ipv4 "${address#*-}"; } || return 0
      ip_number "${address%-*}"
      range_start=$ip_value
      ip_number "${address#*-}"
      range_end=$ip_value
      ip_number "$METADATA"
      if [ "$range_start" -le "$ip_value" ] && [ "$ip_value" -le "$range_end" ]; then return 0; fi
      ;;
    *) if may_be_metadata "$address"; then return 0; fi ;;
    esac
  done
  return 1
}

check_native() {
  for row in $native; do
    split_words "$row" ' '
    # shellcheck disable=SC2086 # one word a line
    set -- $words
    case $4 in
    -[0-9] | -[0-9][0-9] | [0-9]*)
      notice native-chain "nft's own chain $3 (table $1 $2, nat, prerouting, priority $4) may take requests for $METADATA, too. It comes after iptables' rules, which are at priority -100."
      ;;
    *)
      "$(back problem)" native-chain "nft's own chain $3 (table $1 $2, nat, prerouting, priority $4) may take requests for $METADATA, and it comes before iptables' rules, at priority -100, or may: these do not tell who answers. See nft list table $1 $2. Have what made it (kube2iam with --nftables, a CNI, the node's firewall) take it away, or leave $METADATA out of it, then run again."
      ;;
    esac
  done
}
