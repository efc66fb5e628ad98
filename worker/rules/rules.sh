#!/bin/sh
# Looks at, removes and puts back the nat rules of kube2iam and kiam on one worker, and closes
# connections to kube2iam.
#
#   rules.sh inspect  FLAGS
#   rules.sh remove   FLAGS --system kube2iam|kiam
#   rules.sh restore  FLAGS --rule SPEC [--backend nft|legacy] [--rule SPEC …]
#   rules.sh ensure   FLAGS --system kiam            kiam's rule is there, or is appended
#   rules.sh drain    FLAGS [--idle SECONDS] --wait SECONDS [--left leave|close]
#   FLAGS: --host-ip IP --kube2iam-port N --kiam-port N [--interface NAME] [--kiam-interface NAME]
#          [--attempts N]
#   --interface is kube2iam's host interface, --kiam-interface kiam's where that is another one.
#
# Runs as root on the worker (SSH) or in a privileged hostNetwork pod there, by dash, bash or
# busybox, usually from standard input. One JSON document on stdout (its form, with what every
# field means: migration/nodeReport.ts), words for people on stderr, and the exit status:
#   0 as asked for          1 refused, nothing touched     2 arguments refused, no document
#   3 changed, put back     4 changed, could NOT be put back
#
# A drain that has to stop in the middle is refused, too; what it had closed by then is in its document.
#
# What it holds to:
# - Rules are recognised, deleted and put back by their full specification, never by number.
#   Numbers are only ever used to insert.
# - What cannot be checked counts as unsafe: then nothing is touched.
# - From the first change on it cannot be interrupted by HUP, INT, TERM or PIPE: it finishes or
#   undoes, also when nobody is left to read what it prints. A SIGKILL between two commands leaves
#   the rule there or gone, with the other system's rule in place either way.
# - Everything is a function and the last line starts it: half a script does nothing.
# - Nothing is written to the worker's disk (no temporary files, so no here-documents either): it
#   works with a full disk and a read-only root.
# - drain changes no rule, so it can be interrupted at any time, and it ends by itself: less than two
#   minutes after --wait, also where it goes on closing and waits until the kernel has forgotten that.

METADATA=169.254.169.254
CHAIN=PREROUTING
NEWLINE='
'
BLANKS=' 	' # a space and a tab
LOCK_WAIT=30 # seconds that iptables may wait for the xtables lock
HTTP_TIME=3  # seconds for one health request
# Seconds, for connections that are left after --wait: to catch a moment in which a client waits for
# no answer, and then for all else.
QUIET_TIME=10 CLOSE_PATIENCE=30
# Milliseconds after an answer in which a client is closed rather than later, and how often that
# moment is looked for; a look takes some 10 ms.
JUST_ANSWERED=20 LOOKS=50

# ---------------------------------------------------------------------------- words for people

say() { printf '%s\n' "rules.sh ${host_ip:-}: $*" >&2 2>/dev/null || :; }

usage() {
  say "$*. Nothing was touched."
  say "usage: inspect|remove|restore|ensure|drain --host-ip IP --kube2iam-port N --kiam-port N" \
    "[--interface NAME] [--kiam-interface NAME] [--attempts N] [--system kube2iam|kiam]" \
    "[--rule SPEC [--backend nft|legacy]]... [[--idle SECONDS] --wait SECONDS [--left leave|close]]"
  exit 2
}

# finding SEVERITY CODE MESSAGE
finding() {
  say "$1: $3"
  findings="$findings${findings:+,}{\"severity\":\"$1\",\"code\":\"$2\",\"message\":$(json_string "$3")}"
}

problem() {
  problems=$((problems + 1))
  finding problem "$@"
}

notice() { finding notice "$@"; }

# ---------------------------------------------------------------------------- JSON

# Everything outside printable ASCII becomes "?": what is kept is valid JSON whatever a rule's
# comment or a server's answer holds.
json_text() { printf '%s\n' "$1" | tr -c '\n\040-\176' '?' | sed -e 's/[\\"]/\\&/g'; }

json_string() { printf '"%s"' "$(json_text "$1" | tr '\n' ' ' | sed -e 's/ *$//')"; }

# json_array LINES SED-EXPRESSION: one element a line, made by the expression from the escaped line.
json_array() {
  [ -n "$1" ] || {
    printf '[]'
    return
  }
  # shellcheck disable=SC2016 # $! is sed's
  printf '[%s]' "$(json_text "$1" | sed -e "$2" -e '$!s/$/,/' | tr -d '\n')"
}

# Rows "BACKEND POSITION SPEC".
json_places() {
  json_array "$1" 's/^\([a-z]*\) \([0-9]*\) \(.*\)$/{"backend":"\1","position":\2,"spec":"\3"}/'
}

# Rows "BACKEND SPEC".
json_captured() { json_array "$1" 's/^\([a-z]*\) \(.*\)$/{"backend":"\1","spec":"\2"}/'; }

# The rules as the last snapshot saw them.
json_state() {
  printf '{"nft":%s,"legacy":%s,"kube2iam":%s,"kiam":%s,"inForce":"%s"}' \
    "$(json_array "$chain_nft" 's/.*/"&"/')" "$(json_array "$chain_legacy" 's/.*/"&"/')" \
    "$(json_places "$(places_of kube2iam)")" "$(json_places "$(places_of kiam)")" "$(in_force)"
}

json_backend() {
  printf '{"name":"%s","tool":%s,"state":"%s","detail":%s}' "$1" "$(json_string "$2")" "$3" "$(json_string "$4")"
}

# report OUTCOME: prints the document and ends the script.
report() {
  if [ "$before_chains" = "nft:$chain_nft legacy:$chain_legacy" ]; then changed=false; else changed=true; fi
  system_json=null
  [ -z "$system" ] || system_json="\"$system\""
  printf '{"version":1,"verb":"%s","system":%s,"hostIp":"%s","bootId":%s,"outcome":"%s","changed":%s,"backends":[%s,%s],"before":%s,"after":%s,"removed":%s,"inserted":%s,"kube2iamRule":%s,"kube2iamRules":%s,"health":[%s],"kube2iamConnections":%s,"closed":%s,"findings":[%s]}\n' \
    "$verb" "$system_json" "$host_ip" "$(json_string "$(boot_id)")" "$1" "$changed" \
    "$(json_backend nft "$tool_nft" "$state_nft" "$detail_nft")" \
    "$(json_backend legacy "$tool_legacy" "$state_legacy" "$detail_legacy")" \
    "$before_json" "$(json_state)" "$(json_places "$removed")" "$(json_places "$inserted")" \
    "$way_back_json" "$way_back_all_json" "$health" \
    "$(json_array "${left-$(connections)}" 's/^\(.*\) \([0-9]*\)$/{"address":"\1","port":\2}/')" \
    "$(json_array "$closed" 's/^\(.*\) \([0-9]*\) \([0-9]*\)$/{"address":"\1","port":\2,"idleSeconds":\3}/')" \
    "$findings" 2>/dev/null || :
  case $1 in
  ok) exit 0 ;;
  refused) exit 1 ;;
  undone) exit 3 ;;
  *) exit 4 ;;
  esac
}

# ---------------------------------------------------------------------------- arguments

