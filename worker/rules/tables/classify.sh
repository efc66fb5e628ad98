# What a single rule is, by its full text as iptables -S prints it. migration/rules/natRule.ts says the
# same in TypeScript: change both.

ip_number() {
  split_words "$1" .
  ip_value=0
  for octet in $words; do ip_value=$((ip_value * 256 + octet)); done
}

# Whether a destination as iptables prints it (A.B.C.D/N) can be the metadata address.
# A mask that is not a plain number counts as yes.
may_be_metadata() {
  network=${1%/*} bits=32
  case $1 in */*) bits=${1#*/} ;; esac
  is_ipv4 "$network" || return 0
  case $bits in '' | *[!0-9]*) return 0 ;; esac
  ip_number "$network"
  network=$ip_value
  ip_number "$METADATA"
  [ $((network >> (32 - bits))) -eq $((ip_value >> (32 - bits))) ]
}

# is_printed_interface NAME: what iptables may print behind -i, which is any name that the kernel takes,
# even "veth+" with its quotes. A "-" or "!" in front would be taken for something else.
is_printed_interface() {
  case $1 in
  '' | [-!]* | ????????????????* | *[![:graph:]]* | */*) return 1 ;;
  esac
}

# classify SPEC [NAMED VIA] sets
#   kind   kube2iam, kiam: exactly the form those two write, to their address and port here;
#          unexpected: leads to one of them, may see credential requests, but has another form;
#          unread: may see credential requests, and iptables itself cannot say where it leads or
#          what it matches;
#          competing: takes credential requests and leads elsewhere;
#          foreign: anything else, among it every rule that cannot see a request to
#          169.254.169.254:80 whatever it leads to, and every one that names no destination but
#          matches by what is not understood here (CNI's host ports).
#   iface  the interface ("!eth0" negated), or "-" for any.
# For a rule in a chain that PREROUTING jumps to: NAMED is yes where a jump on the way names the
# metadata address, and VIA says by what else they match: plain, nothing that matters here; unread,
# something that iptables cannot read; other, something that is not understood here.
classify() {
  kind=foreign iface=- exact=yes sees=yes named=${2:-no} via=${3:-plain} to='' jump='' going='' seen=' ' negated=''
  unread=no plain=yes whole=yes
  [ "$via" != unread ] || unread=yes
  split_words "$1" ' '
  # shellcheck disable=SC2086 # one word a line
  set -- $words
  [ "${1-}" = -A ] && [ $# -ge 2 ] || return 0
  rule_chain=$2
  [ "$rule_chain" = "$CHAIN" ] || exact=no
  shift 2
  while [ $# -gt 0 ]; do
    if [ "$1" = '!' ]; then
      [ -z "$negated" ] || exact=no
      negated='!'
      shift
      continue
    fi
    case $seen in *" $1 "*) exact=no ;; esac
    [ -z "$negated" ] || [ "$1" = -i ] || exact=no whole=no
    seen="$seen$1 "
    case $1 in
    -d)
      if may_be_metadata "${2-}"; then
        case $negated${2-} in
        '!0.0.0.0'* | !*/*[!0-9]*) ;; # may be the metadata address, or not
        !*) sees=no ;;
        *) named=yes ;;
        esac
      elif [ -z "$negated" ]; then
        sees=no
      fi
      case ${2-} in "$METADATA" | "$METADATA/32") ;; *) exact=no ;; esac
      case ${2-} in */*[!0-9]*) whole=no ;; esac
      ;;
    -i)
      iface=$negated${2-}
      if ! is_printed_interface "${2-}" || [ "$iface" = '!+' ]; then
        exact=no whole=no iface=-
      elif [ "$iface" = + ]; then
        iface=-
      fi
      ;;
    -p)
      [ "${2-}" = tcp ] || exact=no whole=no
      case $negated${2-} in tcp | all) ;; !tcp | !all) sees=no ;; !*) ;; *) sees=no ;; esac
      ;;
    -s) exact=no whole=no ;;
    -m)
      [ "${2-}" = tcp ] || exact=no
      case ${2-} in tcp | comment) ;; *) plain=no whole=no ;; esac
      ;;
    --dport)
      [ "${2-}" = 80 ] || exact=no
      port_range=${2-}
      case $port_range in
      # Not a number: may be 80.
      *[!0-9:]* | '' | :* | *:) whole=no ;;
      *)
        if [ "${port_range%%:*}" -le 80 ] && [ "${port_range##*:}" -ge 80 ]; then
          [ -z "$negated" ] || sees=no
        else
          [ -n "$negated" ] || sees=no
        fi
        ;;
      esac
      ;;
    -j | -g)
      going=$1 jump=${2-}
      [ "$1 $jump" = '-j DNAT' ] || exact=no
      ;;
    --to-destination) to=${2-} ;;
    --to-ports)
      exact=no
      to=$host_ip:${2-}
      ;;
    *)
      exact=no
      case $1 in '[unsupported' | '[unknown' | '[UNKNOWN' | UNKNOWN) unread=yes ;; esac
      # A comment is one word to iptables, whatever it holds.
      if [ "$1" = --comment ] && [ $# -gt 1 ]; then shift; else whole=no; fi
      if opens_quote "$1"; then
        while [ $# -gt 1 ] && ! closes_quote "$2"; do shift; done
        [ $# -eq 1 ] || shift
      fi
      shift
      negated=''
      continue
      ;;
    esac
    negated=''
    shift
    [ $# -eq 0 ] || shift
  done
  [ -z "$negated" ] || exact=no
  for needed in -d -p --dport -j --to-destination; do
    case $seen in *" $needed "*) ;; *) exact=no ;; esac
  done

  case $jump in
  # End no request's walk.
  '' | LOG | NFLOG | MARK | CONNMARK | TRACE) sees=no ;;
  DNAT) [ -n "$to" ] || unread=yes ;;
  esac
  [ "$sees" = yes ] || return 0
  case $rule_chain:$jump in
  "$CHAIN:"*) ;;
  # Goes on where the jump was.
  *:RETURN) return 0 ;;
  esac
  case $to in
  "$host_ip:$kube2iam_port") kind=kube2iam ;;
  "$host_ip:$kiam_port") kind=kiam ;;
  *)
    # What names no destination sees them all.
    case $named:$going:$jump in
    yes:*) ;;
    no:-g:* | no:*:DNAT | no:*:REDIRECT | no:*:NETMAP | no:*:NFQUEUE | no:*:ACCEPT | no:*:RETURN)
      case $via:$plain:$unread in other:* | plain:no:no) return 0 ;; esac
      ;;
    *) return 0 ;;
    esac
    if [ "$unread" = yes ]; then kind=unread; else kind=competing; fi
    return 0
    ;;
  esac
  [ "$exact" = yes ] || kind=unexpected
}

# via_next: how requests come to the chain that the rule last classified jumps to, in $next_via.
via_next() {
  case $via:$plain:$unread in
  other:* | plain:no:no) next_via=other ;;
  *:yes) next_via=unread ;;
  *) next_via=plain ;;
  esac
}

# opens_quote WORD: a quoted text begins with it and goes on in the next word.
opens_quote() {
  case $1 in
  \"?*) ! closes_quote "${1#?}" ;;
  \") ;;
  *) return 1 ;;
  esac
}

# closes_quote WORD: it ends with a quote that no backslash in front makes part of the text.
closes_quote() {
  case $1 in *\") ;; *) return 1 ;; esac
  backslashes=${1%?}
  while :; do
    case $backslashes in
    *\\\\) backslashes=${backslashes%??} ;;
    *\\) return 1 ;;
    *) return 0 ;;
    esac
  done
}

# rule_spec INTERFACE PORT: the rule that both systems write, as -S prints it, in $written.
rule_spec() {
  case $1 in
  - | +) incoming='' ;;
  !*) incoming=" ! -i ${1#!}" ;;
  *) incoming=" -i $1" ;;
  esac
  written="-A $CHAIN -d $METADATA/32$incoming -p tcp -m tcp --dport 80 -j DNAT --to-destination $host_ip:$2"
}