# number NAME VALUE LEAST MOST
number() {
  case $2 in
  '' | *[!0-9]* | 0?* | ??????*) usage "$1 must be a number from $3 to $4, not '$2'" ;;
  esac
  { [ "$2" -ge "$3" ] && [ "$2" -le "$4" ]; } || usage "$1 must be a number from $3 to $4, not '$2'"
}

is_ipv4() {
  case $1 in
  '' | *[!0-9.]* | .* | *. | *..*) return 1 ;;
  esac
  split_words "$1" .
  [ "$words_count" -eq 4 ] || return 1
  for octet in $words; do
    case $octet in 0?* | ????*) return 1 ;; esac
    [ "$octet" -le 255 ] || return 1
  done
}

# split_words TEXT SEPARATOR: the words, one a line, in $words (IFS is a line break throughout).
split_words() {
  IFS=$2
  # shellcheck disable=SC2086 # to be split
  set -- $1
  IFS=$NEWLINE
  words_count=$#
  words=$*
}

is_interface() {
  case ${1#!} in
  '' | -* | ????????????????* | *[!A-Za-z0-9_.+-]* | *+?*) return 1 ;;
  esac
  [ "$1" != '!+' ]
}

# is_printed_interface NAME: what iptables may print behind -i, which is any name that the kernel takes:
# "veth+" with its quotes, too, where somebody gave it so. A "-" or "!" in front would be taken for
# something else.
is_printed_interface() {
  case $1 in
  '' | [-!]* | ????????????????* | *[![:graph:]]* | */*) return 1 ;;
  esac
}

# interface_flag NAME VALUE
interface_flag() {
  [ -z "$2" ] || is_interface "$2" ||
    usage "$1 must be an interface as --host-interface takes it (cni0, cali+, !eth0, or + for every one), not '$2'"
}

once() { [ -z "$2" ] || usage "$1 was given twice"; }

arguments() {
  verb='' system='' host_ip='' kube2iam_port='' kiam_port='' interface='' kiam_interface=''
  attempts='' wanted='' idle_seconds='' wait_seconds='' left_over=''
  case ${1-} in
  inspect | remove | restore | ensure | drain) verb=$1 ;;
  *) usage "the first argument must be inspect, remove, restore, ensure or drain, not '${1-}'" ;;
  esac
  shift
  while [ $# -gt 0 ]; do
    [ $# -ge 2 ] || usage "$1 is not known or lacks its value"
    case $2 in *"$NEWLINE"*) usage "$1 must be one line" ;; esac
    case $1 in
    --system) once "$1" "$system" && system=$2 ;;
    --host-ip) once "$1" "$host_ip" && host_ip=$2 ;;
    --kube2iam-port) once "$1" "$kube2iam_port" && kube2iam_port=$2 ;;
    --kiam-port) once "$1" "$kiam_port" && kiam_port=$2 ;;
    --interface) once "$1" "$interface" && interface=$2 ;;
    --kiam-interface) once "$1" "$kiam_interface" && kiam_interface=$2 ;;
    --attempts) once "$1" "$attempts" && attempts=$2 ;;
    --idle) once "$1" "$idle_seconds" && idle_seconds=$2 ;;
    --wait) once "$1" "$wait_seconds" && wait_seconds=$2 ;;
    --left) once "$1" "$left_over" && left_over=$2 ;;
    --rule)
      # As iptables prints it.
      case $2 in
      *' ! -i + '*) rule=$2 ;;
      *' -i + '*) rule="${2%%" -i + "*} ${2#*" -i + "}" ;;
      *) rule=$2 ;;
      esac
      wanted="$wanted${wanted:+$NEWLINE}- $rule"
      ;;
    --backend)
      # Belongs to the --rule before it.
      case $2 in nft | legacy) ;; *) usage "--backend must be nft or legacy, not '$2'" ;; esac
      last=${wanted##*"$NEWLINE"}
      case $last in '- '*) ;; *) usage "--backend must follow the --rule that it belongs to" ;; esac
      wanted="${wanted%"$last"}$2 ${last#- }"
      ;;
    *) usage "$1 is not known" ;;
    esac
    shift 2
  done

  shown=$host_ip host_ip=''
  is_ipv4 "$shown" || usage "--host-ip must be an IPv4 address, not '$shown'"
  host_ip=$shown
  number --kube2iam-port "$kube2iam_port" 1 65535
  number --kiam-port "$kiam_port" 1 65535
  [ "$kube2iam_port" != "$kiam_port" ] ||
    usage "--kube2iam-port and --kiam-port must differ: two systems cannot share port $kiam_port"
  interface_flag --interface "$interface"
  interface_flag --kiam-interface "$kiam_interface"
  # "+" is every interface, and iptables prints no -i for it.
  if [ "$interface" = + ]; then interface=-; fi
  if [ "$kiam_interface" = + ]; then kiam_interface=-; fi
  if [ -n "$attempts" ]; then number --attempts "$attempts" 1 60; else attempts=3; fi
  case $verb:$system in
  remove:kube2iam | remove:kiam | ensure:kiam | inspect: | restore: | drain:) ;;
  remove:*) usage "remove needs --system kube2iam or --system kiam, not '$system'" ;;
  ensure:*) usage "ensure needs --system kiam, not '$system' (kube2iam's rule comes back by restore)" ;;
  *) usage "--system is for remove and ensure only" ;;
  esac
  case $verb:$wanted in
  restore:) usage "restore needs --rule" ;;
  restore:* | inspect: | remove: | ensure: | drain:) ;;
  *) usage "--rule is for restore only" ;;
  esac
  if [ "$verb" = drain ]; then
    number --wait "$wait_seconds" 0 86400
    case $left_over in
    '' | leave) [ -n "$idle_seconds" ] || usage "drain needs --idle or --left close: else it closes nothing" ;;
    close) ;;
    *) usage "--left must be leave or close, not '$left_over'" ;;
    esac
    if [ -n "$idle_seconds" ]; then number --idle "$idle_seconds" 1 86400; fi
  elif [ -n "$idle_seconds$wait_seconds$left_over" ]; then
    usage "--idle, --wait and --left are for drain only"
  fi
  for row in $wanted; do
    classify "${row#* }"
    [ "$kind" = kube2iam ] ||
      usage "--rule must be kube2iam's rule for $host_ip:$kube2iam_port as iptables -S prints it, not '${row#* }'"
  done
}

# ---------------------------------------------------------------------------- what a rule is

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
      *[!0-9:]* | '' | :* | *:) whole=no ;; # not a number: may be 80
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
  '' | LOG | NFLOG | MARK | CONNMARK | TRACE) sees=no ;; # end no rule's walk
  DNAT) [ -n "$to" ] || unread=yes ;;
  esac
  [ "$sees" = yes ] || return 0
  case $rule_chain:$jump in
  "$CHAIN:"*) ;;
  *:RETURN) return 0 ;; # goes on where the jump was
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

# via_next: how requests come to the chain that the rule last classified jumps to.
via_next() {
  case $via:$plain:$unread in
  other:* | plain:no:no) printf other ;;
  *:yes) printf unread ;;
  *) printf plain ;;
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

# rule_spec INTERFACE PORT: the rule that both systems write, as -S prints it.
rule_spec() {
  case $1 in
  - | +) incoming='' ;;
  !*) incoming=" ! -i ${1#!}" ;;
  *) incoming=" -i $1" ;;
  esac
  printf %s "-A $CHAIN -d $METADATA/32$incoming -p tcp -m tcp --dport 80 -j DNAT --to-destination $host_ip:$2"
}

# Whether a rule for interface $1 sees all that a rule for $2 sees; "cannot tell" is no.
covers() {
  if [ "$1" = - ] || [ "$1" = "$2" ]; then return 0; fi
  case $1:$2 in
  *:- | *:!*) return 1 ;;
  !*) if overlap "${1#!}" "$2"; then return 1; else return 0; fi ;;
  esac
  in_prefix "$1" "$2"
}

# Whether one interface can fit both; "cannot tell" is yes.
overlap() {
  case $1:$2 in
  -:* | *:- | !*:!*) return 0 ;;
  !*) if covers "${1#!}" "$2"; then return 1; else return 0; fi ;;
  *:!*) if covers "${2#!}" "$1"; then return 1; else return 0; fi ;;
  esac
  [ "$1" = "$2" ] || in_prefix "$1" "$2" || in_prefix "$2" "$1"
}

# in_prefix cali+ cali1234: whether the first is a prefix and the second begins with it.
in_prefix() {
  case $1 in
  *+) case $2 in "${1%+}"*) return 0 ;; esac ;;
  esac
  return 1
}

# is_unused NAME: the machine has no interface of that name. A prefix or a negation may fit one that
# comes any moment; what cannot be read counts as used.
is_unused() {
  case $1 in *+ | !* | -) return 1 ;; esac
  interfaces=$(sed -n -e 's/^ *\([^:]*\):.*/\1/p' /proc/net/dev 2>/dev/null)
  [ -n "$interfaces" ] || return 1
  case "$NEWLINE$interfaces$NEWLINE" in *"$NEWLINE$1$NEWLINE"*) return 1 ;; esac
}

# ---------------------------------------------------------------------------- reading the tables

find_tools() {
  tool_nft='' tool_legacy='' default_backend=''
  if command -v iptables-nft >/dev/null 2>&1; then tool_nft=iptables-nft; fi
  if command -v iptables-legacy >/dev/null 2>&1; then tool_legacy=iptables-legacy; fi
  if command -v iptables >/dev/null 2>&1; then
    case $(iptables -V 2>/dev/null) in
    *nf_tables*)
      default_backend=nft
      tool_nft=${tool_nft:-iptables}
      ;;
    *v[0-9]*) # versions before 1.8 do not name their backend: it is legacy
      default_backend=legacy
      tool_legacy=${tool_legacy:-iptables}
      ;;
    esac
  fi
  if [ -z "$default_backend" ]; then
    if [ -n "$tool_nft" ]; then default_backend=nft; else default_backend=legacy; fi
  fi
}

tool_of() { if [ "$1" = nft ]; then printf %s "$tool_nft"; else printf %s "$tool_legacy"; fi; }

chain_of() { if [ "$1" = nft ]; then printf %s "$chain_nft"; else printf %s "$chain_legacy"; fi; }

# lock_flag TOOL: the words that make it wait for the xtables lock, one a line. A number of seconds it
# takes from 1.4.22 on; before that it waits as long as it takes, and before 1.4.20 it knows no -w.
lock_flag() {
  case $("$1" -V 2>/dev/null </dev/null) in
  *' v1.'[0-3].* | *' v1.4.'[0-9] | *' v1.4.1'[0-9]) ;;
  *' v1.4.2'[01]) printf %s -w ;;
  *) printf '%s\n' -w "$LOCK_WAIT" ;;
  esac
}

# read_nat TOOL: the rules (-A) and chains (-N) of the whole nat table in $nat, or what went wrong in
# $detail. What it could not list, in its own words, is in $unlisted.
read_nat() {
  # shellcheck disable=SC2046 # one word a line
  if nat=$("$1" $(lock_flag "$1") -t nat -S 2>&1 </dev/null); then
    unlisted=$(printf '%s\n' "$nat" | grep -v '^-' | grep -e incompatible -e unsupported)
    nat=$(printf '%s\n' "$nat" | grep -e '^-A ' -e '^-N ')
    return 0
  fi
  detail="$1 -t nat -S: $nat"
  return 1
}

read_nft() {
  nat='' detail='' unlisted=''
  if [ -z "$tool_nft" ]; then
    state=absent detail="no iptables-nft here"
  elif read_nat "$tool_nft"; then
    state=read detail=$("$tool_nft" -V 2>/dev/null)
  else
    state=failed nat=''
    # A kernel without nf_tables holds no such rules. Only the two answers that mean just that
    # are taken for it, the ambiguous one only while the module is not loaded.
    case $detail in
    *'Failed to initialize nft: Protocol not supported'*) state=empty ;;
    *'generation id: Invalid argument'*)
      if [ -r /proc/modules ] && ! grep '^nf_tables ' /proc/modules >/dev/null 2>&1; then state=empty; fi
      ;;
    esac
  fi
}

read_legacy() {
  nat='' detail='' unlisted=''
  # The kernel lists the legacy tables that exist in this network namespace. Asking iptables-legacy
  # instead would create them.
  if [ ! -e /proc/net/ip_tables_names ]; then
    state=empty detail="the kernel has no legacy tables loaded"
  elif tables=$(cat /proc/net/ip_tables_names 2>/dev/null) &&
    case "$NEWLINE$tables$NEWLINE" in *"${NEWLINE}nat$NEWLINE"*) false ;; esac then
    state=empty detail="there is no legacy nat table here"
  elif [ -z "$tool_legacy" ]; then
    state=failed detail="there is a legacy nat table, but no iptables-legacy here to read it with"
  elif read_nat "$tool_legacy"; then
    state=read detail=$("$tool_legacy" -V 2>/dev/null)
  else
    state=failed nat=''
  fi
}

# rows_of BACKEND NAT: rows "BACKEND POSITION KIND INTERFACE SPEC" for every rule that matters here, in
# the order in which requests come to them. A rule in a chain that PREROUTING jumps to stands at the
# position of the jump; INTERFACE is then the narrower of the two, as far as that can be told. Position
# 0: in a chain that requests do not come to.
rows_of() {
  of=$1 listing=$2 at=0 walked=''
  chains=" $(printf '%s\n' "$listing" | sed -n -e 's/^-N //p' | tr '\n' ' ')"
  for line in $listing; do
    case $line in "-A $CHAIN "*) ;; *) continue ;; esac
    at=$((at + 1)) to_walk=''
    judge "$line" no plain -
    walk
  done
  for line in $(printf '%s\n' "$listing" | grep -F "$METADATA"); do
    classify "$line"
    # Pods' requests do not pass the chains for what the node itself sends, or for what leaves it.
    case $kind:${rule_chain-} in
    foreign:* | competing:* | *:"$CHAIN" | unread:OUTPUT | unread:INPUT | unread:POSTROUTING) continue ;;
    esac
    case "$NEWLINE$walked" in
    *"$NEWLINE$rule_chain "*) ;;
    *) printf '%s\n' "$of 0 $kind $iface $line" ;;
    esac
  done
}

# judge SPEC NAMED VIA INTERFACE: prints the row of a rule to which requests of INTERFACE come at
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
  *" $jump "*)
    # Its own rules say what it does. From one that was gone to, nothing comes back to PREROUTING.
    [ "$rule_chain $going" = "$CHAIN -g" ] || kind=foreign
    to_walk="$to_walk${to_walk:+$NEWLINE}$jump $named $(via_next) $iface"
    ;;
  esac
  [ "$kind" = foreign ] || printf '%s\n' "$of $at $kind $iface $1"
}

# Prints the rows of the chains in $to_walk, rows "CHAIN NAMED VIA INTERFACE", and of those that they
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
    # Of thousands of Services, those at an address of their own see no request.
    for line in $(printf '%s\n' "$listing" | grep -F -e "-A $way_chain " |
      sed -e "/^-A [^ ]* -d $METADATA\/32 /b" -e '/^-A [^ ]* -d [0-9.]*\/32 /d'); do
      case $line in "-A $way_chain "*) ;; *) continue ;; esac
      judge "$line" "$way_named" "$way_via" "$way_iface" || break
    done
  done
}

# Reads both sets of tables: chain_nft, chain_legacy (PREROUTING as printed), rows, state_*, detail_*.
# Fails where a set could not be read.
snapshot() {
  read_nft
  state_nft=$state detail_nft=$detail nat_nft=$nat unlisted_nft=$unlisted
  read_legacy
  state_legacy=$state detail_legacy=$detail nat_legacy=$nat
  chain_nft=$(printf '%s\n' "$nat_nft" | grep "^-A $CHAIN ")
  chain_legacy=$(printf '%s\n' "$nat_legacy" | grep "^-A $CHAIN ")
  rows=$(
    rows_of nft "$nat_nft"
    rows_of legacy "$nat_legacy"
  )
  [ "$state_nft" != failed ] && [ "$state_legacy" != failed ]
}

# split_row ROW sets backend place kind iface spec.
split_row() {
  spec=$1
  backend=${spec%% *} spec=${spec#* }
  place=${spec%% *} spec=${spec#* }
  kind=${spec%% *} spec=${spec#* }
  iface=${spec%% *} spec=${spec#* }
}

# rows_with KIND [BACKEND]
rows_with() {
  for row in $rows; do
    split_row "$row"
    if [ "$kind" = "$1" ] && [ "${2:-$backend}" = "$backend" ]; then printf '%s\n' "$row"; fi
  done
}

# places_of KIND [BACKEND]: rows "BACKEND POSITION SPEC".
places_of() {
  for row in $(rows_with "$@"); do
    split_row "$row"
    printf '%s\n' "$backend $place $spec"
  done
}

# interfaces_of SYSTEM: of its rules, one a line.
interfaces_of() {
  for row in $(rows_with "$1"); do
    split_row "$row"
    printf '%s\n' "$iface"
  done
}

# serves SYSTEM INTERFACE: one of SYSTEM's rules takes all of INTERFACE's traffic; where INTERFACE is
# not known (empty), any rule of SYSTEM's will do.
serves() {
  for row in $(rows_with "$1"); do
    split_row "$row"
    if [ -z "$2" ] || covers "$iface" "$2"; then return 0; fi
  done
  return 1
}

# shielded BACKEND POSITION SYSTEM INTERFACE: a rule of SYSTEM's comes before that position and takes
# all of INTERFACE's traffic. In the other set of tables none does: their order cannot be read.
shielded() {
  for row in $(rows_with "$3" "$1"); do
    split_row "$row"
    if [ "$place" -lt "$2" ] && covers "$iface" "$4"; then return 0; fi
  done
  return 1
}

# rivals_of SYSTEM INTERFACE: rows of rules that are, or may be, somebody else's and could take
# INTERFACE's requests before a rule of SYSTEM's does.
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
# Nor is it known where a rule in front of it is somebody else's, or cannot be read.
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

# ---------------------------------------------------------------------------- nft's own tables

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
  for line in $(printf '%s\n' "$headings" | grep -e '^table ' -e '^[[:space:]]*chain ' -e 'type nat hook prerouting'); do
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
  # In iptables' own table every rule of kube2iam's and kiam's would count: so the chain alone, and
  # where it leads on, the answer is yes.
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

# ---------------------------------------------------------------------------- the node

boot_id() { cat /proc/sys/kernel/random/boot_id 2>/dev/null || :; }

# IPv4 addresses of this machine, one a line.
own_addresses() { sed -n -e '/|-- /{s/.*|-- //;h;}' -e '/host LOCAL/{g;p;}' /proc/net/fib_trie; }

# Is --host-ip one of this machine's addresses? Rules for another node's address would be written
# to the wrong machine otherwise.
check_node() {
  if [ "$(id -u)" != 0 ]; then
    problem not-root "runs as $(id -un 2>/dev/null || id -u), but reading nat rules takes root. Over SSH: give the user sudo without a password."
  fi
  if [ ! -r /proc/net/fib_trie ]; then
    problem wrong-node "/proc/net/fib_trie cannot be read, so whether $host_ip is this machine's address is not known."
  else
    case "$NEWLINE$(own_addresses)$NEWLINE" in
    *"$NEWLINE$host_ip$NEWLINE"*) ;;
    *) problem wrong-node "$host_ip is not an address of this machine ($(uname -n)): this is another node than the one meant. Check the worker's address, the SSH host and its pinned key." ;;
    esac
  fi
}

# Established connections to kube2iam's port: rows "ADDRESS PORT". The kernel prints addresses as
# words in host byte order (little-endian wherever kiam runs); a Go server's IPv4 peers are in tcp6.
connections() {
  port_hex=$(printf '%04X' "$kube2iam_port")
  peers=$(grep -hE "^ *[0-9]+: [0-9A-F]+:$port_hex [0-9A-F]+:[0-9A-F]{4} 01 " /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    sed -E 's/^ *[0-9]+: [^ ]+ ([0-9A-F]*)([0-9A-F]{2})([0-9A-F]{2})([0-9A-F]{2})([0-9A-F]{2}):([0-9A-F]{4}) .*/\1. \5 \4 \3 \2 \6/')
  for peer in $peers; do
    split_words "$peer" ' '
    # shellcheck disable=SC2086 # one word a line
    set -- $words
    case $1 in
    . | 0000000000000000FFFF0000.) address=$((0x$2)).$((0x$3)).$((0x$4)).$((0x$5)) ;;
    *) address=$(printf '%s\n' "${1%.}$5$4$3$2" | sed -E 's/(..)(..)(..)(..)/\4\3:\2\1:/g; s/:$//') ;;
    esac
    printf '%s\n' "$address $((0x$6))"
  done
}

find_http_client() {
  http_client=''
  # No proxy has a say in what the node's own address answers.
  unset http_proxy HTTP_PROXY https_proxy HTTPS_PROXY all_proxy ALL_PROXY
  if command -v curl >/dev/null 2>&1; then
    http_client=curl
  elif command -v wget >/dev/null 2>&1; then
    http_client=busybox-wget
    case $(wget --version 2>/dev/null) in *GNU*) http_client=gnu-wget ;; esac
  fi
}

# wget's own limit is for single reads, and that of Debian's busybox-static 1.35 crashes: so a
# watchdog. It uses KILL, because TERM may be ignored by then.
bounded() {
  "$@" &
  child=$!
  (
    sleep "$HTTP_TIME"
    kill -9 "$child"
  ) >/dev/null 2>&1 </dev/null &
  watchdog=$!
  wait "$child"
  bounded_status=$?
  kill -9 "$watchdog" 2>/dev/null
  return "$bounded_status"
}

# http_get URL: succeeds on 200, and leaves what came back in $http_detail.
http_get() {
  case $http_client in
  curl) answer=$(curl -q -sS -f --noproxy '*' --max-time "$HTTP_TIME" "$1" 2>&1 </dev/null) ;;
  gnu-wget) answer=$(bounded wget -q -O - --tries=1 --no-proxy "$1" 2>&1 </dev/null) ;;
  busybox-wget) answer=$(bounded wget -q -O - "$1" 2>&1 </dev/null) ;;
  *)
    http_detail="neither curl nor wget is installed here, so nothing could be asked"
    return 1
    ;;
  esac
  http_status=$?
  answer=$(printf '%s' "$answer" | tr '\n' ' ' | cut -c 1-160)
  # 137: the watchdog's KILL. The shell's own word for it would only confuse.
  if [ "$http_status" -eq 137 ]; then answer="no answer within $HTTP_TIME s"; fi
  if [ "$http_status" -eq 0 ]; then
    http_detail="GET $1: ${answer:-empty answer}"
  else
    http_detail="GET $1 failed: ${answer:-no answer} (${http_client#*-} status $http_status)"
  fi
  return "$http_status"
}

ask() {
  if [ "$1" = kiam ]; then
    http_get "http://$host_ip:$kiam_port/ping" && http_get "http://$host_ip:$kiam_port/health?deep=1"
  else
    http_get "http://$host_ip:$kube2iam_port/healthz"
  fi
}

# healthy SYSTEM before|after TRIES
healthy() {
  tries=$3
  while :; do
    if ask "$1"; then ok=true; else ok=false; fi
    tries=$((tries - 1))
    if [ "$ok" = true ] || [ "$tries" -le 0 ] || [ -z "$http_client" ]; then break; fi
    sleep 1
  done
  health="$health${health:+,}{\"system\":\"$1\",\"when\":\"$2\",\"ok\":$ok,\"detail\":$(json_string "$http_detail")}"
  [ "$ok" = true ]
}

# ---------------------------------------------------------------------------- changing the tables

# change BACKEND -D|-I|-A SPEC [POSITION]
change() {
  tool=$(tool_of "$1") action=$2 position=${4-}
  split_words "${3#"-A $CHAIN "}" ' '
  # shellcheck disable=SC2086 # one word a line; the form was checked by classify
  set -- $words
  if [ -n "$position" ]; then set -- "$position" "$@"; fi
  # shellcheck disable=SC2046 # one word a line
  change_detail=$("$tool" $(lock_flag "$tool") -t nat "$action" "$CHAIN" "$@" 2>&1 </dev/null)
}

# From here on the script ends by itself only. Ignored signals are inherited, so iptables is not
# interrupted either.
begin_change() {
  trap '' HUP INT TERM PIPE
  # Whoever does not answer now keeps pods waiting: one short try, and an undo that may turn out
  # needless, are better than a long outage.
  HTTP_TIME=2
}

# Every change made, the newest first: rows "-D|-I BACKEND POSITION SPEC", the position being that
# at the very moment.
noted() { journal="$1${journal:+$NEWLINE}$journal"; }

# delete_rules PLACES: in ascending order. -D deletes the first of several equal rules, so in this
# order each is noted with the place that it really had.
delete_rules() {
  gone_nft=0 gone_legacy=0
  for row in $1; do
    split_place "$row"
    change "$backend" -D "$spec" || return 1
    removed="$removed${removed:+$NEWLINE}$row"
    if [ "$backend" = nft ]; then
      noted "-D nft $((place - gone_nft)) $spec"
      gone_nft=$((gone_nft + 1))
    else
      noted "-D legacy $((place - gone_legacy)) $spec"
      gone_legacy=$((gone_legacy + 1))
    fi
  done
}

# Takes back what the journal holds, the newest first, so that every rule is where it was. What
# could not be taken back is in $stuck.
take_back() {
  stuck=''
  for step in $journal; do
    split_place "${step#* }"
    case $step in
    -I*) change "$backend" -D "$spec" ;;
    *) insert_again "$backend" "$place" "$spec" ;;
    esac || stuck="$stuck $backend: $spec ($change_detail);"
  done
}

# insert_again BACKEND POSITION SPEC: for the way back, which should not fail for a busy lock.
insert_again() {
  for try in 1 2 3; do
    if change "$1" -I "$3" "$2"; then return 0; fi
    say "putting the rule back, try $try: $change_detail"
    # If the chain became shorter meanwhile: first if it was in force, last if it slept.
    if [ "$before_force" = "$system" ]; then
      if change "$1" -I "$3" 1; then return 0; fi
    elif change "$1" -A "$3"; then
      return 0
    fi
    sleep 1
  done
  return 1
}

# What the way back needs: kube2iam's rules as they stand, else the one it would write.
note_way_back() {
  way_back_json=null
  all=$(
    for row in $(rows_with kube2iam); do
      split_row "$row"
      # Such a name no stack, and no command line, keeps: where it is unused, nothing is lost.
      if [ "$iface" = - ] || is_interface "$iface"; then printf '%s\n' "$backend $spec"; fi
    done
  )
  unique=''
  for entry in $all; do
    case "$NEWLINE$unique$NEWLINE" in *"$NEWLINE$entry$NEWLINE"*) continue ;; esac
    unique="$unique${unique:+$NEWLINE}$entry"
  done
  source=live
  if [ -z "$unique" ]; then
    source=derived backend=$default_backend iface=$interface
    for row in $(rows_with kiam); do
      split_row "$row"
      iface=${interface:-$iface}
      break
    done
    [ -z "$iface" ] || unique="$backend $(rule_spec "$iface" "$kube2iam_port")"
  fi
  way_back_all_json=$(json_captured "$unique")
  for entry in $unique; do
    way_back_json=$(json_array "$entry" 's/^\([a-z]*\) \(.*\)$/{"backend":"\1","spec":"\2","source":"'"$source"'"}/')
    way_back_json=${way_back_json#?}
    way_back_json=${way_back_json%?}
    break
  done
}

# The state before anything is changed, with what is wrong with it in itself.
look() {
  check_node
  find_tools
  if [ -z "$tool_nft$tool_legacy" ]; then
    problem no-iptables "neither iptables, iptables-nft nor iptables-legacy is installed here: no rule can be seen or changed."
  fi
  snapshot || :
  for pair in "nft $state_nft $detail_nft" "legacy $state_legacy $detail_legacy"; do
    case $pair in
    'nft failed '* | 'legacy failed '*)
      problem backend-unreadable "the ${pair%% *} tables could not be read (${pair#* failed }). A rule may stand there unseen, so nothing is safe to change."
      ;;
    'nft absent '*)
      notice backend-absent "the nft tables were not looked at: no iptables-nft is installed here. Rules there, if any, are not in this report."
      ;;
    esac
  done
  look_for_native
  before_chains="nft:$chain_nft legacy:$chain_legacy"
  before_json=$(json_state)
  before_force=$(in_force)
  case $(first_of nft):$(first_of legacy) in
  kube2iam:kiam | kiam:kube2iam)
    notice order-unknown "kube2iam's and kiam's rules stand in different sets of tables (nft and legacy): which comes first cannot be read."
    ;;
  esac
  check_unread
  check_native
  note_way_back
}

# How to have rules read that this machine's iptables cannot.
READ_THEM="It was written by a newer iptables than the one here, so let the one that wrote it judge it: run this in kiam's or kube2iam's own pod on this worker, or install an iptables here that is as new as theirs. iptables-save of that pod shows the rule in full."

# back SEVERITY: `notice` for the verbs that lead back to kube2iam, whose rule goes in front of all
# others in the tables anyway, else SEVERITY.
back() { case $verb:$system in restore:* | remove:kiam) printf notice ;; *) printf %s "$1" ;; esac; }

# Rules that iptables itself cannot read are never taken for none.
check_unread() {
  unread_severity=problem
  if [ "$verb" = restore ]; then unread_severity=notice; fi
  for row in $(rows_with unread); do
    split_row "$row"
    "$unread_severity" rule-unread "in the $backend tables a rule may take requests for $METADATA, and iptables here cannot read where it leads or what it matches: $spec. It may be kube2iam's or kiam's. $READ_THEM"
  done
  [ -z "$unlisted_nft" ] || [ -n "$native_seen" ] ||
    "$unread_severity" rule-unread "iptables here cannot list all of the nft table nat ($unlisted_nft): what it leaves out may take requests for $METADATA. Install nft on this worker to have it looked at (nft list table ip nat shows it), then run again."
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

check_forms() {
  for row in $(rows_with unexpected); do
    split_row "$row"
    case $spec in
    '-A OUTPUT '*)
      notice unexpected-form "in the $backend tables, for the node's own processes: $spec. It is left alone; remove it before the system that it leads to goes."
      ;;
    *)
      problem unexpected-form "in the $backend tables a rule leads to kube2iam or kiam without having the form that they write: $spec. What it catches cannot be judged. If kube2iam or kiam wrote it, this machine's iptables is older than theirs and leaves a part of it out: use that of their own pod. Else remove or rewrite it by hand, then run again."
      ;;
    esac
  done
}

# check_takeover SYSTEM OTHER: OTHER's rules must see what each rule of SYSTEM sees, and nothing
# else may stand where it would come next, or comes first already.
check_takeover() {
  if [ -z "$(rows_with "$2")" ]; then
    if [ -n "$(rows_with unread)$(rows_with unexpected)$(not_listed)" ]; then
      problem rule-absent "$2's rule (to $host_ip) is not among the rules that could be read here. It may be one of those that could not: see there."
    else
      problem rule-absent "$2's rule (to $host_ip) is on none of the tables here. Without it pods would get the node's own role. Let $2's pod on this worker write it (--iptables), then run again."
    fi
    return
  fi
  # Of several rules one may be for an interface that went, or never was; if it is the only one, the
  # interface may come with the first pod.
  live=''
  for goes in $(rows_with "$1"); do
    split_row "$goes"
    goes_iface=$iface
    if serves "$2" "$goes_iface"; then live=yes; fi
  done
  for goes in $(rows_with "$1"); do
    split_row "$goes"
    goes_iface=$iface
    if serves "$2" "$goes_iface"; then
      continue
    elif is_unused "$goes_iface" && { [ "$1" = kiam ] || [ -n "$live" ]; }; then
      notice interface-unused "$1's rule is for interface $goes_iface, which this machine does not have: nobody's requests come in by it, so that it can go."
    else
      problem interface-not-covered "$1's rule is for interface $goes_iface, but none of $2's rules is: $(places_of "$2" | tr '\n' ';') Pods behind $goes_iface would get the node's own role. Give $2 the same --host-interface."
    fi
  done
  check_rivals "$2" "$(interfaces_of "$1"; interfaces_of "$2")"
}

# check_rivals SYSTEM INTERFACES: somebody else's rule must not take the requests of one of these
# INTERFACES before a rule of SYSTEM's does. On the way back to kube2iam that is no reason to stop
# where it takes them already.
check_rivals() {
  for rival in $(for each in $2; do rivals_of "$1" "$each"; done | sort -u); do
    split_row "$rival"
    rival_backend=$backend rival_place=$place rival_iface=$iface rival_spec=$spec
    [ "$kind" = competing ] || continue
    severity=problem
    if [ "$1" = kube2iam ] && ! shielded "$rival_backend" "$rival_place" kiam "$rival_iface"; then severity=notice; fi
    case $rival_spec in
    "-A $CHAIN "*) move=it ;;
    *) rival_spec="$rival_spec. $CHAIN jumps there" move="that jump" ;;
    esac
    "$severity" competing-rule "in the $rival_backend tables somebody else's rule for $METADATA comes before $1's: $rival_spec. It is not touched. Move $move behind $1's rule or remove it, then run again."
  done
}

# ---------------------------------------------------------------------------- the verbs

inspect() {
  look
  check_forms
  judged=kiam
  if [ -z "$(rows_with kiam)" ]; then judged=kube2iam; fi
  check_rivals "$judged" "$(interfaces_of "$judged")"
  healthy kube2iam before 1 || :
  healthy kiam before 1 || :
  # Only what could not be read fails here: the rest is for the reader to judge.
  case ",$findings" in
  *'"code":"not-root"'* | *'"code":"wrong-node"'* | *'"code":"backend-unreadable"'* | *'"code":"rule-unread"'* | *'"code":"no-iptables"'*) report refused ;;
  esac
  report ok
}

remove() {
  if [ "$system" = kube2iam ]; then other=kiam; else other=kube2iam; fi
  # Health first, rules second: what is decided on is then as fresh as can be.
  if ! healthy "$other" before "$attempts"; then
    problem unhealthy "$other does not answer on this worker: $http_detail. Pods would be left without credentials. See the log of $other's pod here."
  fi
  look
  check_forms
  check_takeover "$system" "$other"
  if [ "$problems" -gt 0 ]; then
    say "nothing was touched."
    report refused
  fi

  going=$(places_of "$system") other_before=$(places_of "$other" | sed -e 's/^\([a-z]*\) [0-9]* /\1 /')
  if [ -z "$going" ]; then
    say "$system's rule is not here (any more); $other's is, and $other answers. Nothing to do."
    report ok
  fi
  begin_change
  delete_failure=''
  delete_rules "$going" || delete_failure="deleting from the $backend tables failed: $change_detail"
  verify_removal
  [ "$problems" -eq 0 ] || undo_removal
  say "$system's rule is gone, $other's rule is there and $other answers."
  report ok
}

# split_place ROW sets backend place spec.
split_place() {
  spec=$1
  backend=${spec%% *} spec=${spec#* }
  place=${spec%% *} spec=${spec#* }
}

verify_removal() {
  if ! snapshot; then
    problem backend-unreadable "after the change the tables could not be read: $detail_nft $detail_legacy"
    return
  fi
  if [ -n "$(rows_with "$system")" ]; then
    if [ -n "$delete_failure" ]; then
      problem change-failed "$system's rule is still there: $delete_failure"
    else
      problem not-verified "$system's rule is there after its removal: $(places_of "$system" | tr '\n' ';') Did its pod restart just now?"
    fi
  fi
  if [ "$(places_of "$other" | sed -e 's/^\([a-z]*\) [0-9]* /\1 /')" != "$other_before" ]; then
    problem not-verified "$other's rule changed or went while $system's was removed."
  fi
  if [ "$problems" -eq 0 ] && ! healthy "$other" after 1; then
    problem unhealthy "$other stopped answering right after $system's rule was removed: $http_detail. See the log of $other's pod here."
  fi
}

# Exactly what was removed goes back where it was.
undo_removal() {
  take_back
  if snapshot && [ "$before_force" = "$system" ] && [ "$(in_force)" != "$system" ]; then
    # The chain changed under our hands: what was in force before must be so again.
    for row in $removed; do
      split_place "$row"
      insert_again "$backend" 1 "$spec" || :
    done
    snapshot || :
  fi
  for row in $removed; do
    split_place "$row"
    case "$NEWLINE$(chain_of "$backend")$NEWLINE" in
    *"$NEWLINE$spec$NEWLINE"*) ;;
    *) stuck="$stuck $backend: $spec is not there;" ;;
    esac
  done
  if [ -n "$stuck" ] || [ "$(in_force)" != "$before_force" ]; then
    problem undo-failed "$system's rule could NOT be put back:$stuck. First in force is now: $(in_force). Look at this worker now; iptables -t nat -S $CHAIN shows the rules."
    report broken
  fi
  notice undone "what had been removed is back where it was; $system serves this worker as before."
  report undone
}

# usable BACKEND: can be written to.
usable() {
  if [ "$1" = nft ]; then [ -n "$tool_nft" ]; else [ -n "$tool_legacy" ]; fi
}

# Where the captured rules must go: rows "BACKEND SPEC" in $targets, last first, because each is
# inserted at position 1. A rule goes back to the tables it came from and to the top of every set
# of tables that holds a rule of kiam's, or one that cannot be read and may be: which of the two sets is walked first cannot be read, so
# being first is certain only by being first in each of them.
restore_targets() {
  targets=''
  for entry in $wanted; do
    home=${entry%% *} spec_wanted=${entry#* }
    homes=''
    if [ "$home" != - ] && usable "$home"; then homes=$home; fi
    for candidate in nft legacy; do
      if [ "$candidate" != "$homes" ] && [ -n "$(rows_with kiam "$candidate")$(rows_with unread "$candidate")" ]; then
        homes="$homes${homes:+$NEWLINE}$candidate"
      fi
    done
    homes=${homes:-$default_backend}
    for candidate in $homes; do
      case "$NEWLINE$targets$NEWLINE" in *"$NEWLINE$candidate $spec_wanted$NEWLINE"*) continue ;; esac
      targets="$candidate $spec_wanted${targets:+$NEWLINE}$targets"
      if [ "$home" != - ] && [ "$home" != "$candidate" ]; then
        notice other-backend "the rule came from the $home tables; it also goes to (or only, if no tool for those is here) the $candidate tables, so that it comes before kiam's rule, and any that cannot be read, in any case."
      fi
    done
  done
}

# stands_first BACKEND SPEC: nothing that could take its traffic comes before it. Foreign rules for
# other traffic (kube-proxy's, CNI's jumps) may.
stands_first() {
  classify "$2"
  wanted_iface=$iface
  for row in $rows; do
    split_row "$row"
    if [ "$backend" != "$1" ] || [ "$place" -eq 0 ]; then continue; fi
    if [ "$spec" = "$2" ]; then return 0; fi
    case $kind in
    kube2iam) ;;
    *) if overlap "$iface" "$wanted_iface"; then return 1; fi ;;
    esac
  done
  return 1
}

restore() {
  if ! healthy kube2iam before "$attempts"; then
    problem unhealthy "kube2iam does not answer on this worker: $http_detail. Its rule would send pods nowhere. See its pod's log here; while it is down kiam's rule stays in force."
  fi
  look
  if [ "$problems" -gt 0 ]; then
    say "nothing was touched."
    report refused
  fi
  restore_targets
  lacking=''
  for target in $targets; do
    stands_first "${target%% *}" "${target#* }" || lacking="$lacking${lacking:+$NEWLINE}$target"
  done
  if [ -z "$lacking" ]; then
    say "kube2iam's rule comes first already. Nothing to do."
    report ok
  fi
  begin_change
  for target in $lacking; do put_first "${target%% *}" "${target#* }"; done
  verify_restore
  [ "$problems" -eq 0 ] || undo_restore
  say "kube2iam's rule comes first again."
  report ok
}

# sleeping_copies BACKEND SPEC: places of rules equal to SPEC, if every one of them stands behind a
# rule of kiam's that takes all its traffic. All, because -D hits the first.
sleeping_copies() {
  classify "$2"
  wanted_iface=$iface kiam_came=no copies=''
  for row in $rows; do
    split_row "$row"
    if [ "$backend" != "$1" ] || [ "$place" -eq 0 ]; then continue; fi
    if [ "$kind" = kiam ] && covers "$iface" "$wanted_iface"; then kiam_came=yes; fi
    if [ "$spec" != "$2" ]; then continue; fi
    [ "$kiam_came" = yes ] || return 0
    copies="$copies${copies:+$NEWLINE}$backend $place $spec"
  done
  printf '%s\n' "$copies"
}

# put_first BACKEND SPEC. A sleeping copy is deleted before the new one is inserted: -D takes the
# first of two equal rules, so afterwards it would take the wrong one. While neither is there,
# kiam's rule, which stood before the copy, goes on serving.
put_first() {
  # If that fails: it only slept; the one that matters is inserted next.
  delete_rules "$(sleeping_copies "$1" "$2")" ||
    say "a sleeping copy of the rule could not be deleted: $change_detail"
  if change "$1" -I "$2" 1; then
    inserted="$inserted${inserted:+$NEWLINE}$1 1 $2"
    noted "-I $1 1 $2"
  else
    problem change-failed "kube2iam's rule could not be inserted in the $1 tables: $change_detail"
  fi
  # Places have shifted, and a second rule may have to go into the same chain.
  snapshot || :
}

verify_restore() {
  if ! snapshot; then
    problem backend-unreadable "after the change the tables could not be read: $detail_nft $detail_legacy"
    return
  fi
  for target in $targets; do
    stands_first "${target%% *}" "${target#* }" ||
      problem not-verified "kube2iam's rule does not come first in the ${target%% *} tables."
  done
  if [ "$problems" -eq 0 ] && ! healthy kube2iam after 1; then
    problem unhealthy "kube2iam stopped answering right after its rule was put first: $http_detail. See its pod's log here."
  fi
}

# Back to kiam, but only where kiam serves: otherwise kube2iam's rule is the better of two evils.
undo_restore() {
  if [ -n "$inserted" ] && ! healthy kiam after 1; then
    problem undo-failed "kiam does not answer either ($http_detail), so kube2iam's rule stays first. Look at both systems' pods on this worker now."
    report broken
  fi
  undo_all "kiam serves this worker as before"
}

# undo_all WORDS: takes back every change. What it means is said by WORDS.
undo_all() {
  take_back
  if ! snapshot || [ -n "$stuck" ] || [ "$before_chains" != "nft:$chain_nft legacy:$chain_legacy" ]; then
    problem undo-failed "the rules could NOT be brought back to what they were:$stuck. First in force is now: $(in_force). Look at this worker now."
    report broken
  fi
  notice undone "the rules are what they were; $1."
  report undone
}

ensure() {
  if healthy kiam before "$attempts"; then kiam_answers=yes; else kiam_answers=no; fi
  unhealthy_detail=$http_detail
  look
  if [ "$problems" -gt 0 ]; then
    say "nothing was touched."
    report refused
  fi
  iface_wanted=${kiam_interface:-$interface}
  if serves kiam "$iface_wanted"; then
    check_rivals kiam "${iface_wanted:-$iface}"
    if [ "$problems" -gt 0 ]; then
      say "nothing was touched."
      report refused
    fi
    say "kiam's rule is there. Nothing to do."
    report ok
  fi

  if [ "$kiam_answers" = no ]; then
    problem unhealthy "kiam does not answer on this worker: $unhealthy_detail. Its rule would send pods nowhere. See the log of kiam's agent here."
  fi
  seen_interfaces=$(interfaces_of kube2iam | sort -u)
  case $iface_wanted:$seen_interfaces in
  :) problem interface-unknown "kiam's rule is not here, and for which interface it has to be is not known: kube2iam has no rule here to tell. Name it with --kiam-interface or --interface, as kiam's agent has it in --host-interface." ;;
  :*"$NEWLINE"*) problem interface-unknown "kiam's rule is not here, and for which interface it has to be is not known: kube2iam has rules for several ($(printf '%s' "$seen_interfaces" | tr '\n' ' ')). Name it with --kiam-interface or --interface." ;;
  :*) iface_wanted=$seen_interfaces ;;
  esac
  [ -z "$iface_wanted" ] || check_rivals kiam "$iface_wanted"
  if [ "$problems" -gt 0 ]; then
    say "nothing was touched."
    report refused
  fi

  home=$default_backend
  if [ -z "$(rows_with kube2iam "$home")" ]; then
    for row in $(rows_with kube2iam); do
      split_row "$row"
      home=$backend
    done
  fi
  begin_change
  append_rule "$home" "$(rule_spec "$iface_wanted" "$kiam_port")"
  [ "$problems" -gt 0 ] || verify_ensure
  [ "$problems" -eq 0 ] || undo_all "kiam's rule is not here, as before"
  say "kiam's rule is there again, in the $home tables, and kiam answers. First in force is: $(in_force)."
  report ok
}

# append_rule BACKEND SPEC: at the end, as the agent itself does.
append_rule() {
  end=$(($(chain_of "$1" | grep -c '^-A ') + 1))
  if change "$1" -A "$2"; then
    inserted="$1 $end $2"
    noted "-I $1 $end $2"
  else
    problem change-failed "kiam's rule could not be appended in the $1 tables: $change_detail"
  fi
}

verify_ensure() {
  if ! snapshot; then
    problem backend-unreadable "after the change the tables could not be read: $detail_nft $detail_legacy"
    return
  fi
  if ! serves kiam "$iface_wanted"; then
    problem not-verified "kiam's rule is not there, right after it was appended. Does something on this worker delete it (a preStop hook, a script)?"
  elif ! healthy kiam after 1; then
    problem unhealthy "kiam stopped answering right after its rule was appended: $http_detail. See the log of kiam's agent here."
  fi
}

# ---------------------------------------------------------------------------- connections to kube2iam

# Whole seconds since boot: no clock that somebody sets.
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

# list_clients FILTER: who holds an established connection that fits it, the worker itself not
# counted, as rows "STATE SINCE LOCAL ADDRESS PORT" in $clients. SINCE: milliseconds since the last
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
  case $1$2 in *[!0-9]*) return 0 ;; esac # the heading, a warning
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

# may_close STATE: whether such a connection is to be closed now. $closing: `idle` during --wait;
# after it, with --left close, `quiet` (whoever waits for no answer), then `all`; `none` where the
# kernel closes nothing.
may_close() {
  case $closing:$1 in
  idle:idle | quiet:idle | quiet:recent) return 0 ;;
  all:idle | all:recent | all:waiting | all:queued | all:unknown) return 0 ;;
  esac
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
    *"$NEWLINE"[0-9]*) # ss lists what it has closed
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

# Whoever is closed connects again at once: that must lead to kiam, and nowhere else.
check_kiam_alone() {
  if [ -n "$(rows_with kube2iam)" ]; then
    problem rule-present "kube2iam's rule is (still, or again) here: $(places_of kube2iam | tr '\n' ';') A client whose connection is closed could come back to kube2iam. Cut this worker over first."
  fi
  if [ -z "$(rows_with kiam)" ]; then
    problem rule-absent "kiam's rule (to $host_ip) is on none of the tables here. A client whose connection is closed would get the node's own role. See that kiam's rule is put back (ensure), then run again."
  elif ! serves kiam "$interface"; then
    problem interface-not-covered "kube2iam's rule was for interface $interface, but none of kiam's rules is: $(places_of kiam | tr '\n' ';') A client behind $interface whose connection is closed would get the node's own role."
  else
    check_rivals kiam "${interface:-$(interfaces_of kiam)}"
  fi
}

drain() {
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
  own=$(own_addresses) kiam_failed='' closing=idle forgotten=0
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
  left=$(
    for client in $clients; do
      split_client "$client"
      printf '%s\n' "$address $port"
    done
  )
  if [ -n "$clients" ]; then
    notice connections-left "$(words_for_clients)"
  else
    say "no connection to kube2iam is left."
  fi
  report ok
}

# Seconds that the kernel remembers where a connection that was reset was sent to. A new one that
# happens to have the same ports within them is sent there, too, whatever the rules say: to
# kube2iam, so that must not end before.
memory_of_closed() {
  # Not by `read`: dash reads byte by byte, and of this file only the first read gives anything.
  value=$(cat /proc/sys/net/netfilter/nf_conntrack_tcp_timeout_close 2>/dev/null)
  case $value in '' | *[!0-9]* | ?????*) value=10 ;; esac # the kernel's default
  if [ "$value" -gt 60 ]; then value=60; fi
  printf %s $((value + 1))
}

# The time that clients were given is over. Whoever is left may be closed more freely, if at all.
close_more() {
  case $left_over:$closing in
  close:idle) closing=quiet deadline=$((now + QUIET_TIME)) ;;
  close:quiet) closing=all deadline=$((now + CLOSE_PATIENCE)) ;;
  *) return 1 ;;
  esac
}

any_to_close() {
  for client in $clients; do
    split_client "$client"
    if may_close "$state"; then return 0; fi
  done
  return 1
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

main() {
  set -f # nothing is a file name pattern here
  IFS=$NEWLINE
  LC_ALL=C
  PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
  export LC_ALL PATH
  problems=0 findings='' health='' removed='' inserted='' journal='' closed=''
  unset left # the connections that a drain left, once it has looked
  arguments "$@"
  find_http_client
  case $verb in
  inspect) inspect ;;
  remove) remove ;;
  restore) restore ;;
  ensure) ensure ;;
  drain) drain ;;
  esac
}

{
  main "$@" </dev/null
  exit
}
